"""Without the libraries that it compares with, the course still checks what it can, and says what it leaves out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidistil.course.peers import PEERS, StandIn, left_out, missing

ROOT = Path(__file__).parents[2]
WITHOUT = """
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
def find_spec(cls, name, path=None, target=None):
    return None if name in HIDDEN else found(name, path, target)
importlib.machinery.PathFinder.find_spec = classmethod(find_spec)  # bound, as it was
"""


def python(folder: Path, *arguments: str, hidden: tuple[str, ...] = PEERS) -> subprocess.CompletedProcess[str]:
    """Python in an environment where the peers, or other packages, are not installed."""
    (folder / "sitecustomize.py").write_text(f"HIDDEN = {hidden}\n{WITHOUT}")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_a_chapter_is_checked_without_them(tmp_path: Path) -> None:
    right = next((ROOT / "tests" / "ch03_attention" / "correct").glob("*.py"))
    said = python(tmp_path, "-m", "minidistil", "check", "ch03", "--file", str(right))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Left out: comparisons with" in said.stdout
    assert "transformers" in said.stdout
    said = python(tmp_path, "-m", "minidistil", "check", "ch03", "--file", str(ROOT / "exercises/ch03_attention.py"))
    assert said.returncode == 1
    assert "Not yet: 0 of" in said.stdout


def test_a_test_that_needs_one_says_so(tmp_path: Path) -> None:
    said = python(tmp_path, "-m", "pytest", "-q", "-rs", "-o", "addopts=", "tests/ch03_attention")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "needs transformers: pip install" in said.stdout
    assert " passed" in said.stdout


def test_without_pytest_nothing_is_checked_and_the_answer_is_what_to_install(tmp_path: Path) -> None:
    file = str(ROOT / "exercises" / "ch03_attention.py")
    cell = f"from minidistil.course import judging; print(judging._answer('ch03', {file!r}, None)['error'])"
    for arguments in (
        ("-m", "minidistil", "check", "ch03", "--file", file),
        ("-m", "minidistil", "grade", str(tmp_path)),
        ("-c", cell),
    ):
        said = python(tmp_path, *arguments, hidden=("pytest",))
        assert "pytest, which is not installed: pip install -e '.[course]'" in said.stdout + said.stderr, arguments


def test_where_they_are_installed_nothing_is_left_out() -> None:
    assert missing() == []
    assert left_out() == ""
    assert not [name for name in PEERS if isinstance(sys.modules.get(name), StandIn)]


def test_what_stands_in_can_be_named_but_not_called() -> None:
    peer = StandIn("transformers").BertModel
    assert not isinstance(3, peer)  # type: ignore[arg-type]
    assert (peer | None) is peer
    with pytest.raises(pytest.skip.Exception, match="transformers"):
        peer()
