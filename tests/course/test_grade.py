"""Grading a class in which anything may happen: a small course, a folder of submissions that fail in many ways."""

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from minidistil.ch03_attention import attention
from minidistil.cli.main import main
from minidistil.course.alike import notes
from minidistil.course.chapters import read_chapter
from minidistil.course.grade import COLUMNS, Grade, grade, submissions, write_csv
from minidistil.course.isolation import LARGEST, bubblewrap
from minidistil.course.sandbox import FILE_SIZE
from tests.course.small_course import STUB, write_chapter

RIGHT = "def join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n"
SUBMISSIONS: dict[str, str | bytes] = {
    "right": RIGHT,
    "wrong": "def join_heads(heads):\n    return heads.flatten(2)\n",
    "untouched": STUB,
    "exits": "import sys\nsys.exit(0)\n",
    "exits_hard": "import os\nos._exit(0)\n",
    "aborts": "import os\ndef join_heads(heads):\n    os.abort()\n",
    "loops": "def join_heads(heads):\n    while True:\n        pass\n",
    "bombs": "blocks, size = [], 2**26\nwhile True:\n    blocks.append(bytearray(size))\n    size *= 8\n",
    "fills": f"with open('big', 'wb') as file:\n    file.truncate({FILE_SIZE} + 1)\n",
    "floods": RIGHT.replace("return", "print('x' * 10**8) or"),
    "saves": f"import os, torch\n{RIGHT}torch.save(os.environ.get('SECRET_KEY', torch.ones(2)).sum(), 'weights.pt')\n",
    "surrogate": "raise ValueError('\\ud800 of\\nbob ch03 1 of 1')\n",
    "exits_later": "def join_heads(heads):\n    exit()\n",
    "threads": "import threading, time\n" + RIGHT + "threading.Thread(target=time.sleep, args=(999,)).start()\n",
    "pickles": b"\x80\x04cos\nsystem\n",
    "interrupts_later": f"{RIGHT}right, calls = join_heads, []\ndef join_heads(heads):\n"
    "    calls.append(1)\n    if len(calls) > 1:\n        raise KeyboardInterrupt\n    return right(heads)\n",
    "ends_pytest": f"import pytest\n{RIGHT}right, calls = join_heads, []\ndef join_heads(heads):\n"
    "    calls.append(1)\n    if len(calls) > 1:\n        pytest.exit('done', 0)\n    return right(heads)\n",
    "nests": f"import os\n{RIGHT}here = os.getcwd()\n"
    "for _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nos.chdir(here)\n",
    "brackets": "import os\nfor number in range(3, 30):\n    try:\n        os.write(number, b'[' * 10**5)\n"
    "    except OSError:\n        pass\nos._exit(0)\n",
    "talks": "raise ValueError('\x1b[2J' + 'x' * 9999)\n",
    "imports": "import importlib\n"
    "join_heads = importlib.import_module('minidistil.ch03_attention.attention').join_heads\n",
    "=formula": "def join_heads(heads):\n    return None\n",
}
STUBBORN = """import time
while True:
    try:
        time.sleep(999)
    except BaseException:
        pass
"""
FORGED = """import json, os
for number in range(3, 30):
    try:
        os.write(number, json.dumps(dict(passed=1, failed=[], misconceptions=[], error="")).encode())
    except OSError:
        pass
"""


def make_course(folder: Path) -> None:
    """A course of one exercise with one test."""
    test = """import torch
def test_features_stand_side_by_side(impl):
    heads = torch.arange(8.0).view(1, 2, 2, 2)
    assert impl.join_heads(heads)[0, 0].tolist() == [0, 1, 4, 5]
def test_the_second_token_too(impl):
    assert impl.join_heads(torch.arange(8.0).view(1, 2, 2, 2))[0, 1].tolist() == [2, 3, 6, 7]
"""
    bank = """import torch
from minidistil.course.misconceptions import misconception
@misconception("join_heads", "only flattened", inputs=[(torch.arange(8.0).view(1, 2, 2, 2),)])
def only_flattened(heads):
    return heads.flatten(2)
"""
    write_chapter(folder, "ch03_attention", STUB, ["join_heads"], test, bank)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grade]:
    """All of them graded in one call."""
    room = tmp_path_factory.mktemp("class")
    make_course(room / "course")
    for name, text in SUBMISSIONS.items():
        path = room / "handed in" / name / "deep" / "ch03_attention.py"
        path.parent.mkdir(parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room / "course")
        patch.setenv("SECRET_KEY", "1234")
        grades = {each.student: each for each in grade(room / "handed in", seconds=120, memory=1)}
    assert not [path for pattern in ("weights.pt", "*.pyc") for path in room.rglob(pattern)]
    return grades


def test_nobody_stops_the_others(graded: dict[str, Grade]) -> None:
    assert graded.keys() == SUBMISSIONS.keys()
    assert (graded["right"].passed, graded["right"].of, graded["right"].error) == (1, 1, "")
    assert {name for name, each in graded.items() if each.passed} == {"right", "saves", "threads", "nests"}


@pytest.mark.parametrize(
    ("student", "fact"),
    [
        ("exits", "SystemExit"),
        ("exits_hard", "os._exit() is called"),
        ("aborts", "SIGABRT"),
        ("bombs", "MemoryError"),
        ("fills", "OSError: [Errno 27]"),
        ("surrogate", "ValueError: ? of bob ch03 1 of 1"),
        ("pickles", "Python cannot read it"),
        ("brackets", "ended before there was a verdict"),
    ],
)
def test_each_error_is_said(graded: dict[str, Grade], student: str, fact: str) -> None:
    assert fact in graded[student].error


def test_an_error_is_short_and_has_no_escape_codes(graded: dict[str, Grade]) -> None:
    assert "ValueError: ?[2Jxxx" in graded["talks"].error
    assert len(graded["talks"].error) == 500


def test_what_is_not_right_is_named(graded: dict[str, Grade]) -> None:
    assert graded["wrong"].failed == ["join_heads"]
    assert graded["wrong"].misconceptions == ["only flattened"]
    assert "only flattened" in graded["wrong"].line()
    assert graded["untouched"].failed == ["join_heads (not written)"]
    assert graded["imports"].failed == ["join_heads (borrowed)"]
    assert graded["loops"].failed == ["join_heads"]
    assert "join_heads" in graded["loops"].error
    assert (graded["exits_later"].failed, graded["exits_later"].error) == (["join_heads"], "")
    assert graded["interrupts_later"].failed == graded["ends_pytest"].failed == ["join_heads"]
    assert graded["floods"].failed or graded["floods"].error


def test_the_table_for_spreadsheets(graded: dict[str, Grade], tmp_path: Path) -> None:
    write_csv(tmp_path / "out" / "grades.csv", list(graded.values()))
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
    assert "6 s" in stubborn.error
    assert stubborn.seconds < 100  # it would run forever
    (tmp_path / "in" / "ada_ch03.py").write_text(FORGED + "os._exit(0)\n")
    (forger,) = grade(tmp_path / "in")
    assert (forger.passed, "exit code 0" in forger.error) == (0, True)


ESCAPES = {
    "writes": "open({outside!r}, 'w').write('here')",
    "writes_to_memory": "open('/dev/shm/here', 'w').write('here')",
    "hides_something": "import os; open(os.path.dirname({other!r}) + '/here', 'w').write('here')",
    "makes_a_pipe": "import os; os.mkfifo({outside!r})",
    "calls": "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=3)",
    "signals": "import os, signal; os.kill({grader}, signal.SIGTERM)",
    "limits": "import resource; resource.prlimit({grader}, resource.RLIMIT_CPU, (1, 1))",
    "reads_the_environment": "print(open('/proc/{grader}/environ').read())",
    "reads_others": "open({other!r}).read()",
    "fills_the_disk": "for number in range(99):\n    open(str(number), 'wb').write(bytes(32 * 2**20))",
}


@pytest.mark.skipif(not bubblewrap(), reason="needs bubblewrap: apt install bubblewrap")
def test_under_bubblewrap_nothing_outside_can_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each submission is right, but tries something first: what is held back raises, so it never gets to be right."""
    make_course(tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    outside, others = tmp_path / "outside", tmp_path / "in" / "right_ch03.py"
    (tmp_path / "in").mkdir()
    others.write_text(RIGHT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        places = {"outside": str(outside), "port": server.getsockname()[1], "grader": os.getpid(), "other": str(others)}
        for name, attack in ESCAPES.items():
            (tmp_path / "in" / f"{name}_ch03.py").write_text(f"{attack.format(**places)}\n{RIGHT}")
        grades = {each.student: each for each in grade(tmp_path / "in", memory=1)}
    assert {name for name, each in grades.items() if each.passed} == {"right"}
    for name in ESCAPES:
        assert "loading it raises" in grades[name].error, name
    assert not outside.exists()


SOURCES = {
    "inspect": "import inspect, minidistil.ch03_attention.attention as module\n"
    "exec(inspect.getsource(module).split('# The idea')[0])\n",
    "importlib": "import importlib.util, pathlib, minidistil\n"
    "path = pathlib.Path(minidistil.__file__).parent / 'ch03_attention' / 'attention.py'\n"
    "spec = importlib.util.spec_from_file_location('again', path)\n"
    "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
    "join_heads = module.join_heads\n",
    "opens": f"exec(open({str(Path(attention.__file__))!r}).read())\n",
    "variant": "import glob, os\npath = glob.glob(os.environ['MINIDISTIL_COURSE'] + '/tests/ch03*/correct/*.py')[0]\n"
    "exec(open(path).read())\n",
}


def test_the_solutions_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bubblewrap a file that is opened by its place on the machine can still be read."""
    make_course(tmp_path / "course")
    (tmp_path / "course" / "tests" / "ch03_attention" / "correct").mkdir()
    (tmp_path / "course" / "tests" / "ch03_attention" / "correct" / "base.py").write_text(RIGHT)
    monkeypatch.chdir(tmp_path / "course")
    (tmp_path / "in").mkdir()
    for name, code in {**SOURCES, "honest": RIGHT}.items():
        (tmp_path / "in" / f"{name}_ch03.py").write_text(code)
    passed = {each.student for each in grade(tmp_path / "in", memory=1) if each.passed}
    assert passed - ({"opens"} if not bubblewrap() else set()) == {"honest"}


LOOP = """def count_pairs(words):
    counts = Counter()
    for pieces, count in words:
        for left, right in zip(pieces, pieces[1:]):
            if count > 0 and len(pieces) > 1 and left != "" and right != "":
                counts[left, right] += count
    return counts
"""
RENAMED = '''def count_pairs(entries) -> Counter:
    """My own."""
    pairs: Counter = Counter()
    for symbols, n in entries:
        for a, b in zip(symbols, symbols[1:]):
            if n > 0 and len(symbols) > 1 and a != "" and b != "":
                pairs[a, b] += n
    return pairs
'''


def test_the_same_code_is_a_note_whatever_its_names(tmp_path: Path) -> None:
    chapter = read_chapter("ch01")
    solution = (chapter.tests / "correct" / "base.py").read_text(encoding="utf-8")
    texts = {"ada": LOOP, "bob": RENAMED, "eve": LOOP.replace("> 0", ">= 0"), "kim": solution, "max": "def broken(:"}
    files = {name: tmp_path / f"{name}.py" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text, encoding="utf-8")
    said = notes(chapter, files)
    assert said.keys() == {"ada", "bob", "kim"}
    assert (said["ada"], said["bob"]) == ("same code as bob: count_pairs", "same code as ada: count_pairs")
    assert "a published solution: " in said["kim"]
    assert "longest_match" in said["kim"]


def test_of_many_with_the_same_code_ten_are_named(tmp_path: Path) -> None:
    (tmp_path / "any.py").write_text(LOOP, encoding="utf-8")
    said = notes(read_chapter("ch01"), {f"student{number:02}": tmp_path / "any.py" for number in range(30)})
    ten = ", ".join(f"student{number:02}" for number in range(1, 11))
    assert said["student00"] == f"same code as {ten} and 19 more: count_pairs"


def test_where_bubblewrap_is_not_at_hand_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("minidistil.course.isolation.bubblewrap", lambda: False)
    make_course(tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada_ch03.py").write_text(RIGHT)
    assert main(["grade", str(tmp_path / "in")]) == 0
    warning, row = capsys.readouterr().out.splitlines()
    assert "NOT kept from your files, your processes" in warning
    assert "1 of 1" in row


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
    for name in (
        "ada_ch01.py", "ch02-bob.py", "ch01_wordpiece_eve.py", "nobody.py", "notes.txt", "kim/notes.txt",
        "dan/ch01_wordpiece.py", "dan/twice/ch01_wordpiece.py", "liz/ch01_wordpiece.py", "ann/CH01_WordPiece.py",
        "max/Copy of ch01_wordpiece.py", "ian/research01.py", "Ida_CH03.PY",
        "liz/.ipynb_checkpoints/ch01_wordpiece-checkpoint.py", "liz/__MACOSX/ch01_wordpiece.py",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [(each.student, each.chapter, each.error.partition(":")[0]) for each in submissions(tmp_path)] == [
        ("Ida", "ch03", ""),
        ("ada", "ch01", ""),
        ("ann", "ch01", ""),
        ("eve", "ch01", ""),
        ("bob", "ch02", ""),
        ("dan", "ch01", "2 files for ch01"),
        ("ian", "", "there is no file chNN_….py"),
        ("kim", "", "there is no file chNN_….py"),
        ("liz", "ch01", ""),
        ("max", "ch01", ""),
        ("nobody", "", "its name has no chapter"),
    ]
    assert [each.student for each in submissions(tmp_path, ["ch02"])] == [
        "ann", "bob", "dan", "ian", "kim", "liz", "max", "nobody",
    ]  # fmt: skip


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "ada_ch01.py").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "bob_ch01.py")
    (tmp_path / "eve_ch01.py").write_bytes(b" " * (LARGEST + 1))
    for each in grade(tmp_path):
        assert f"{each.student}_ch01.py is not a plain file" in each.error


def test_a_file_that_may_not_be_read_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        if path.parent != tmp_path:
            return path.open("rb").read()
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "ada_ch01.py").write_text("")
    monkeypatch.setattr(Path, "read_bytes", refuse)  # whoever runs the tests may be allowed to read everything
    (ada,) = grade(tmp_path)
    assert ada.error == "ada_ch01.py cannot be read (Permission denied)"


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [(["nowhere"], "nowhere"), (["."], "."), ([".", "--chapters", "ch99"], "ch99"), ([".", "--seconds", "0"], "0 s")],
)
def test_a_wrong_request_is_one_sentence(
    arguments: list[str], fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["grade", *arguments]) == 2
    error = capsys.readouterr().err
    assert fact in error
    assert error.count("\n") == 1
