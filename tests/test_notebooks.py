"""What all notebooks have in common: a picture of the way, stored outputs, links that lead somewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

SHARE = """import os
def test_it():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert os.environ["OMP_NUM_THREADS"] == str(max(1, cores // 2))
"""
COUNTING = ["count = 0", *["count += 1\ncount"] * 8]  # each cell needs all those before it
ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.name[:2] not in ("00", "13", "A_")]  # those with exercises
SECTION = re.compile(r"^## ((?:\d+|A)\.\d+) ", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def cells(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def prose(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_to_files(path: Path) -> None:
    broken = [link for link in LINK.findall(prose(path)) if not (path.parent / link.partition("#")[0]).exists()]
    assert not broken


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_come_from_one_run_from_top_to_bottom(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_needs_no_front_end(path: Path) -> None:
    """A stored view of a widget shows nothing in a page: the text or picture beside it does."""
    assert "application/vnd.jupyter.widget" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_source_of_a_prediction_which_has_the_answer_is_hidden(path: Path) -> None:
    asking = [cell for cell in cells(path) if "md.predict(" in "".join(cell["source"]) and cell["cell_type"] == "code"]
    assert all(cell["metadata"].get("jupyter", {}).get("source_hidden") for cell in asking)
    assert all("".join(cell["source"]).startswith("md.predict(") for cell in asking)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_collapsed_answer_does_not_show_its_first_line(path: Path) -> None:
    """JupyterLab shows the first line of the first output, where that has text."""
    collapsed = [cell for cell in cells(path) if cell["metadata"].get("jupyter", {}).get("outputs_hidden")]
    first = [cell["outputs"][0].get("data") for cell in collapsed if cell["outputs"]]
    assert all(data == {} for data in first), "run: python .github/hide_answers.py"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_open_prediction_has_its_answer_collapsed_in_the_same_section(path: Path) -> None:
    kinds = "".join(
        "#" if "\n## " in "\n" + text and "**Predict:**" not in text
        else "?" if cell["cell_type"] == "markdown" and "**Predict:**" in text
        else "c" if cell["metadata"].get("jupyter", {}).get("outputs_hidden") and cell["outputs"]
        else "."
        for cell in cells(path) for text in ["".join(cell["source"])]
    )  # fmt: skip
    assert re.fullmatch(r"[^?]*(\?\.*c[^?]*)*", kinds), kinds


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_names_its_place_and_links_to_its_exercise(path: Path) -> None:
    number = path.name[:2]
    code = "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code")
    assert f"where_we_are({int(number)})" in code
    assert f"](../exercises/ch{number}_" in prose(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_leaves_nothing_on_the_disk(path: Path) -> None:
    """Notebook 11 writes 740 MB; what `mkdtemp` makes stays when the kernel ends, unless it lies in such a folder."""
    code = "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code")
    assert code.count("mkdtemp(") == code.count("mkdtemp(dir=folder)")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_counts_on_where_the_notebook_lies(path: Path) -> None:
    code = ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]
    assert not [source for source in code if '"../' in source]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_sections_are_numbered_through_and_those_referred_to_exist(path: Path) -> None:
    numbers = SECTION.findall(prose(path))
    chapter = path.stem.split("_")[0].lstrip("0") or "0"
    assert numbers == [f"{chapter}.{number}" for number in range(1, len(numbers) + 1)]
    everywhere = {number for other in NOTEBOOKS for number in SECTION.findall(prose(other))}
    assert set(re.findall(r"\bsections? ((?:\d+|A)\.\d+)", prose(path))) <= everywhere


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_explains_what_it_shows(path: Path) -> None:
    assert len(prose(path).split("## Further reading")[0].split()) > 1000


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_plans_as_much_time_as_the_syllabus_does(path: Path) -> None:
    opening = "".join(cells(path)[0]["source"])
    planned = re.search(r"(half an hour|45 minutes|an hour)", opening)
    assert planned, opening
    syllabus = (ROOT / "exercises" / "INSTRUCTORS.md").read_text(encoding="utf-8")
    minutes = re.search(rf"^\| {int(path.stem[:2])} \|[^|]*\| (\d+) min", syllabus, flags=re.M)
    assert minutes, syllabus
    assert {"half an hour": 30, "45 minutes": 45, "an hour": 60}[planned[1]] == int(minutes[1])


def test_two_processes_share_the_cores_out_among_their_kernels(tmp_path: Path) -> None:
    shutil.copy(NOTEBOOKS[0].parent / "conftest.py", tmp_path)
    (tmp_path / "test_share.py").write_text(SHARE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--rootdir", str(tmp_path), str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def counting_notebook() -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, source in enumerate(COUNTING):
        shown = nbformat.v4.new_output("execute_result", {"text/plain": str(number)}, execution_count=number + 1)
        outputs = [shown] if number else []
        notebook.cells.append(nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=number + 1))
    return notebook


def test_in_two_processes_each_file_stays_whole(tmp_path: Path) -> None:
    for name in ("one", "two"):
        nbformat.write(counting_notebook(), tmp_path / f"{name}.ipynb")
        (tmp_path / f"test_{name}.py").write_text("def test_it():\n    pass\n\ndef test_again():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    result = subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert f"{2 * len(COUNTING) + 4} passed" in result.stdout, result.stdout + result.stderr
    ran = set(re.findall(r"^\[(gw\d)\].* PASSED (\S+?)::", result.stdout, flags=re.M))
    assert len({worker for worker, _ in ran}) == 2  # both work
    assert len(ran) == 4  # and none of the four files is in both


def test_a_notebook_can_be_tested_from_its_own_folder(tmp_path: Path) -> None:
    """With the settings that make outputs equal: here the size of a picture."""
    for folder in ("notebooks", "tests"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "notebooks" / "conftest.py", tmp_path / "notebooks")
    shutil.copy(ROOT / "tests" / "nbval.cfg", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    said = "<Picture size 640x480 with 1 Axes>"
    output = nbformat.v4.new_output("stream", name="stdout", text=said + "\n")
    source = f"print({said.replace('640', '300')!r})"
    notebook.cells.append(nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1))
    nbformat.write(notebook, tmp_path / "notebooks" / "one.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "one.ipynb"]
    result = subprocess.run(command, cwd=tmp_path / "notebooks", capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
