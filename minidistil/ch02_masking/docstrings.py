"""Chapter 2. Text that every reader of the course has on disk: docstrings.

The sources of the standard library and of seven installed packages are parsed (`ast`), not run, and the lines of their
docstrings that are prose are kept; so is the language reference in `pydoc_data.topics`. That makes 17 MB of technical
English, the same for the same versions.
"""

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from minidistil.files import cache_folder, read_small, write_atomically

PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "datasets", "pandas", "sklearn")
_SKIPPED_FOLDERS = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "pydoc_data"}
_FORMAT = 1  # of the cached extract; a new number makes old caches stale


def documents() -> list[str]:
    """The prose of each docstring. Parsing takes half a minute once, then the extract is in the cache."""
    cached, packages = _cache()
    try:
        return json.loads(read_small(cached))
    except (OSError, ValueError):  # absent, unreadable or cut short: made again
        extract = list(_extract(packages))
        text = json.dumps(extract)
        write_atomically(cached, lambda part: part.write_text(text, encoding="utf-8"), optional=True)
        return extract


def are_cached() -> bool:
    """Whether the extract is in the cache, so that it is there at once."""
    return _cache()[0].is_file()


def _cache() -> tuple[Path, list[str]]:
    """Path of the extract for the installed versions, and the packages that are installed."""
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    key = hashlib.sha256(json.dumps([_FORMAT, sys.version_info[:3], versions]).encode()).hexdigest()[:16]
    return cache_folder() / f"docs-{key}.json", list(versions)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version({"sklearn": "scikit-learn"}.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return None


def _extract(packages: list[str]) -> Iterator[str]:
    specs = map(importlib.util.find_spec, packages)
    roots = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None]
    for root in [Path(sysconfig.get_paths()["stdlib"]), *roots]:
        for path in _python_files(root):
            yield from filter(None, map(prose, _docstrings(path)))
    with contextlib.suppress(ImportError):  # some systems leave it out
        from pydoc_data.topics import topics

        yield from filter(None, map(prose, map(inspect.cleandoc, topics.values())))


def _python_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - _SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _docstrings(path: Path) -> Iterator[str]:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the sources of others
            stack: list[ast.AST] = [ast.parse(path.read_bytes())]
    except (SyntaxError, ValueError):  # some packages have sources for other versions of Python
        return
    while stack:  # of statements only: no docstring is inside an expression
        node = stack.pop()
        if isinstance(node, documented) and (docstring := ast.get_docstring(node)):
            yield docstring
        for block in ("finalbody", "orelse", "handlers", "body"):
            stack.extend(reversed(getattr(node, block, [])))


def prose(docstring: str) -> str:
    """The lines of a docstring that are prose: no examples to run, no tables, no printed arrays.

    >>> prose("Returns the sum.\\n>>> f([[1, 2]])\\n3\\n----------")
    'Returns the sum.'
    """

    def is_prose(line: str) -> bool:
        letters = sum(char.isalpha() or char == " " for char in line)
        return letters >= 0.8 * len(line) and not line.startswith((">>>", "..."))

    lines = (" ".join(line.split()) for line in docstring.splitlines())
    return "\n".join(line for line in lines if line and is_prose(line))
