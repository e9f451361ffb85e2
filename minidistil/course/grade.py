"""`minidistil grade`: a folder of submissions, each checked in its own process (see `isolation`).

FOLDER/ada/ch01_wordpiece.py …     a sub-folder for each student, with the exercise files somewhere in it
FOLDER/ada_ch01.py                 or a file for each student, with the chapter in its name

Of a notebook, such as 01_wordpiece.ipynb or ada_ch01.ipynb, the exercise cells count.
"""

import base64
import csv
import io
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidistil.course.alike import notes
from minidistil.course.cells import python_in
from minidistil.course.chapters import chapter_keys, read_chapter
from minidistil.course.handout import without_solutions
from minidistil.course.isolation import LARGEST, run_isolated
from minidistil.course.peers import require_pytest
from minidistil.files import write_atomically

COLUMNS = (
    "student", "chapter", "passed", "of", "exercises failed", "misconceptions named", "seconds", "error", "note",
)  # fmt: skip

LONGEST = 500  # characters of a student's text


@dataclass
class Grade:
    """A student's file for a chapter and its result, or the error that says why there is none."""

    student: str
    chapter: str
    path: Path | None = None
    error: str = ""
    passed: int = 0
    of: int = 0
    failed: list[str] = field(default_factory=list)
    misconceptions: list[str] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""  # for the person who grades: whose code is the same

    def row(self) -> list[Any]:
        """The values of COLUMNS; an apostrophe before each text that a spreadsheet would take for a formula."""
        texts = [self.student, self.chapter, "; ".join(self.failed), "; ".join(self.misconceptions), self.error]
        texts = ["'" + text if text[:1] in set("=+-@\t") else text for text in [*texts, self.note]]
        student, chapter, failed, named, error, note = texts
        return [student, chapter, self.passed, self.of, failed, named, f"{self.seconds:.1f}", error, note]

    def line(self) -> str:
        """The result as text."""
        text = f"{self.student:<24} {self.chapter:<5} {self.passed:>2} of {self.of:<3} {self.seconds:>5.1f} s"
        details = [
            self.error,
            f"not right: {', '.join(self.failed)}" if self.failed else "",
            f"looks like: {', '.join(self.misconceptions)}" if self.misconceptions else "",
            f"note: {self.note}" if self.note else "",
        ]
        return "  ".join([text, *filter(None, details)])


def grade(folder: Path, keys: Sequence[str] = (), seconds: float = 120, memory: float = 3) -> Iterator[Grade]:
    """Check one submission after another; a submission that fails in any way does not stop the others.

    Args:
        folder: see `submissions`.
        keys: chapters; all by default.
        seconds: wall-clock time, and processor time, for one chapter of one student.
        memory: GiB beyond what Python and torch take.

    Raises:
        ValueError, FileNotFoundError: no such chapter or folder, a limit that is not above 0, or no pytest.
        OSError: the system has no process groups and limits (Windows).
    """
    if seconds <= 0 or memory <= 0:
        raise ValueError(f"The limits are {seconds:g} s and {memory:g} GiB: expected numbers above 0.")
    if not hasattr(os, "killpg"):
        raise OSError("grade needs the limits of Linux or macOS; on Windows, run it in WSL.")
    require_pytest()
    found = submissions(folder, keys)
    with tempfile.TemporaryDirectory() as trees:
        for each in found:
            each.student, each.error = _plain(each.student), _plain(each.error)
        for each in found:
            each.of = len(read_chapter(each.chapter).hints) if each.chapter in chapter_keys() else 0
            if each.path is not None:
                start = time.monotonic()
                try:
                    each.note = _alike(each.chapter, tuple(found)).get(each.student, "")
                    _judge(each.path, folder, _tree(Path(trees), each), each, seconds, memory)
                except Exception as error:  # one submission must not end the class's grading
                    each.error = _plain(f"could not be graded ({type(error).__name__}: {error})")
                each.seconds = time.monotonic() - start
            yield each


def _alike(key: str, found: Sequence[Grade]) -> dict[str, str]:
    """The notes on a chapter: whose code is the same."""
    files = {each.student: each.path for each in found if each.chapter == key and each.path and _is_sound(each.path)}
    return notes(read_chapter(key), files)


def _tree(trees: Path, grade: Grade) -> Path | None:
    """The course without the chapter's solutions, in which they are out of reach; None if it cannot be made."""
    tree = trees / grade.chapter
    try:
        if not tree.exists():
            without_solutions(tree, grade.chapter)
    except ValueError as error:
        grade.note = "; ".join(filter(None, [grade.note, f"the solutions were in reach, because {error}"]))
        return None
    return tree


def write_csv(path: Path, grades: Sequence[Grade]) -> None:
    """All grades so far, the whole file or none of it.

    Raises:
        OSError: it could not be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *(each.row() for each in grades)])
    write_atomically(path, lambda part: part.write_text(text.getvalue(), encoding="utf-8"))


def submissions(folder: Path, keys: Sequence[str] = ()) -> list[Grade]:
    """The submissions in a folder, not graded yet, by student and chapter; with `keys` also those that are missing.

    Raises:
        ValueError: no such chapter.
        FileNotFoundError: no such folder, or nothing in it.
    """
    unknown = [key for key in keys if key not in chapter_keys()]
    if unknown:
        raise ValueError(f"There is no chapter {unknown[0]!r}: expected one of {', '.join(chapter_keys())}.")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}: expected one with a folder or a file for each student.")
    found: list[Grade] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith((".", "__")):
            found += _in_folder(entry, keys)
        elif entry.suffix.lower() in (".py", ".ipynb"):
            found += _from_name(entry, keys)
    if not found:
        raise FileNotFoundError(
            f"There is no submission in {folder}: expected a folder, a .py file or a notebook for each student."
        )
    return found


def _in_folder(folder: Path, keys: Sequence[str]) -> list[Grade]:
    result = []
    for key in keys or chapter_keys():
        paths = [path for path in sorted(folder.rglob("*.*")) if _is_handed_in(path.relative_to(folder))]
        its = [path for path in paths if _chapter_in(path) == key]
        files = [path for path in its if path.suffix.lower() == ".py"]
        files = files or [path for path in its if path.suffix.lower() == ".ipynb"]
        if len(files) > 1:
            names = ", ".join(str(path.relative_to(folder)) for path in files)
            result.append(Grade(folder.name, key, error=f"{len(files)} files for {key}: {names}"))
        elif files:
            result.append(Grade(folder.name, key, files[0]))
        elif keys:
            result.append(Grade(folder.name, key, error=f"there is no file {key}_….py"))
    return result or [Grade(folder.name, "", error="there is no file chNN_….py")]


def _chapter_in(path: Path) -> str:
    """The chapter in a file's name, such as CH01_WordPiece or "Copy of ch01_wordpiece"; "" if there is none."""
    match = re.search(r"(?<![a-z0-9])ch(\d\d)(?!\d)", path.stem.lower())
    if path.suffix.lower() == ".ipynb" and not match:
        match = re.search(r"(?<![a-z0-9])(\d\d)_", path.stem.lower())  # 01_wordpiece.ipynb
    return f"ch{match[1]}" if match else ""


def _is_handed_in(path: Path) -> bool:
    """Not a copy that an editor or an archive program made for itself."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _from_name(path: Path, keys: Sequence[str]) -> list[Grade]:
    """From ada_ch01.py, ch01-ada.py or ch01_wordpiece_ada.py; if only one chapter is graded, also from ada.py."""
    key = _chapter_in(path) or (keys[0] if len(keys) == 1 else "")
    if key not in chapter_keys():
        return [Grade(path.stem, key, error="its name has no chapter: expected a name such as ada_ch01.py")]
    name = read_chapter(key).name
    known = f"{name}|{key}|{name[2:]}"
    student = re.sub(known, "", path.stem, flags=re.IGNORECASE).strip("_- .") or path.stem
    return [Grade(student, key, path)] if not keys or key in keys else []


def _is_sound(path: Path) -> bool:
    """Whether it may be read: a plain file of at most LARGEST bytes."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST


def _judge(path: Path, hidden: Path, tree: Path | None, grade: Grade, seconds: float, memory: float) -> None:
    """Run the submission's process and copy its verdict to `grade`; it does not see the folder `hidden`.

    What counts is its verdict in a tree without the solutions. Where something fails there, misconceptions are named by
    a second one, with them.
    """
    try:
        if not _is_sound(path):
            grade.error = _plain(f"{path.name} is not a plain file of at most {LARGEST // 2**20} MiB")
            return
        content = python_in(path, read_chapter(grade.chapter))
    except (OSError, ValueError) as error:
        grade.error = _plain(f"{path.name} cannot be read ({getattr(error, 'strerror', error)})")
        return
    task: dict[str, Any] = {"key": grade.chapter, "file": f"{path.stem}.py", "seconds": seconds}
    task |= {"content": base64.b64encode(content).decode(), "memory": int(memory * 2**30)}
    grade.error, said = run_isolated(task, hidden, seconds, tree)
    if not (verdict := _read(said, grade.of)):
        return
    grade.passed, grade.error = verdict["passed"], _plain(verdict["error"])
    if tree and verdict["failed"] and not verdict["error"]:
        named = _read(run_isolated(task, hidden, seconds, None)[1], grade.of)
        verdict["misconceptions"] = named["misconceptions"] if named else []
    grade.failed, grade.misconceptions = (
        [_plain(name) for name in verdict[part]] for part in ("failed", "misconceptions")
    )


def _plain(text: str) -> str:
    """A student's text in one short line that can be printed anywhere: no control characters, no lone surrogates."""
    text = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _read(said: bytes, of: int) -> dict[str, Any] | None:
    """The verdict that a process gave, or None if it is not JSON of the expected types."""
    try:
        verdict = json.loads(said)
        lists = [verdict["failed"], verdict["misconceptions"]]
        strings = [verdict["error"], *lists[0], *lists[1]]
        sound = isinstance(verdict["passed"], int) and 0 <= verdict["passed"] <= of
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return verdict if sound and all(isinstance(each, str) for each in strings) else None
