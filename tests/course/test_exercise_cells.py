"""Exercise cells: what is written in them is checked, saved and used, whatever is written there."""

import ast
import inspect
import itertools
import json
import linecache
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

import minidistil as md
from minidistil.ch03_attention import attention
from minidistil.ch04_encoder import encoder
from minidistil.cli.main import main
from minidistil.course import exercise
from minidistil.course.cells import _with, exercises_in
from minidistil.course.chapters import chapter_keys, read_chapter
from minidistil.course.grade import grade
from minidistil.course.learner import Learner
from minidistil.course.misconceptions import misconceptions
from minidistil.course.stubs import definitions, is_untouched, lines_of

ROOT = Path(__file__).parents[2]
FULL = pytest.mark.skipif(os.environ.get("MINIDISTIL_FULL") != "1", reason="takes long: set MINIDISTIL_FULL=1")
JOIN, SPLIT = attention.join_heads, attention.split_heads
RIGHT = "def join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n"
ALSO_RIGHT = "def join_heads(heads):\n    return heads.permute(0, 2, 1, 3).flatten(2)\n"
WRONG = "def join_heads(heads):\n    return heads.reshape(len(heads), heads.shape[2], -1)\n"
EXAMPLE = ">>> join_heads(torch.ones(1, 2, 3, 4)).shape[-1]"
SIZE = re.compile(r"\*\*Exercise (\d+)\.(\d+)\*\* ★{1,3} · (?P<minutes>\d+) minutes · (?P<kind>core|more)\b")
numbers = itertools.count()


def notebook_of(key: str) -> Path:
    (path,) = (ROOT / "notebooks").glob(f"{key[2:]}_*.ipynb")
    return path


def exercise_cells(path: Path) -> dict[str, list[tuple[int, str]]]:
    """The exercise cells of a notebook: by name the numbers of the cells and their texts."""
    found: dict[str, list[tuple[int, str]]] = {}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "@md.exercise" in source:
            for node, text in exercises_in(source):
                found.setdefault(node.name, []).append((number, text))
    return found


CONVERTED = [key for key in chapter_keys() if exercise_cells(notebook_of(key))]


# --- The notebooks' cells ---


@pytest.mark.parametrize("key", CONVERTED)
def test_each_exercise_has_one_cell_whose_stub_is_that_of_the_file(key: str) -> None:
    chapter, cells = read_chapter(key), exercise_cells(notebook_of(key))
    assert {name: len(found) for name, found in cells.items()} == dict.fromkeys(chapter.hints, 1)
    stubs = definitions((ROOT / "exercises" / f"{chapter.name}.py").read_bytes())
    assert list(cells) == list(chapter.hints) == list(stubs), "cells, hints and stubs stand in one order"
    for name, [(_, text)] in cells.items():
        node = definitions(text)[name]
        assert is_untouched(node), name
        in_cell = re.sub(r"^( +)\.\.\.$", r"\1raise NotImplementedError", ast.unparse(node), flags=re.M)
        assert in_cell == ast.unparse(stubs[name])


@pytest.mark.parametrize("key", CONVERTED)
def test_each_exercise_says_its_size_and_its_output_folds_the_solution(key: str) -> None:
    path = notebook_of(key)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for place, found in enumerate(sorted(each for [each] in exercise_cells(path).values()), 1):
        size = SIZE.search("".join(cells[found[0] - 1]["source"]))
        assert size, found
        assert size.group(1, 2) == (str(int(key[2:])), str(place))
        (output,) = cells[found[0]]["outputs"]
        assert "".join(output["data"]["text/plain"]).count("\n") == 0
        shown, *folded = "".join(output["data"]["text/html"]).split("<details>")
        assert len(folded) == 4
        assert "return" not in shown


@pytest.mark.parametrize("key", CONVERTED)
def test_what_passes_shows_its_example_also_without_a_docstring(key: str, tmp_path: Path) -> None:
    chapter, path = read_chapter(key), tmp_path / "mine.py"
    path.write_text(_with(chapter.path.read_text(encoding="utf-8"), solutions_of(key)), encoding="utf-8")
    for name, function in Learner(chapter, path).functions.items():
        asked = (inspect.getdoc(chapter.solutions()[name]) or "").count(">>> ")
        shown = exercise._example(function, chapter.solutions()[name])
        assert sum(line.startswith(">>> ") for line in shown) == asked > 0, name
        assert len(shown) > asked, f"{name} shows no answer"


@pytest.mark.parametrize("key", CONVERTED)
def test_models_are_loaded_after_the_learners_pieces(key: str) -> None:
    cells = json.loads(notebook_of(key).read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    before, found, _ = code.partition("md.pieces(")
    assert found
    assert not re.findall(r"(?<!WordPiece)\.from_pretrained\(", before), "these would be the course's own"


def test_no_two_chapters_have_an_exercise_of_the_same_name() -> None:
    names = [name for key in chapter_keys() for name in read_chapter(key).hints]
    assert len(names) == len(set(names))


# --- One cell ---


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    for name in ("exercises", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def file(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The exercises file of chapter 3 with its stubs; afterwards the package is what it was."""
    monkeypatch.setenv("MINIDISTIL_COURSE", str(checkout))
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(checkout)
    yield checkout / "exercises" / "ch03_attention.py"
    shutil.rmtree(checkout / "exercises")
    shutil.copytree(ROOT / "exercises", checkout / "exercises")
    for key in list(exercise._own):
        exercise._swap(read_chapter(key), exercise._own[key])
    assert attention.join_heads is JOIN


@pytest.fixture
def run(file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    """Run a cell; gives what the name of its exercise is then, and what was printed."""

    def run_cell(source: str, name: str = "join_heads", mark: str = "@md.exercise\n") -> tuple[Any, str]:
        place, text = f"<cell {next(numbers)}>", mark + source
        linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
        names: dict[str, Any] = {"md": md, "__name__": "__main__"}
        exec(compile(text, place, "exec"), names)
        return names[name], capsys.readouterr().out

    return run_cell


Run = Callable[..., tuple[Any, str]]


@pytest.mark.parametrize("body", ["...", "pass", "raise NotImplementedError", '"""Joins."""\n    ...  # your code'])
def test_what_is_not_written_is_the_courses_own(run: Run, file: Path, body: str) -> None:
    before = file.read_bytes()
    function, said = run(f"def join_heads(heads):\n    {body}\n")
    assert function is JOIN
    assert said.count("\n") == 1
    assert "not written" in said
    assert file.read_bytes() == before


def test_what_is_right_is_saved_and_used_by_the_package(run: Run, file: Path) -> None:
    before = file.read_text(encoding="utf-8")
    function, said = run(RIGHT.replace("    return", f'    """Joins.\n\n    {EXAMPLE}\n    8\n    """\n    return'))
    assert "join_heads passes" in said
    assert said.endswith(f"{EXAMPLE}\n8\n")
    assert function is attention.join_heads is not JOIN
    assert md.reference("join_heads") is JOIN
    after = file.read_text(encoding="utf-8")
    stub = after.splitlines()[lines_of(definitions(after)["join_heads"])]
    assert stub[-1] == "    return heads.transpose(1, 2).flatten(2)"
    others = [text.splitlines() for text in (before, after)]
    for lines, text in zip(others, (before, after), strict=True):
        del lines[lines_of(definitions(text)["join_heads"])]
    assert others[0] == others[1]


def test_a_class_takes_the_place_of_the_packages_in_later_chapters(run: Run) -> None:
    base = (read_chapter("ch03").tests / "correct" / "base.py").read_text(encoding="utf-8")
    text = "\n".join(base.splitlines()[lines_of(definitions(base)["MultiHeadAttention"])])
    kind, said = run(
        "import math\nimport torch\nfrom torch import nn\n\n\n@md.exercise\n" + text, "MultiHeadAttention", ""
    )
    assert "passes" in said
    assert encoder.MultiHeadAttention is kind is not md.reference("MultiHeadAttention")


INIT = "    def __init__(self, hidden_size, num_attention_heads, dropout):\n        super().__init__()\n"
FORWARD = "    def forward(self, hidden_states, visible=None, output_attentions=False):\n"


@pytest.mark.parametrize(
    ("methods", "left"),
    [
        (INIT + "        self.dropout = dropout\n" + FORWARD + "        ...\n", "forward"),
        (INIT + FORWARD + '        """Attend."""\n        raise NotImplementedError\n', "forward"),
        (INIT.replace("super().__init__()", "...") + FORWARD + "        return hidden_states, None\n", "__init__"),
    ],
)
def test_a_class_of_which_a_part_is_written_is_begun(run: Run, file: Path, methods: str, left: str) -> None:
    before, own = file.read_bytes(), attention.MultiHeadAttention
    code = "from torch import nn\n\n\n@md.exercise\nclass MultiHeadAttention(nn.Module):\n" + methods
    kind, said = run(code, "MultiHeadAttention", "")
    assert kind is attention.MultiHeadAttention is own
    assert "not written" not in said
    assert f"begun; still to write: {left}." in said
    assert "the course's own is in use" in said
    assert file.read_bytes() == before


def test_a_class_whose_first_method_is_given_is_not_begun_by_it(run: Run, file: Path) -> None:
    stub = file.with_name("ch05_weights.py").read_text(encoding="utf-8")
    lines = stub.splitlines()[lines_of(definitions(stub)["MaskedLMHead"])]
    imports = "from torch import Tensor, nn\nfrom minidistil.ch04_encoder import EncoderConfig\n\n\n"
    _, said = run(imports + "\n".join(["@md.exercise", *lines]), "MaskedLMHead", "")
    assert "MaskedLMHead is not written yet" in said


def test_the_course_stays_in_use_when_something_is_wrong_and_the_mistake_is_named(run: Run, file: Path) -> None:
    assert run(RIGHT)[0] is not JOIN
    function, said = run(WRONG)
    assert function is attention.join_heads is JOIN
    assert "not right" in said
    assert "This looks like: joined without transposing back" in said
    assert "What to look at: First transpose(1, 2)" in said
    assert "heads.reshape(" in file.read_text(encoding="utf-8")  # what is wrong is saved all the same


def test_one_that_calls_another_gets_the_courses_while_that_is_wrong(run: Run) -> None:
    run("def attention_weights(query, key, visible=None):\n    return query\n", "attention_weights")
    calls = "    weights = attention_weights(query, key, visible)\n    return weights @ value, weights\n"
    name = "scaled_dot_product_attention"
    _, said = run(f"def {name}(query, key, value, visible=None):\n{calls}", name)
    assert f"{name} passes" in said


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("import os; os._exit(3)", "os._exit() is called"),
        ("while True: pass", "still running after"),
        ("raise RuntimeError('planted')", "RuntimeError: planted"),
        ("exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("return undefined_here", "undefined_here"),
        ("print('{}'); return heads.transpose(1, 2).flatten(2)", "passes"),
    ],
)
def test_whatever_the_code_does_there_is_an_answer(run: Run, body: str, expected: str) -> None:
    function, said = run(f"def join_heads(heads):\n    {body}\n")
    assert expected in said
    assert (function is JOIN) == ("passes" not in expected)


def test_a_second_answer_takes_little_time(run: Run) -> None:
    run(WRONG)
    start = time.monotonic()
    run(RIGHT)
    assert time.monotonic() - start < 10


def test_while_trying_things_nothing_is_checked_or_saved(run: Run, file: Path) -> None:
    before = file.read_bytes()
    function, said = run(WRONG, mark="@md.exercise(check=False)\n")
    assert function.__code__.co_filename.startswith("<cell")
    assert "not checked" in said
    assert file.read_bytes() == before
    assert attention.join_heads is JOIN


def test_a_picture_of_what_passes_can_be_asked_for(run: Run) -> None:
    _, said = run(RIGHT, mark="@md.exercise(show=lambda yours: f'shown: {yours.__name__}')\n")
    assert said.endswith("shown: join_heads\n")
    _, said = run(WRONG, mark="@md.exercise(show=lambda yours: 'shown')\n")
    assert "shown" not in said


def test_other_decorators_are_part_of_the_code(run: Run, file: Path) -> None:
    run(
        "def join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n",
        mark="import torch\n\n@md.exercise\n@torch.jit.ignore\n",
    )
    text = file.read_text(encoding="utf-8")
    assert "@torch.jit.ignore\ndef join_heads" in text
    assert "md.exercise" not in text


def test_a_name_that_is_no_exercise_is_refused_with_the_one_that_is_meant(run: Run) -> None:
    with pytest.raises(ValueError, match=r"join_head is no exercise.*join_heads"):
        run("def join_head(heads):\n    return heads\n", "join_head")


def test_a_cell_and_a_file_that_are_empty_again_give_the_course_back(run: Run, file: Path) -> None:
    run(RIGHT)
    shutil.copy(ROOT / "exercises" / file.name, file)
    assert run("def join_heads(heads):\n    ...\n")[0] is attention.join_heads is JOIN


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("async def join_heads(heads):\n    return heads\n", "not `async def`"),
        ("def join_heads(heads):\n    yield heads\n", "`yield` makes one, use `return`"),
        (
            "class join_heads:\n    def __init__(self, heads):\n        self.heads = heads\n",
            "It is a class, expected a function",
        ),
    ],
)
def test_what_is_no_plain_function_is_said_to_be_none(run: Run, file: Path, code: str, expected: str) -> None:
    function, said = run(code)
    assert expected in said
    assert "is the `return` missing" not in said
    assert function is JOIN
    assert code in file.read_text(encoding="utf-8")
    assert expected in run("def join_heads(heads):\n    ...\n")[1]  # what the file has is seen as well


@pytest.mark.parametrize("thing", ["lambda heads: heads", "3", "len"])
def test_what_is_no_definition_is_refused(run: Run, thing: str) -> None:
    with pytest.raises(TypeError, match=r"expected @md\.exercise above a `def` or `class`"):
        run(f"x = md.exercise({thing})\n", mark="")


def test_code_without_a_source_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="source of join_heads is not at hand"):
        exec("@md.exercise\n" + RIGHT, {"md": md, "__name__": "__main__"})


# --- The cell and the file ---


def in_file(file: Path, code: str) -> None:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    lines[lines_of(definitions(text)["join_heads"])] = [code]
    file.write_text("".join(lines), encoding="utf-8")


def test_what_the_file_has_is_taken_while_the_cell_is_empty(run: Run, file: Path) -> None:
    in_file(file, RIGHT)
    function, said = run("def join_heads(heads):\n    ...\n")
    assert "passes" in said
    assert "your code in exercises/ch03_attention.py" in said
    assert function is not JOIN
    assert ">>> join_heads(" in said  # the package's example, as there is no docstring


def test_a_file_that_was_edited_after_the_cell_wins(run: Run, file: Path) -> None:
    run(WRONG)
    in_file(file, RIGHT)
    for _ in range(2):  # also the next time
        function, said = run(WRONG)
        assert "newer than this cell" in said
        assert function is not JOIN
    assert "transpose" in file.read_text(encoding="utf-8")


def test_a_cell_that_was_edited_wins_without_a_copy_of_what_it_held_before(run: Run, file: Path) -> None:
    for code in (WRONG, RIGHT, ALSO_RIGHT):
        run(code)
    assert "permute" in file.read_text(encoding="utf-8")
    assert not list(file.parent.glob("*.bak"))


def test_of_two_edits_the_cell_wins_and_the_file_is_kept_beside_it(run: Run, file: Path) -> None:
    run(WRONG)
    for number, code in enumerate([RIGHT, RIGHT.replace("heads):", "heads):  # again")], 1):
        in_file(file, code)
        edited = file.read_text(encoding="utf-8")
        _, said = run(ALSO_RIGHT.replace("heads):", f"heads):  # {number}"))
        backup = file.with_name(f"{file.name}.{number}.bak")
        assert backup.name in said
        assert backup.read_text(encoding="utf-8") == edited
        assert "permute" in file.read_text(encoding="utf-8")


def test_a_read_only_file_is_left_alone_and_the_cell_is_checked_all_the_same(run: Run, file: Path) -> None:
    before = file.read_bytes()
    file.chmod(stat.S_IRUSR)
    function, said = run(RIGHT)
    assert "NOT saved" in said
    assert "read-only" in said
    assert "passes" in said
    assert function is attention.join_heads is not JOIN
    assert file.read_bytes() == before


def test_a_missing_file_is_made_again(run: Run, file: Path) -> None:
    run(RIGHT)  # also where the package's function is the learner's by now
    file.unlink()
    _, said = run(RIGHT)
    assert "passes" in said
    assert "ch03_attention.py was missing and is made anew" in said
    assert "missing" not in run(RIGHT)[1]
    found = definitions(file.read_bytes())
    assert [name for name, node in found.items() if not is_untouched(node)] == ["join_heads"]
    assert set(found) == set(read_chapter("ch03").hints)


def test_a_file_that_python_cannot_read_is_named(run: Run, file: Path) -> None:
    file.write_text("def (", encoding="utf-8")
    with pytest.raises(ValueError, match=r"ch03_attention\.py.*Python cannot read it"):
        run(RIGHT)
    assert file.read_text(encoding="utf-8") == "def ("


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, lambda path: path.symlink_to("nowhere"), lambda path: os.mkfifo(path)],
    ids=["folder", "broken link", "FIFO"],
)
def test_what_is_no_file_in_its_place_is_named(
    run: Run, file: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    file.unlink()
    make(file)
    with pytest.raises(ValueError, match=r"ch03_attention\.py cannot be read .*git checkout exercises"):
        run(RIGHT)
    md.pieces("ch04")
    assert "ch03_attention.py cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("form", [{"encoding": "utf-8-sig"}, {"encoding": "utf-8", "newline": "\r\n"}])
def test_encoding_and_line_ends_of_the_file_stay(run: Run, file: Path, form: dict[str, str]) -> None:
    file.write_text(file.read_text(encoding="utf-8"), **form)
    before = file.read_bytes().split(b"\nclass MultiHeadAttention")
    assert "passes" in run(RIGHT)[1]
    after = file.read_bytes().split(b"\nclass MultiHeadAttention")
    assert after[1] == before[1]
    assert after[0][:50] == before[0][:50]
    assert after[0].count(b"\r") - form.get("newline", "").count("\r") in (0, after[0].count(b"\n"))


def test_a_folder_without_exercises_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MINIDISTIL_COURSE", str(tmp_path))
        with pytest.raises(FileNotFoundError, match=rf"no exercises in {re.escape(str(tmp_path))}.*MINIDISTIL_COURSE"):
            run(RIGHT)


# --- What earlier chapters have ---


def test_pieces_of_earlier_chapters_are_used_and_can_be_switched_off(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    md.pieces("ch04")
    assert capsys.readouterr().out == "Running on the course's own code.\n"
    in_file(file, RIGHT)
    md.pieces("ch03")
    assert attention.join_heads is JOIN
    md.pieces("ch04")
    assert "your attention (1 of 6)" in capsys.readouterr().out
    assert attention.join_heads is not JOIN
    md.pieces("ch04", yours=False)
    assert attention.join_heads is JOIN
    md.pieces("ch04")
    monkeypatch.setenv("MINIDISTIL_YOURS", "0")
    md.pieces("ch04")
    assert attention.join_heads is JOIN
    monkeypatch.delenv("MINIDISTIL_YOURS")
    file.write_text("def (", encoding="utf-8")
    md.pieces("ch04")
    assert "Left out: ch03_attention.py" in capsys.readouterr().out
    file.unlink()
    md.pieces("ch04")
    assert "Left out: " in capsys.readouterr().out
    with pytest.raises(ValueError, match="'attention' is no chapter"):
        md.pieces("attention")


def test_progress_knows_what_a_cell_found(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(RIGHT)
    run("def split_heads(states, num_attention_heads):\n    return states\n", "split_heads")
    assert main(["progress"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ch03"))
    assert "...x#." in line


# --- Whole notebooks ---


def filled(notebook: Path, solutions: dict[str, str]) -> nbformat.NotebookNode:
    """A notebook with these texts in its exercise cells."""
    result = nbformat.read(notebook, as_version=4)
    for cell in result.cells:
        if cell.cell_type == "code" and "@md.exercise" in cell.source:
            ((node, _),) = exercises_in(cell.source)
            if node.name in solutions:
                cell.source = "@md.exercise\n" + solutions[node.name]
    return result


def solutions_of(key: str) -> dict[str, str]:
    base = (read_chapter(key).tests / "correct" / "base.py").read_text(encoding="utf-8")
    lines = base.splitlines()
    return {name: "\n".join(lines[lines_of(node)]) for name, node in definitions(base).items()}


def said_by(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Run a notebook; gives what each exercise cell says."""
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "@md.exercise" in cell.source]
    return {exercises_in(cell.source)[0][0].name: cell.outputs[0].data["text/plain"] for cell in cells}


@pytest.fixture
def kernels(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MINIDISTIL_FULL", raising=False)  # the notebooks run in their small size
    return file.parent.parent


def test_a_learner_who_writes_everything_rightly_runs_on_it(kernels: Path) -> None:
    said = said_by(filled(notebook_of("ch03"), solutions_of("ch03")))
    assert list(said) == sorted(said, key=list(said).index)
    assert all("passes" in each for each in said.values()), said
    assert len(said) == 6
    command = [sys.executable, "-m", "minidistil", "check", "ch03"]
    assert subprocess.run(command, cwd=kernels, capture_output=True, timeout=300, check=False).returncode == 0


def test_the_notebook_goes_on_after_wrong_code_loops_and_exits(kernels: Path) -> None:
    root_forgotten = solutions_of("ch03")["attention_weights"].replace("math.sqrt(query.size(-1))", "1")
    wrong = {
        "attention_weights": root_forgotten,
        "padding_mask": "def padding_mask(attention_mask):\n    import os\n    os._exit(0)\n",
        "join_heads": "def join_heads(heads):\n    while True:\n        pass\n",
    }
    said = said_by(filled(notebook_of("ch03"), wrong))
    assert "This looks like: no division by the root" in said["attention_weights"]
    assert "os._exit() is called" in said["padding_mask"]
    assert "still running after" in said["join_heads"]
    assert "not written" in said["split_heads"]


@FULL
def test_the_whole_course_runs_on_a_learners_code(kernels: Path) -> None:
    for key in CONVERTED:
        said = said_by(filled(notebook_of(key), solutions_of(key)))
        assert all("passes" in each for each in said.values()), said
    command = [sys.executable, "-m", "minidistil", "graduate"]
    assert subprocess.run(command, cwd=kernels, timeout=600, check=False).returncode == 0


@FULL
def test_sixty_mistakes_are_named_in_the_cell(run: Run) -> None:
    known = [(key, each) for key in CONVERTED for each in misconceptions(key)]
    for key, each in known[:: max(1, len(known) // 60)]:
        wrong = f"__import__('tests.{read_chapter(key).name}.misconceptions', fromlist=['x']).{each.wrong.__name__}"
        if isinstance(each.wrong, type):
            code = f"class {each.exercise}(\n    {wrong}\n):\n    own = True\n"
        else:
            code = f"def {each.exercise}(*arguments, **named):\n    return {wrong}(*arguments, **named)\n"
        said = run(code, each.exercise)[1]
        assert f"This looks like: {each.name}." in said, (key, each.name, said)


@FULL
@pytest.mark.parametrize("key", CONVERTED)
def test_every_cell_answers_loops_and_exits(key: str, run: Run) -> None:
    ends = [("while True: pass", "still running after"), ("__import__('os')._exit(0)", "os._exit() is called")]
    for number, (name, own) in enumerate(read_chapter(key).solutions().items()):
        body, expected = ends[number % 2]
        code = f"def {{}}(*arguments, **named):\n    {body}\n"
        if isinstance(own, type):
            code = f"class {name}:\n    " + code.replace("\n", "\n    ").replace("{}(", "__init__(self, ")
        function, said = run(code.format(name), name)
        assert expected in said, (name, said)
        assert function is own


# --- Notebooks as files ---


@pytest.mark.parametrize(("code", "expected"), [(RIGHT, "passed       join_heads"), (WRONG, "failed       join_heads")])
def test_check_takes_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str, expected: str
) -> None:
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path / "cache"))
    nbformat.write(filled(notebook_of("ch03"), {"join_heads": code}), tmp_path / "mine.ipynb")
    assert main(["check", "ch03", "--file", str(tmp_path / "mine.ipynb")]) == 1
    said = capsys.readouterr().out
    assert expected in said
    assert "not written  split_heads" in said


def test_grade_takes_notebooks(tmp_path: Path) -> None:
    right = filled(notebook_of("ch03"), solutions_of("ch03"))
    (tmp_path / "eva").mkdir()
    for name in ("ada_ch03.ipynb", "bob_03_attention.ipynb", "eva/03_attention.ipynb"):
        nbformat.write(right, tmp_path / name)
    (tmp_path / "zoe_ch03.ipynb").write_text("[]", encoding="utf-8")
    shutil.copy(read_chapter("ch03").path, tmp_path / "eva" / "ch03_mine.py")  # a file counts where there are both
    grades = list(grade(tmp_path, ["ch03"]))
    assert [(each.student, each.passed) for each in grades] == [("ada", 6), ("bob", 6), ("eva", 0), ("zoe", 0)]
    assert "no notebook" in grades[-1].error


@pytest.mark.parametrize(
    "content", ["", "[]", '{"cells": [{"cell_type": "code", "source": ["@md.exercise\\ndef ("]}]}']
)
def test_a_damaged_notebook_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_text(content, encoding="utf-8")
    assert main(["check", "ch03", "--file", str(path)]) == 2
