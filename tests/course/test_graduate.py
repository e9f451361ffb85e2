"""The learner's pieces run the official model: whole, in part, wrong, and broken."""

import shutil
from pathlib import Path

import pytest

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch03_attention import attention
from minidistil.ch04_encoder import encoder
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.cli.main import main
from minidistil.course.chapters import course_folder, read_chapter
from minidistil.course.graduate import KNOWN, SENTENCE, Graduation, graduate

COURSE = course_folder()
KEYS = ("ch01", "ch02", "ch03", "ch04")
TEXT = "The caf\u00e9 has a [MASK]."


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The exercises of the first chapters, not written yet, in the current folder."""
    for key in KEYS:
        chapter = read_chapter(key)
        (tmp_path / "exercises" / "hints").mkdir(parents=True, exist_ok=True)
        shutil.copy2(chapter.path, tmp_path / "exercises")
        shutil.copy2(COURSE / "exercises" / "hints" / f"{key}.md", tmp_path / "exercises" / "hints")
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "exercises"


def solve(mine: Path, key: str, ending: str = "") -> Path:
    solution = COURSE / "tests" / read_chapter(key).name / "correct" / "base.py"
    path = mine / read_chapter(key).path.name
    path.write_text(solution.read_text(encoding="utf-8") + ending, encoding="utf-8")
    return path


def whose(result: Graduation, part: str) -> set[str]:
    return {name for each in result.pieces for name in getattr(each, part)()}


def test_all_pieces_are_the_learners_and_say_what_the_package_says(mine: Path) -> None:
    own = attention.MultiHeadAttention, encoder.Encoder
    for key in KEYS:
        solve(mine, key)
    result = graduate(TEXT)
    assert result.equal
    yours = whose(result, "yours")
    assert {"normalize", "longest_match", "MultiHeadAttention", "Embeddings", "Block", "Encoder"} <= yours
    assert not whose(result, "packages")
    assert "token_weights" not in yours  # written, but nothing is masked at random here
    text = "\n".join(result.lines())
    assert f"Graduated: all {len(yours)} exercises" in text
    unused = next(line for line in text.splitlines() if "not used" in line)
    assert all(name in unused for name in ("count_pairs", "merge_pair", "truncate"))
    assert result.guesses is not None
    assert str(result.guesses[0]["token_str"]) in text
    assert (attention.MultiHeadAttention, encoder.Encoder) == own  # the package is itself again


def test_what_is_missing_comes_from_the_package_and_is_said(mine: Path) -> None:
    solve(mine, "ch03")
    (mine / "ch01_wordpiece.py").write_text("def broken(:\n")
    result = graduate(TEXT)
    assert result.equal
    assert whose(result, "yours") >= {"MultiHeadAttention"}
    assert whose(result, "packages") == {"Embeddings", "Block", "Encoder"}
    text = "\n".join(result.lines())
    assert "package's  Embeddings, Block, Encoder" in text
    assert "ch01_wordpiece.py, line 1: Python cannot read it" in text
    yours = len(whose(result, "yours"))
    assert f"{yours} of the {yours + 3} exercises" in text


def test_a_wrong_piece_shows(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ending = "\n\ndef join_heads(heads):\n    return heads.reshape(heads.shape[0], heads.shape[2], -1)\n"
    solve(mine, "ch03", ending)
    assert main(["graduate", TEXT]) == 1
    assert "Not the same" in capsys.readouterr().out


def test_an_error_in_the_learners_code_is_said_with_its_line(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = solve(mine, "ch03", "\n\ndef join_heads(heads):\n    raise RuntimeError('planted')\n")
    assert main(["graduate", TEXT]) == 1
    line = len(path.read_text(encoding="utf-8").splitlines())
    said = capsys.readouterr().out
    assert f"RuntimeError: planted ({path}, line {line})" in said
    assert "yours" not in said
    (called,) = [line for line in said.splitlines() if "called before the error" in line]
    assert "MultiHeadAttention" in called


def test_of_a_loop_and_of_wrong_arguments_no_line_of_the_package_is_blamed(mine: Path) -> None:
    solve(mine, "ch03", "\n\ndef join_heads():\n    return 1\n")
    error = graduate(TEXT).error
    assert error.startswith("TypeError: ")
    assert "minidistil/course/learner.py" not in error
    path = solve(mine, "ch03", "\n\ndef join_heads(heads):\n    exit()\n")
    assert graduate(TEXT).error.startswith(
        f"ProgramEndError: it raises SystemExit: None, which ends a program ({path}, line"
    )


def test_what_the_package_says_is_known_where_its_code_is_withheld(
    mine: Path, monkeypatch: pytest.MonkeyPatch, teacher: MaskedLM, tokenizer: WordPiece
) -> None:
    said = fill_mask(SENTENCE, teacher, tokenizer)
    assert [(each["token"], each["token_str"]) for each in said] == [known[:2] for known in KNOWN]
    assert [each["score"] for each in said] == pytest.approx([known[2] for known in KNOWN], abs=1e-5)
    monkeypatch.setattr("minidistil.course.graduate.replaced", {"attention_weights"})
    own = attention.attention_weights  # as in a copy, the learner's in place of the package's: no division by sqrt(K)
    monkeypatch.setattr(attention, "attention_weights", lambda query, *rest: own(query * query.shape[-1] ** 0.5, *rest))
    monkeypatch.setattr(attention, "_formula_is_faster", lambda states: True)
    assert not graduate().equal
    other = graduate(TEXT)
    assert not other.equal
    assert SENTENCE in "\n".join(other.lines())  # the only one that can be compared


def test_nothing_to_fill_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graduate", "Nothing."]) == 2
    assert "0 [MASK]" in capsys.readouterr().err
