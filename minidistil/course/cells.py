"""Exercise cells as text: found in a cell or a notebook, and kept equal to the exercises file."""

import ast
import hashlib
import io
import json
import re
import stat
import textwrap
import tokenize
from pathlib import Path
from typing import Any

import minidistil
from minidistil.course.chapters import Chapter, course_folder
from minidistil.course.stubs import Definition, definitions, emptied, is_untouched, lines_of
from minidistil.files import cache_folder, write_atomically


def exercises_in(source: str) -> list[tuple[Definition, str]]:
    """The functions and classes under `@md.exercise`, each with its text without that decorator.

    Raises:
        SyntaxError: it is not Python.
    """
    lines, found = io.StringIO(source).readlines(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Definition) and (marks := [each for each in node.decorator_list if _is_exercise(each)]):
            gone = {line for mark in marks for line in range(mark.lineno - 1, mark.end_lineno or mark.lineno)}
            span = range(len(lines))[lines_of(node)]
            text = "".join(lines[line] for line in span if line not in gone)
            found.append((node, textwrap.dedent(text).rstrip() + "\n"))
    return found


def _is_exercise(decorator: ast.expr) -> bool:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(node, "attr", getattr(node, "id", "")) == "exercise"


# --- A whole notebook, for `check` and `grade` ---


def python_in(path: Path, chapter: Chapter) -> bytes:
    """The code of an exercises file, or of a notebook as if it were one.

    Raises:
        ValueError: it is no notebook, or Python cannot read one of its exercise cells.
    """
    return notebook_as_file(chapter, path).encode() if path.suffix.lower() == ".ipynb" else path.read_bytes()


def notebook_as_file(chapter: Chapter, path: Path) -> str:
    """A notebook's exercise cells as the text of an exercises file; an exercise that has no cell is not written.

    Raises:
        ValueError: it is no notebook, or Python cannot read one of its exercise cells.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no notebook: expected a .ipynb file as Jupyter writes it.") from error
    texts = {name: f"def {name}(*arguments, **named):\n    raise NotImplementedError\n" for name in chapter.hints}
    for source in sources:
        if re.search(r"^@.*\bexercise\b", source, flags=re.M):
            try:
                found = exercises_in(re.sub(r"^[%!].*", "", source, flags=re.M))  # IPython's own lines
            except SyntaxError as error:
                line = source.splitlines()[(error.lineno or 1) - 1].strip()
                raise ValueError(f"{path.name}: Python cannot read the line {line!r} ({error.msg}).") from error
            texts |= {node.name: text for node, text in found if node.name in texts and not is_untouched(node)}
    return _with(_read(chapter.path)[0], texts)


def copy_of(chapter: Chapter, text: str) -> Path:
    """A file in the cache folder with this text, for code that is not, or must not be, in exercises/."""
    path = cache_folder() / "cells" / chapter.path.name
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


# --- One cell and the exercises file ---


def settle(chapter: Chapter, name: str, cell: str | None) -> tuple[Path | None, str]:
    """Make a cell and the exercises file equal: what was written last counts, and nothing is lost.

    Args:
        chapter: the chapter.
        name: the exercise.
        cell: the text in the cell; None if nothing is written there.

    Returns:
        The file to check, None if nothing is written anywhere, and a sentence to tell.
    """
    file = f"{chapter.path.parent.name}/{chapter.path.name}"
    content, format = _read(chapter.path)
    node = definitions(content).get(name)
    lines = io.StringIO(content).readlines()
    written = None if node is None or is_untouched(node) else "".join(lines[lines_of(node)]).rstrip() + "\n"
    if cell is None:
        return (None, "") if written is None else (chapter.path, f"The cell is empty: it is your code in {file}.")
    record = _Record(chapter)
    if written not in (None, cell) and record.last(name, cell):
        return chapter.path, f"The code in {file} is newer than this cell, so it counts; copy it into the cell."
    text, said = _with(content, {name: cell}), f"Saved in {file}."
    if text != content:
        if not chapter.path.stat().st_mode & stat.S_IWUSR:
            return copy_of(chapter, text), f"It is NOT saved: {file} is read-only."
        if written is not None and not record.last(name, written):
            said = f"Saved in {file}; what was there before is in {_backup(chapter.path, content).name}."
        try:
            write_atomically(chapter.path.resolve(), lambda part: part.write_text(text, **format))
        except (OSError, UnicodeEncodeError) as error:
            return copy_of(chapter, text), f"It is NOT saved: {error}"
    record.store(name, cell)
    return chapter.path, said


def write_stubs(key: str, names: list[str]) -> None:
    """Write the exercises file of a chapter anew, if it is missing, from what the package says of them.

    Raises:
        OSError: it could not be written.
    """
    (folder,) = Path(minidistil.__file__).parent.glob(f"{key}_*")
    modules = {path.stem: definitions(path.read_bytes()) for path in sorted(folder.glob("*.py"))}
    home = {name: module for name in names for module, found in modules.items() if name in found}
    stars = [f"from minidistil.{folder.name}.{module} import *" for module in sorted({*home.values()})]
    stubs = [ast.unparse(emptied(modules[module][name])) for name, module in home.items()]
    text = "\n\n\n".join(["\n".join(stars), *stubs]) + "\n"
    path = course_folder() / "exercises" / f"{folder.name}.py"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """A Python file's text, and its encoding and line ends, with which to write it again."""
    with tokenize.open(path) as file:
        return file.read(), {"encoding": file.encoding, "newline": file.newlines if file.newlines == "\r\n" else "\n"}


def _with(text: str, sources: dict[str, str]) -> str:
    """A file's text with these definitions in place of its own, or at its end; the rest untouched."""
    found, lines = definitions(text), io.StringIO(text).readlines()
    for name in sorted(sources, key=lambda each: -found[each].lineno if each in found else 1):  # the last one first
        place = lines_of(found[name]) if name in found else slice(len(lines), None)
        lines[place] = [*([] if name in found else ["\n\n"]), sources[name]]
    return "".join(lines)


def _backup(path: Path, content: str) -> Path:
    number = 1
    while (backup := path.with_name(f"{path.name}.{number}.bak")).exists():
        number += 1
    write_atomically(backup, lambda part: part.write_text(content, encoding="utf-8"))
    return backup


class _Record:
    """What each cell held when it was last run: it shows whether the cell has changed or the file."""

    def __init__(self, chapter: Chapter):
        place = hashlib.sha256(str(chapter.path.resolve()).encode()).hexdigest()[:12]
        self.path = cache_folder() / "cells" / f"{chapter.key}-{place}.json"
        try:
            self.digests = dict(json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # there is none yet
            self.digests = {}

    def last(self, name: str, text: str) -> bool:
        """Whether this is what the cell held."""
        return self.digests.get(name) == hashlib.sha256(text.encode()).hexdigest()

    def store(self, name: str, text: str) -> None:
        """Remember what it holds now."""
        self.digests[name] = hashlib.sha256(text.encode()).hexdigest()
        write_atomically(self.path, lambda part: part.write_text(json.dumps(self.digests)), optional=True)
