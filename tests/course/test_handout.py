"""The students' copy: what is withheld is nowhere in it, and it runs on the learner's own code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minidistil.cli.main import main
from minidistil.course.chapters import Chapter, course_folder, read_chapter
from minidistil.course.handout import handout
from minidistil.course.stubs import definitions, is_stub, lines_of

COURSE = course_folder()
WITHHELD = ("ch01", "ch02", "ch03", "ch04")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handout") / "course"
    handout(folder, WITHHELD)
    return folder


def code_of(path: Path, name: str) -> str:
    text = path.read_text(encoding="utf-8")
    return "\n".join(text.splitlines()[lines_of(definitions(text)[name])])


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(copy), "MINIDISTIL_CACHE": str(copy.parent / "cache")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=500
    )


def places(chapter: Chapter) -> list[tuple[str, Path]]:
    """Each exercise with the file that has the package's own."""
    return [(name, Path(*own.__module__.split(".")).with_suffix(".py")) for name, own in chapter.solutions().items()]


@pytest.mark.parametrize("key", WITHHELD)
def test_the_package_holds_the_stubs_of_the_exercises(copy: Path, key: str) -> None:
    chapter = read_chapter(key)
    for name, module in places(chapter):
        solution, left = code_of(COURSE / module, name), code_of(copy / module, name)
        assert left == code_of(chapter.path, name)
        assert left != solution
        assert is_stub(definitions((copy / module).read_text(encoding="utf-8"))[name])


def test_no_line_of_the_withheld_code_shows_in_the_package_or_in_the_outputs_of_notebooks(copy: Path) -> None:
    """Lines that are long enough to be told from any other line."""
    secret = {
        line.strip()
        for key in WITHHELD
        for name, module in places(read_chapter(key))
        for line in code_of(COURSE / module, name).splitlines()
        if len(line.strip()) > 30
    }
    secret -= {line.strip() for path in (COURSE / "exercises").glob("*.py") for line in path.read_text().splitlines()}
    assert len(secret) > 100
    shown = [line.strip() for path in (copy / "minidistil").rglob("*.py") for line in path.read_text().splitlines()]
    for path in (copy / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                for text in output.get("data", {}).values():
                    shown += [line.strip() for line in "".join(text).splitlines()]
    outside = {line.strip() for path in _other_modules() for line in path.read_text().splitlines()}
    assert sorted(secret & set(shown) - outside) == []


def _other_modules() -> list[Path]:
    """Modules without an exercise of these chapters: what stands there as well is no secret."""
    solved = {COURSE / module for key in WITHHELD for _, module in places(read_chapter(key))}
    return [path for path in (COURSE / "minidistil").rglob("*.py") if path not in solved]


def test_the_rest_is_there_and_what_would_give_it_away_is_not(copy: Path) -> None:
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    kept = ["README.md", "requirements.txt", "exercises/hints/ch03.md", "tests/ch03_attention/test_attention.py"]
    assert names.issuperset([*kept, "minidistil/course/check.py", "tests/ch05_weights/misconceptions.py"])
    banks = rf"tests/({'|'.join(WITHHELD)})_\w+/(misconceptions\.py|correct/)"
    assert not [name for name in names if re.match(rf"\.git|{banks}|exercises/INSTRUCTORS|tests/course", name)]
    assert "without the solutions of ch01, ch02, ch03, ch04" in (copy / "README.md").read_text(encoding="utf-8")
    for page in ("README.md", "exercises/README.md"):
        text, original = (root.joinpath(page).read_text(encoding="utf-8") for root in (copy, COURSE))
        assert "INSTRUCTORS.md" in original
        assert "INSTRUCTORS.md" not in text, "the copy links to a page that it has not"
    assert not list(copy.parent.glob(".*part"))


def test_before_anything_is_written_commands_say_so(copy: Path) -> None:
    checked = run(copy, "-m", "minidistil", "check", "ch03")
    assert checked.returncode == 1, checked.stderr
    assert "0 of 6 exercises of ch03" in checked.stdout
    filled = run(copy, "-m", "minidistil", "fill", "A [MASK].")
    assert filled.returncode == 2
    assert re.fullmatch(r"minidistil: [\w.]+ in \w+\.py is not written yet: .*\n", filled.stderr)
    doctor = run(copy, "-m", "minidistil", "doctor")
    assert (doctor.returncode, doctor.stderr) == (0, "")
    assert re.search(r"minilm, own layers +not loaded: .* not written yet", doctor.stdout)


def test_the_copy_runs_on_the_learners_code(copy: Path, tmp_path: Path) -> None:
    solved = tmp_path / "solved"
    shutil.copytree(copy, solved)
    for key in WITHHELD:
        chapter = read_chapter(key)
        shutil.copy2(chapter.tests / "correct" / "base.py", solved / "exercises" / chapter.path.name)
    checked = run(solved, "-m", "minidistil", "check", "ch03")
    assert "Passed: all 6 exercises of ch03" in checked.stdout, checked.stdout + checked.stderr
    program = """import json, minidistil as md
from minidistil.ch03_attention import attention
from minidistil.ch04_encoder import encoder
from minidistil.ch05_weights import weights
from minidistil.ch01_wordpiece import normalization as words
print(json.dumps([attention.MultiHeadAttention.__module__, encoder.Block.__module__, words.normalize.__module__,
    md.Encoder.__mro__[2].__module__, md.MaskedLM.from_pretrained("minilm").encoder.__class__.__module__]))
model, tokenizer = md.MaskedLM.from_pretrained("minilm"), md.WordPiece.from_pretrained("minilm")
print(md.fill_mask("The list is [MASK].", model, tokenizer)[0]["token_str"])
"""
    result = run(solved, "-c", program)
    assert result.returncode == 0, result.stderr
    modules, word = result.stdout.splitlines()
    assert all(module.startswith("learner_ch0") for module in json.loads(modules)), modules
    plain = subprocess.run(
        [sys.executable, "-c", program.replace("md.Encoder.__mro__[2]", "md.Encoder")],
        cwd=COURSE, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert word == plain.stdout.splitlines()[1]


def test_a_copy_without_any_solution_can_be_imported(tmp_path: Path) -> None:
    """A stub that names what its module does not import would stop everything."""
    handout(tmp_path / "course")
    modules = "minidistil.cli.main, minidistil.runs.finetuning, minidistil.runs.distillation"
    result = run(tmp_path / "course", "-c", f"import {modules}; print('imported')")
    assert result.stdout == "imported\n", result.stderr


def test_a_file_that_cannot_be_loaded_does_not_stop_the_copy(copy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(copy, broken)
    (broken / "exercises" / "ch03_attention.py").write_text("def broken(:\n")
    result = run(broken, "-c", "import minidistil; print('imported')")
    assert result.stdout == "imported\n"
    assert "ch03_attention.py, line 1: Python cannot read it" in result.stderr


def test_bad_requests_leave_nothing_and_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there").mkdir()
    for arguments in ([tmp_path / "there"], [COURSE / "copy"], [tmp_path / "new", "--chapters", "ch99"]):
        typed = list(map(str, arguments))
        assert main(["handout", *typed]) == 2
        error = capsys.readouterr().err
        assert typed[-1] in error
        assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_exercises_that_are_solved_are_no_stubs_to_hand_out(copy: Path, tmp_path: Path) -> None:
    solved = tmp_path / "solved"
    shutil.copytree(copy, solved)
    shutil.copy2(read_chapter("ch03").tests / "correct" / "base.py", solved / "exercises" / "ch03_attention.py")
    result = run(solved, "-m", "minidistil", "handout", str(tmp_path / "new"))
    assert result.returncode == 2
    assert "ch03_attention.py has no stub for attention_weights" in result.stderr
