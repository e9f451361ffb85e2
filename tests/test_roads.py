"""The roads of notebooks/INSTALL.md: what they install, and the buttons of a repository that was cloned."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
LOCKED = (ROOT / ".github" / "locked.txt").read_text(encoding="utf-8")
INSTALL = (ROOT / "notebooks" / "INSTALL.md").read_text(encoding="utf-8")
PIN = re.compile(r"^([\w.-]+==[\w.]+)", re.MULTILINE)
ADDRESS = "https://github.com/ada/minidistil"


def test_the_lock_file_has_the_pins_of_the_requirements_and_a_hash_for_each() -> None:
    pins = {pin.lower().replace("_", "-") for pin in PIN.findall(REQUIREMENTS) if not pin.startswith("torch==")}
    assert pins <= set(PIN.findall(LOCKED)), "requirements.txt has changed: run .github/lock.sh"
    entries = re.split(r"\n(?=\w)", LOCKED)
    assert not [entry for entry in entries if entry[0] != "#" and "--hash=sha256:" not in entry]


def test_torch_has_a_hash_for_each_python_and_processor() -> None:
    lines = (ROOT / ".github" / "locked-torch.txt").read_text(encoding="utf-8").splitlines()
    pin, *hashes = [line.strip().removesuffix(" \\") for line in lines if line[0] != "#"]
    assert pin in PIN.findall(REQUIREMENTS)
    assert len({each for each in hashes if re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each)}) == len(hashes) == 2 * 4


def test_the_lock_file_has_what_torch_asks_for() -> None:
    asked = [each for each in importlib.metadata.requires("torch") or () if "extra ==" not in each]
    names = {re.split(r"[^\w.-]", each)[0].lower().replace("_", "-") for each in asked}
    of_cuda = {name for name in names if re.match("nvidia|cuda|triton", name)}
    locked = {pin.partition("==")[0] for pin in PIN.findall(LOCKED)}
    assert names - of_cuda <= locked


def test_the_page_installs_the_torch_of_the_requirements() -> None:
    (torch,) = [pin for pin in PIN.findall(REQUIREMENTS) if pin.startswith("torch==")]
    assert f"install {torch} --index-url" in INSTALL


def test_colab_s_transformers_still_works_after_the_cell() -> None:
    """Only of packages that the command names does pip respect what they need, here of huggingface_hub."""
    (cell,) = re.findall(r"^%pip install .*-e \. .*$", INSTALL, re.MULTILINE)
    assert "transformers" in cell.split()
    assert "torch" not in cell


def test_every_part_that_the_page_names_can_be_installed() -> None:
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    named = set(re.findall(r'-e "\.\[(\w+)\]"', INSTALL))
    assert named >= {"course", "peers", "export", "site"}
    assert not [name for name in named if not re.search(rf"^{name} = \[", extras, re.MULTILINE)]
    course = re.search(r"^course = \[(.*?)\]$", extras, re.MULTILINE | re.DOTALL)
    assert course
    assert not re.search("transformers|onnx|minilm|scikit|scipy", course[1])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one notebook and the script."""
    for folder in ("notebooks", ".github"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".github" / "buttons.py", tmp_path / ".github")
    shutil.copy(ROOT / "notebooks" / "03_attention.ipynb", tmp_path / "notebooks")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def written(clone: Path, origin: str = "") -> tuple[str, list[dict[str, Any]]]:
    """What the script prints, and the notebook's cells after it."""
    if origin:
        subprocess.run(["git", "remote", "add", "origin", origin], cwd=clone, check=True)
    command = [sys.executable, ".github/buttons.py", "--write"]
    said = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout
    return said, json.loads((clone / "notebooks" / "03_attention.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("origin", [f"{ADDRESS}.git", "git@github.com:ada/minidistil.git", ADDRESS])
def test_buttons_lead_to_the_repository_that_was_cloned(clone: Path, origin: str) -> None:
    said, cells = written(clone, origin)
    place = "ada/minidistil/blob/main/notebooks/03_attention.ipynb"
    for address in (
        f"https://colab.research.google.com/github/{place}",
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{place}",
    ):
        assert f"]({address})" in said
        assert f"]({address})" in "".join(cells[0]["source"])
    again, same = written(clone)
    assert (again, same) == (said, cells)


def test_a_notebook_says_what_is_missing(clone: Path) -> None:
    said, cells = written(clone)
    assert "not on GitHub" in said
    assert "colab" not in "".join(cells[0]["source"])
    code = "".join(cells[1]["source"])
    exec(code, {})  # here everything is installed
    with pytest.raises(ModuleNotFoundError, match=r"not installed in this kernel.*notebooks/INSTALL\.md"):
        exec(code.replace('"minidistil"', '"minidistil_"'), {})
    stored, again = (folder / "notebooks" / "03_attention.ipynb" for folder in (ROOT, clone))
    assert again.read_text(encoding="utf-8") == stored.read_text(encoding="utf-8")  # no difference in git to look at
    numbers = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_notebook_names_the_peers_that_it_would_need(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, cells = written(clone)
    exec("".join(cells[1]["source"]).replace('"transformers"', '"transformers_"'), {})
    assert "compare with transformers_ will fail" in capsys.readouterr().out
