"""Grading a class in which anything may happen: a small course, a folder of hostile submissions."""

import csv
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minidistil.cli.main import main
from minidistil.course.chapters import read_chapter
from minidistil.course.grade import COLUMNS, LARGEST, Grade, grade, submissions, write_csv

RIGHT = "def join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n"
SUBMISSIONS: dict[str, str | bytes] = {
    "right": RIGHT,
    "wrong": "def join_heads(heads):\n    return heads.flatten(2)\n",
    "untouched": "def join_heads(heads):\n    raise NotImplementedError\n",
    "exits": "import sys\nsys.exit(0)\n",
    "exits_hard": "import os\nos._exit(0)\n",
    "aborts": "import os\ndef join_heads(heads):\n    os.abort()\n",
    "loops": "def join_heads(heads):\n    while True:\n        pass\n",
    "bombs": "blocks, size = [], 2**26\nwhile True:\n    blocks.append(bytearray(size))\n    size *= 8\n",
    "forks": "import os\n" + RIGHT + "while True:\n    os.fork()\n",
    "phones": "import socket\n" + RIGHT + "socket.create_connection(('127.0.0.1', {port}), 5).send(b'x')\n",
    "floods": RIGHT + "print('x' * 10**8)\n",
    "writes": RIGHT + "open({outside!r}, 'w').write('I was here')\n",
    "removes": "import os, shutil\n" + RIGHT + "os.chdir(os.path.dirname(__file__))\nshutil.rmtree({kept!r})\n",
    "spawns": "import multiprocessing, os\n"
    + RIGHT
    + "multiprocessing.get_context('spawn').Process(target=os.mkdir, args=({outside!r},)).start()\n",
    "slips": "import os\n"
    + RIGHT
    + "os.open('outside', os.O_CREAT | os.O_WRONLY, dir_fd=os.open(os.path.dirname({outside!r}), os.O_RDONLY))\n",
    "saves": "import torch\n" + RIGHT + "torch.save(torch.ones(2), 'weights.pt')\n",
    "surrogate": "raise ValueError('\\ud800 of\\nbob ch03 1 of 1')\n",
    "exits_later": "def join_heads(heads):\n    exit()\n",
    "kills": "import os\n" + RIGHT + "os.kill(os.getppid(), 9)\n",
    "threads": "import threading, time\n" + RIGHT + "threading.Thread(target=time.sleep, args=(999,)).start()\n",
    "pickles": b"\x80\x04cos\nsystem\n",
    "=formula": "def join_heads(heads):\n    return None\n",
}
STUBBORN = """import time
while True:
    try:
        time.sleep(999)
    except BaseException:
        pass
"""
FORGED = "import json, os, pathlib\nhere = pathlib.Path(__file__).parent\n" + "".join(
    f"(here / {name!r}).write_text(json.dumps(dict(passed=1, failed=[], misconceptions=[], error='')))\n"
    for name in ("verdict.json", "result.json")
)


def make_course(folder: Path) -> None:
    """A course of one exercise with one test."""
    tests = Path(__file__).parents[1]
    files = {
        "exercises/hints/ch03.md": "# Three\n\n## join_heads\n1. a\n2. b\n3. c\n",
        "exercises/ch03_attention.py": SUBMISSIONS["untouched"],
        "tests/conftest.py": (tests / "conftest.py").read_text(encoding="utf-8"),
        "tests/ch03_attention/test_attention.py": """import torch
def test_features_stand_side_by_side(impl):
    heads = torch.arange(8.0).view(1, 2, 2, 2)
    assert impl.join_heads(heads)[0, 0].tolist() == [0, 1, 4, 5]
""",
        "tests/ch03_attention/misconceptions.py": """import torch
from minidistil.course.check import Misconception
MISCONCEPTIONS = [Misconception("only flattened", "join_heads", "w", "l", lambda heads: heads.flatten(2),
    inputs=[(torch.arange(8.0).view(1, 2, 2, 2),)])]
""",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(text), encoding="utf-8")


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, list[object]]]:
    """A server on this machine, and who called."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            try:
                while True:
                    calls.append(server.accept())
            except OSError:  # the end of the test
                pass

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def graded(
    tmp_path_factory: pytest.TempPathFactory, listener: tuple[int, list[object]]
) -> tuple[dict[str, Grade], Path]:
    """All of them graded in one go."""
    room = tmp_path_factory.mktemp("class")
    make_course(room / "course")
    places = {"port": listener[0], "outside": str(room / "outside"), "kept": str(room / "kept")}
    (room / "kept" / "deep").mkdir(parents=True)
    (room / "kept" / "deep" / "file").write_text("still here")
    for name, text in SUBMISSIONS.items():
        path = room / "handed in" / name / "deep" / "ch03_attention.py"
        path.parent.mkdir(parents=True)
        path.write_bytes(
            text if isinstance(text, bytes) else text.format(**places).encode() if "{" in text else text.encode()
        )
    before = Path.cwd()
    os.chdir(room / "course")
    try:
        return {each.student: each for each in grade(room / "handed in", seconds=120, memory=1)}, room
    finally:
        os.chdir(before)


def test_nobody_stops_the_others(graded: tuple[dict[str, Grade], Path]) -> None:
    grades, _ = graded
    assert grades.keys() == SUBMISSIONS.keys()
    assert (grades["right"].passed, grades["right"].of, grades["right"].error) == (1, 1, "")
    assert {name for name, each in grades.items() if each.passed} == {"right", "saves", "threads"}


@pytest.mark.parametrize(
    ("student", "told"),
    [
        ("exits", "loading it raises SystemExit"),
        ("exits_hard", "ended by itself before there was a verdict (exit code 0)"),
        ("aborts", "ended by itself before there was a verdict (SIGABRT)"),
        ("bombs", "loading it raises MemoryError"),
        ("forks", "PermissionError: Not while a submission is graded: forking."),
        ("phones", "PermissionError: The network is closed"),
        ("writes", "PermissionError: Not while a submission is graded: changing files elsewhere"),
        ("kills", "PermissionError: Not while a submission is graded: sending signals"),
        ("removes", "PermissionError: Not while a submission is graded: changing files elsewhere"),
        ("slips", "PermissionError: Not while a submission is graded: changing files elsewhere"),
        ("spawns", "PermissionError: Not while a submission is graded: starting processes."),
        ("surrogate", "loading it raises ValueError: ? of bob ch03 1 of 1"),
        ("pickles", "Python cannot read it"),
    ],
)
def test_each_error_is_said(graded: tuple[dict[str, Grade], Path], student: str, told: str) -> None:
    grades, _ = graded
    assert told in grades[student].error


def test_what_is_not_right_is_named(graded: tuple[dict[str, Grade], Path]) -> None:
    grades, _ = graded
    assert grades["wrong"].failed == ["join_heads"]
    assert grades["wrong"].misconceptions == ["only flattened"]
    assert grades["untouched"].failed == ["join_heads (not written)"]
    assert grades["loops"].failed == ["join_heads"]
    assert grades["loops"].error == "does not come to an end: join_heads"
    assert (grades["exits_later"].failed, grades["exits_later"].error) == (["join_heads"], "")
    assert grades["floods"].failed or grades["floods"].error
    assert "looks like: only flattened" in grades["wrong"].line()


def test_nothing_happened_outside(graded: tuple[dict[str, Grade], Path], listener: tuple[int, list[object]]) -> None:
    _, room = graded
    assert not (room / "outside").exists()
    assert (room / "kept" / "deep" / "file").read_text() == "still here"
    assert not list(room.rglob("weights.pt"))
    assert not listener[1]
    with socket.create_connection(("127.0.0.1", listener[0]), 5):  # that somebody did listen
        pass
    assert not list((room / "course").rglob("*.pyc"))


def test_the_table_for_spreadsheets(graded: tuple[dict[str, Grade], Path], tmp_path: Path) -> None:
    grades, _ = graded
    write_csv(tmp_path / "out" / "grades.csv", list(grades.values()))
    with (tmp_path / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    by_student = {row["student"]: row for row in rows}
    assert "'=formula" in by_student
    assert by_student["wrong"]["misconceptions named"] == "only flattened"
    assert (by_student["right"]["passed"], by_student["right"]["of"]) == ("1", "1")


def test_what_cannot_be_interrupted_is_killed_and_a_forged_verdict_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_course(tmp_path / "course")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada_ch03.py").write_text(STUBBORN)
    monkeypatch.chdir(tmp_path / "course")
    (stubborn,) = grade(tmp_path / "in", seconds=6)
    assert stubborn.error.startswith("stopped after 6 s")
    assert stubborn.seconds < 100  # it would run forever
    (tmp_path / "in" / "ada_ch03.py").write_text(FORGED + "os._exit(0)\n")
    (forger,) = grade(tmp_path / "in")
    assert forger.passed == 0
    assert forger.error == "ended by itself before there was a verdict (exit code 0)"


def test_the_command_and_a_real_chapter(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "ch03_attention.py").write_bytes(
        (read_chapter("ch03").tests / "correct" / "base.py").read_bytes()
    )
    command = ["grade", str(tmp_path), "--csv", str(tmp_path / "grades.csv"), "--chapters", "ch03,ch04", "--seconds"]
    subprocess.run([sys.executable, "-m", "minidistil", *command, "400"], timeout=500, check=True)
    rows = list(csv.DictReader((tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["passed"], row["of"], row["error"]) for row in rows] == [
        ("6", "6", ""),
        ("0", "6", "there is no file ch04_….py"),
    ]


def test_who_handed_in_what_shows_in_the_names(tmp_path: Path) -> None:
    for name in ("ada_ch01.py", "ch02-bob.py", "ch01_wordpiece_eve.py", "nobody.py", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "dan" / "twice").mkdir(parents=True)
    for name in ("dan/ch01_wordpiece.py", "dan/twice/ch01_wordpiece.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "kim").mkdir()
    for place in (".ipynb_checkpoints", "__MACOSX"):  # beside her file, not instead of it
        (tmp_path / "liz" / place).mkdir(parents=True)
        (tmp_path / "liz" / place / "ch01_wordpiece-checkpoint.py").write_text("")
    (tmp_path / "liz" / "ch01_wordpiece.py").write_text("")
    assert [(each.student, each.chapter, each.problem.partition(":")[0]) for each in submissions(tmp_path)] == [
        ("ada", "ch01", ""),
        ("eve", "ch01", ""),
        ("bob", "ch02", ""),
        ("dan", "ch01", "2 files for ch01"),
        ("kim", "", "there is no file chNN_….py"),
        ("liz", "ch01", ""),
        ("nobody", "", "its name says no chapter"),
    ]
    assert [each.student for each in submissions(tmp_path, ["ch02"])] == ["bob", "dan", "kim", "liz", "nobody"]


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "ada_ch01.py").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "bob_ch01.py")
    (tmp_path / "eve_ch01.py").write_bytes(b" " * (LARGEST + 1))
    for each in grade(tmp_path):
        assert "is not a plain file of at most 1 MiB" in each.error


def test_a_file_that_may_not_be_read_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "ada_ch01.py").write_text("")
    monkeypatch.setattr(Path, "read_bytes", refuse)  # whoever runs the tests may be allowed to read everything
    (ada,) = grade(tmp_path)
    assert ada.error == "ada_ch01.py cannot be read (Permission denied)"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "There is no folder nowhere"),
        (["."], "There is no submission in ."),
        ([".", "--chapters", "ch99"], "There is no chapter 'ch99'"),
        ([".", "--seconds", "0"], "expected more than 0"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["grade", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
