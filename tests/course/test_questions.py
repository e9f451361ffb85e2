"""Questions to click: how they are read, shown and counted, and that the course's own are well formed."""

from pathlib import Path
from typing import Any

import pytest

import minidistil as md
from minidistil.course.progress import progress
from minidistil.course.questions import Question, answers, read_questions
from tests.course.small_course import STUB, write_chapter
from tests.test_readme import ROOT

TEXT = """# Questions

## What does `softmax` do
to a row?
- [ ] It sorts it.
  Then `max` would be first.
- [x] Its sum is 1.
  Each value is divided
  by the sum.

## Is <K> wide?
- [x] Yes.
  It is.
- [ ] No.
  It is not.
"""
WRITTEN = sorted(path.stem for path in (ROOT / "exercises" / "questions").glob("ch*.md"))


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_chapter(tmp_path, "ch03_attention", STUB, ["join_heads"])
    (tmp_path / "exercises" / "questions").mkdir()
    (tmp_path / "exercises" / "questions" / "ch03.md").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def rows(widget: Any, question: int) -> list[tuple[Any, Any]]:
    """Button and explanation of each choice."""
    return [(row.children[0], row.children[1].children[1]) for row in widget.children[question].children[1:]]


def test_a_file_is_read_with_its_choices_and_explanations(course: Path) -> None:
    first, second = read_questions("ch03")
    assert first.question == "What does `softmax` do to a row?"
    assert [(c.text, c.explanation, c.right) for c in first.choices] == [
        ("It sorts it.", "Then `max` would be first.", False),
        ("Its sum is 1.", "Each value is divided by the sum.", True),
    ]
    assert len(second.choices) == 2


def test_what_is_clicked_is_explained_and_what_is_right_counts(course: Path) -> None:
    assert "questions: 0 of 2" in next(progress())
    widget = md.quiz("ch3").widget()
    (wrong, why), (right, because) = rows(widget, 0)
    wrong.click()
    assert "would be first" in why.value
    assert answers("ch03") == (0, 2)
    right.click()
    assert "divided by the sum" in because.value
    assert "questions: 1 of 2" in next(progress())
    rows(widget, 1)[0][0].click()
    right.click()
    assert answers("ch03") == (2, 2)


def test_a_question_that_was_changed_is_to_be_answered_again(course: Path) -> None:
    rows(md.quiz("ch03").widget(), 0)[1][0].click()
    path = course / "exercises" / "questions" / "ch03.md"
    path.write_text(TEXT.replace("a row", "a column"), encoding="utf-8")
    assert answers("ch03") == (0, 2)


@pytest.mark.parametrize("content", ["", "{}", '[{"a": 1}]', "3"])
def test_damaged_answers_are_none(course: Path, content: str) -> None:
    (course / "cache" / "answers").mkdir(parents=True)
    (course / "cache" / "answers" / "ch03.json").write_text(content)
    assert answers("ch03") == (0, 2)


def test_a_page_folds_and_text_lists_the_choices(course: Path) -> None:
    shown = md.quiz("ch03")._repr_mimebundle_()
    assert "( ) Its sum is 1." in shown["text/plain"]
    assert "divided" not in shown["text/plain"]
    assert shown["text/html"].count("<details>") == 4
    assert shown["text/html"].count("</details><br><p><strong>") == 1  # between the two questions
    assert "<code>softmax</code>" in shown["text/html"]
    assert "&lt;K&gt;" in shown["text/html"]
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("[x] Yes", "[ ] Yes"), ("[ ] No", "[x] No"), ("  It is.\n", ""), ("- [ ] No.\n  It is not.\n", "")],
)
def test_a_malformed_question_is_named(course: Path, old: str, new: str) -> None:
    (course / "exercises" / "questions" / "ch03.md").write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=r"ch03\.md.*Is <K> wide"):
        md.quiz("ch03")


def test_a_chapter_without_questions_says_which_file_is_missing(course: Path) -> None:
    (course / "exercises" / "questions" / "ch03.md").unlink()
    with pytest.raises(FileNotFoundError, match=r"ch03\.md"):
        md.quiz("ch03")
    assert "questions" not in next(progress())


@pytest.mark.parametrize(("choices", "answer"), [({"a": "b"}, "a"), ({"a": "b", "c": "d"}, "e")])
def test_a_prediction_needs_choices_with_the_answer(choices: dict[str, str], answer: str) -> None:
    with pytest.raises(ValueError, match=repr(answer)):
        md.predict("What?", choices, answer)


def test_a_prediction_knows_its_right_answer() -> None:
    (asked,) = md.predict("What?", {"a": "no, b", "b": "yes, b"}, answer="b").questions
    assert [choice.right for choice in asked.choices] == [False, True]


@pytest.mark.parametrize("key", WRITTEN)
def test_the_courses_own_questions_are_different_and_can_be_read(key: str) -> None:
    questions: list[Question] = read_questions(key)
    assert 6 <= len({each.question for each in questions}) == len(questions) <= 10
    for each in questions:
        assert len({choice.text for choice in each.choices}) == len(each.choices)


def test_the_right_answer_is_not_always_in_the_same_place() -> None:
    places = [[c.right for c in q.choices].index(True) for key in WRITTEN for q in read_questions(key)]
    assert all(places.count(place) < 0.6 * len(places) for place in set(places)) or len(places) < 10
