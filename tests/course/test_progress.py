"""The map of the exercises, on a small course of two chapters with verdicts made by `check` itself or by hand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minidistil
from minidistil.cli.main import main
from minidistil.course.chapters import read_chapter
from minidistil.course.progress import LEGEND, hint, progress, remember
from minidistil.course.verdict import Result, Verdict
from tests.course.small_course import STUB, write_chapter

STUBS = '''def is_punctuation(char):
    """A docstring."""
    raise NotImplementedError


def normalize(text):
    raise NotImplementedError("later")
'''


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with two chapters, in the current folder, and a cache of its own."""
    write_chapter(tmp_path, "ch01_wordpiece", STUBS, ["is_punctuation", "normalize"])
    test = "def test_it(impl):\n    assert impl.join_heads(1) == 2\n"
    write_chapter(tmp_path, "ch03_attention", STUB, ["join_heads"], test)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def judged(key: str, *states: str) -> None:
    chapter = read_chapter(key)
    results = [Result(name, state) for name, state in zip(chapter.hints, states, strict=True)]
    remember(Verdict(chapter, chapter.path.resolve(), results, []))


def test_a_fresh_course_is_not_begun(course: Path) -> None:
    assert list(progress()) == [
        "ch01  The ch01  ..  not begun: exercises/ch01_wordpiece.py",
        "ch03  The ch03  .   not begun: exercises/ch03_attention.py",
        LEGEND,
        "0 of 2 chapters done.",
    ]


def test_what_is_written_shows_without_a_check_and_a_verdict_holds_until_the_file_changes(course: Path) -> None:
    path = course / "exercises" / "ch01_wordpiece.py"
    path.write_text(STUBS.replace("raise NotImplementedError\n", "return False\n", 1))
    assert "o.  1 of 2 written; next: minidistil check ch01" in next(progress())
    judged("ch01", "failed", "not written")
    assert "x.  0 of 2 pass; next: is_punctuation" in next(progress())
    judged("ch01", "passed", "not written")
    assert "#.  1 of 2 pass; next: normalize" in next(progress())
    judged("ch01", "passed", "passed")
    lines = list(progress())
    assert "##  done: 2 of 2 pass" in lines[0]
    assert lines[-1] == "1 of 2 chapters done."
    path.write_text(path.read_text() + "\n")
    assert "o.  1 of 2 written" in next(progress())


def test_the_next_hint_is_for_the_first_exercise_that_is_not_written(course: Path) -> None:
    path = course / "exercises" / "ch01_wordpiece.py"
    assert hint("ch01").startswith("is_punctuation, hint 1 of 3: a\n")
    path.write_text(STUBS.replace("raise NotImplementedError\n", "return False\n", 1))
    assert hint("ch01", 3) == "normalize, hint 3 of 3: c"
    path.write_text("def is_punctuation(char): ...\ndef normalize(text): ...\n")
    judged("ch01", "passed", "failed")
    assert hint("ch01").startswith("normalize, hint 1 of 3: a\n")
    judged("ch01", "passed", "passed")
    with pytest.raises(ValueError, match=r"are right.* is_punctuation, normalize"):
        hint("ch01")


def test_for_the_next_hint_a_chapter_that_is_written_is_checked(course: Path) -> None:
    (course / "exercises" / "ch03_attention.py").write_text("def join_heads(heads):\n    return 1\n")
    assert hint("3").startswith("join_heads, hint 1 of 3: a\nOne more: minidistil hint ch03 2")


@pytest.mark.parametrize(
    "typed", [["hint", "ch1", "normalize"], ["hint", "01", "1", "normalize"], ["hint", "1", "normalize", "1"]]
)
def test_the_number_of_a_hint_may_be_left_out_or_stand_last(
    typed: list[str], course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == 0
    assert capsys.readouterr().out.startswith("normalize, hint 1 of 3: a")


@pytest.mark.parametrize("damaged", [b"", b"# 1\n## normalize\n1. a\n", b"# 1\n\xff"])
def test_hints_that_are_damaged_are_named(damaged: bytes, course: Path) -> None:
    path = course / "exercises" / "hints" / "ch01.md"
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        hint("ch01")


def test_a_verdict_on_another_file_is_not_the_chapters(course: Path) -> None:
    chapter = read_chapter("ch01")
    remember(Verdict(chapter, course / "mine.py", [Result("is_punctuation", "passed")], []))
    assert not (course / "cache").exists()


def test_a_file_that_python_cannot_read_does_not_hide_the_others(course: Path) -> None:
    (course / "exercises" / "ch01_wordpiece.py").write_text("def broken(:\n")
    lines = list(progress())
    assert "??  ch01_wordpiece.py, line 1: Python cannot read it" in lines[0]
    assert lines[1].startswith("ch03")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"file": 1}'])
def test_a_spoiled_cache_counts_as_none(course: Path, content: str) -> None:
    judged("ch01", "passed", "passed")
    (course / "cache" / "verdicts" / "ch01.json").write_text(content)
    assert "not begun" in next(progress())


def test_the_command_checks_again_what_changed(course: Path) -> None:
    (course / "exercises" / "ch03_attention.py").write_text("def join_heads(heads):\n    return 2\n")
    command = [sys.executable, "-m", "minidistil", "progress", "--check"]
    environment = os.environ | {"PYTHONPATH": str(Path(minidistil.__file__).parent.parent)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert "ch03  The ch03  #   done: 1 of 1 pass\n" in result.stdout
    assert json.loads((course / "cache" / "verdicts" / "ch03.json").read_text())["states"] == {"join_heads": "passed"}
