"""Whatever a learner's file does to Python, to its streams or to the process, there is a verdict or one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidistil
from minidistil.course.check import check
from minidistil.course.verdict import Verdict
from tests.course.small_course import STUB, write_chapter

RIGHT = "def join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n"
TEST = """import torch
def test_side_by_side(impl):
    assert impl.join_heads(torch.arange(8.0).view(1, 2, 2, 2))[0, 0].tolist() == [0, 1, 4, 5]
def test_the_second_token_too(impl):
    assert impl.join_heads(torch.arange(8.0).view(1, 2, 2, 2))[0, 1].tolist() == [2, 3, 6, 7]
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_chapter(tmp_path, "ch03_attention", STUB, ["join_heads"], TEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verdict_on(code: str, course: Path) -> Verdict:
    path = course / "mine.py"
    path.write_text(code, encoding="utf-8")
    return check("ch03", path)


@pytest.mark.parametrize(
    "beginning",
    [
        "import sys\nsys.stdout.close()\nsys.stderr.close()\n",
        "import sys\nsys.stdout = sys.stderr = None\n",
        "import os\nos.close(0), os.close(1), os.close(2)\n",
        "import builtins\nbuiltins.len = builtins.isinstance = builtins.open = None\n",
        "import builtins\ndef spoil():\n    builtins.len = builtins.isinstance = builtins.open = None\n"
        + RIGHT.replace("return", "spoil()\n    return")
        + "#",
        "print('x' * 10**6)\n",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()\n",
        "import torch\ntorch.set_default_dtype(torch.float64)\n",
    ],
)
def test_right_code_that_spoils_something_else_passes(beginning: str, course: Path) -> None:
    verdict = verdict_on(beginning + RIGHT, course)
    assert verdict.passed, "\n".join(verdict.lines())


def test_options_for_every_call_of_pytest_are_not_for_the_checks(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-v --durations=5")
    assert verdict_on(RIGHT, course).passed


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ("os._exit(0)", "os._exit() is called"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("input('text: ')", "input() is called"),
        ("breakpoint()", "breakpoint() is called"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt, which ends a program (mine.py, line 3)"),
        ("import pytest; pytest.exit('done', 0)", "Exit: done"),
        ("raise ValueError('\\ud800 lone')", "ValueError: ? lone"),
        ("raise Odd", "Odd"),
        ("sys.stdout.close(); print('x')", "closed file"),
        ("import builtins as b; b.len = b.isinstance = b.str = b.type = b.next = None", "returns None"),
        ("heads.requires_grad_().zero_()", "it changes a tensor of its caller"),
        ("import minidistil.ch03_attention.attention as a; return a.join_heads(heads)", "the package's own join_heads"),
    ],
)
def test_what_happens_in_the_function_is_its_failure(body: str, fact: str, course: Path) -> None:
    odd = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
    verdict = verdict_on(f"import os, sys\ndef join_heads(heads):\n    {body}\n{odd}", course)
    (result,) = verdict.results
    assert result.state == "failed"
    assert fact in "\n".join(verdict.lines())
    assert len(result.failures) == 2  # both tests were run


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("import sys\nsys.exit(0)\n", ("mine.py, line 2", "SystemExit: 0")),
        ("raise KeyboardInterrupt\n", ("mine.py, line 1", "KeyboardInterrupt")),
        ("import os\nos._exit(0)\n", ("mine.py, line 2", "os._exit()")),
        ("x = input()\n", ("mine.py, line 1", "input() is called")),
        ("import os\nos.abort()\n", ("mine.py ended Python while it was loaded", "SIGABRT")),
        ("import os\ndef join_heads(heads):\n    os.kill(os.getpid(), 9)\n", ("side by side", "SIGKILL")),
        ("import os\nos.closerange(3, 100)\n" + RIGHT, ("mine.py ended Python", "no verdict")),
        (
            "from minidistil.ch03_attention import MultiHeadAttention\nclass Mine(MultiHeadAttention):\n    pass\n",
            ("mine.py lacks join_heads",),
        ),
    ],
)  # fmt: skip
def test_what_ends_the_process_is_one_sentence(code: str, facts: tuple[str, ...], course: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.py") as raised:
        verdict_on(code, course)
    assert all(fact in str(raised.value) for fact in facts), raised.value


def test_a_lone_surrogate_in_an_error_can_be_written(course: Path) -> None:
    with pytest.raises(ValueError, match=r"loading it raises ValueError: \? here"):
        verdict_on("raise ValueError('\\ud800 here')\n", course)


def test_a_loop_that_catches_everything_is_ended(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.course.check.SILENCE", 3.0)
    loop = "def join_heads(heads):\n    while True:\n        try:\n            while True:\n                pass\n"
    with pytest.raises(ValueError, match=r"mine\.py does not come to an end in the test 'side by side'"):
        verdict_on(loop + "        except BaseException:\n            pass\n", course)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [(RIGHT, 0), (STUB, 1), ("import os\nos.abort()\n", 2), ("raise ValueError('\\ud800')\n", 2)],
)
def test_exit_code_0_is_a_pass_that_is_said(code: str, exit_code: int, course: Path) -> None:
    (course / "mine.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "minidistil", "check", "ch03", "--file", "mine.py"]
    environment = os.environ | {"PYTHONPATH": str(Path(minidistil.__file__).parent.parent)}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == exit_code, done.stderr
    assert ("Passed: all 1" in done.stdout) == (exit_code == 0)
    assert "mine.py" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_of_pythons_own_that_is_taken_is_said(course: Path) -> None:
    verdict = verdict_on("list = [1]\ndef join_heads(heads):\n    return list(heads)\n", course)
    assert "The name list is a value of your own file" in "\n".join(verdict.lines())


def test_a_process_that_starts_anew_gives_the_same_verdict(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.course.check.sys.platform", "darwin")  # where no process is copied
    assert verdict_on(RIGHT, course).passed
