"""The chapters of the course, with their exercises and hints, read from the files of a checkout.

A chapter has one name everywhere, such as ch03_attention. Its exercises are found by that name:

    exercises/ch03_attention.py         the stubs, with the package's own signatures
    exercises/hints/ch03.md             a heading for each exercise, in order, with three hints
    minidistil/ch03_attention/          the package's own solutions; `__init__.py` exports each exercise
    tests/ch03_attention/               the tests; those with the fixture `impl` judge a learner's file
    tests/ch03_attention/misconceptions.py   the wrong implementations that `check` knows by name
    tests/ch03_attention/correct/       whole solutions, written in different ways, which must pass
"""

import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minidistil
from minidistil.arguments import require_kind
from minidistil.files import read_small

HINTS = 3  # for each exercise


@dataclass(frozen=True)
class Chapter:
    """The exercises of one chapter and the files that belong to it."""

    key: str  # "ch03"
    name: str  # "ch03_attention"
    title: str
    path: Path  # the learner's file
    hints: dict[str, list[str]]  # for each exercise, a function or class that the learner writes, in order

    @property
    def tests(self) -> Path:
        """The folder with the chapter's tests, misconceptions and correct solutions."""
        return self.path.parent.parent / "tests" / self.name

    def solutions(self) -> dict[str, Any]:
        """The package's own functions and classes, by the name of their exercise."""
        face = importlib.import_module(f"minidistil.{self.name}")
        return {name: getattr(face, name) for name in self.hints}


def course_folder() -> Path:
    """The checkout, a folder with exercises/ and tests/: MINIDISTIL_COURSE or a folder above it.

    Without that variable the current folder, one above it, or the checkout that the package itself lies in.

    Raises:
        FileNotFoundError: there is none.
    """
    named = os.environ.get("MINIDISTIL_COURSE")
    here = Path(named or Path.cwd()).absolute()
    for folder in (here, *here.parents, *([] if named else [Path(minidistil.__file__).parent.parent])):
        if (folder / "exercises" / "hints").is_dir() and (folder / "tests").is_dir():
            return folder
    where = "let MINIDISTIL_COURSE name" if named else "run this command in"
    raise FileNotFoundError(
        f"There are no exercises in {here} or above: {where} a checkout of minidistil, "
        "which has the folders exercises/ and tests/."
    )


def chapter_keys() -> list[str]:
    """The chapters that have exercises: "ch01" …"""
    return sorted(path.stem for path in (course_folder() / "exercises" / "hints").glob("ch*.md"))


def read_chapter(key: str) -> Chapter:
    """A chapter by its key: ch06, or as people write it, such as ch6, 06 or ch06_losses.

    Raises:
        ValueError: there is no such chapter, or its hints are damaged.
        FileNotFoundError: the learner's file is missing.
    """
    require_kind(str, chapter=key)
    if match := re.fullmatch(r"(?:ch)?0*(\d{1,2})(?:_\w*)?(?:\.py)?", key.lower()):
        key = f"ch{int(match[1]):02}"
    if key not in chapter_keys():
        raise ValueError(f"There is no chapter {key!r} with exercises: expected one of {', '.join(chapter_keys())}.")
    folder = course_folder() / "exercises"
    files = sorted(folder.glob(f"{key}_*.py"))
    if not files:
        raise FileNotFoundError(f"The file {folder / key}_….py is missing: restore it with `git checkout exercises`.")
    path = folder / "hints" / f"{key}.md"
    title, *sections = re.split(r"^## ", read_small(path), flags=re.M)
    hints = {}
    for section in sections:  # the exercise's name, then numbered hints
        name, *numbered = re.split(r"^\d\. ", section, flags=re.M)
        hints[name.strip()] = [" ".join(hint.split()) for hint in numbered]
    if not hints or any(len(each) != HINTS for each in hints.values()):
        raise ValueError(
            f"{path} is damaged: expected {HINTS} hints for each exercise. Restore it with `git checkout "
            "exercises/hints`."
        )
    return Chapter(key, files[0].stem, title.strip().lstrip("# "), files[0], hints)
