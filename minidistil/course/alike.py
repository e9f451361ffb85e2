"""Which submissions are the same code as the package's or as another student's, whatever the names in it.

Trees of syntax are compared, without docstrings and annotations and with arguments and variables numbered in the order
in which they appear. Short functions are often the same by chance and are left out. A match is no verdict: two people
may write the same loop.
"""

import ast
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from minidistil.course.cells import python_in
from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.stubs import Definition, definitions, is_stub

SHORT = 60  # nodes of a tree: shorter code is not compared


def shapes(path: Path, chapter: Chapter) -> dict[str, str]:
    """What is compared of each exercise of a file; {} if Python cannot read it."""
    stubs = definitions(chapter.path.read_bytes())
    try:
        found = definitions(python_in(path, chapter))
        return {
            name: shape
            for name in chapter.hints.keys() & found.keys() & stubs.keys()
            if (shape := _shape(found[name], stubs[name]))
        }
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


@cache
def known_shapes(key: str) -> dict[str, set[str]]:
    """The same of the package's own code, and of the solutions that come with the tests."""
    chapter = read_chapter(key)
    package = Path(__file__).parents[1]
    files = [*sorted((package / chapter.name).glob("*.py")), *sorted((chapter.tests / "correct").glob("*.py"))]
    known: dict[str, set[str]] = defaultdict(set)
    for path in files:
        for name, shape in shapes(path, chapter).items():
            known[name].add(shape)
    return dict(known)


def notes(chapter: Chapter, files: Mapping[str, Path]) -> dict[str, str]:
    """For each student whose code is another's, whose.

    Args:
        chapter: the chapter.
        files: each student's file.
    """
    known, found = known_shapes(chapter.key), {student: shapes(path, chapter) for student, path in files.items()}
    said: dict[str, list[str]] = defaultdict(list)
    for student, its in found.items():
        matches: dict[str, list[str]] = defaultdict(list)
        for name in [each for each in chapter.hints if each in its]:
            if its[name] in known.get(name, ()):
                matches["a published solution"].append(name)
            for other, theirs in found.items():
                if other != student and theirs.get(name) == its[name]:
                    matches[other].append(name)
        others: dict[str, list[str]] = defaultdict(list)
        for other, names in matches.items():
            others[", ".join(names)].append(other)
        said[student] = [f"same code as {_listed(its)}: {names}" for names, its in others.items()]
    return {student: "; ".join(lines) for student, lines in said.items() if lines}


def _listed(names: list[str]) -> str:
    """At most ten names."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _shape(node: Definition, stub: Definition) -> str:
    """The code that the learner wrote, with names numbered; "" if it is short."""
    if isinstance(node, ast.ClassDef):
        given = {each.name for each in stub.body if isinstance(each, ast.FunctionDef) and not is_stub(each)}
        parts: list[ast.stmt] = [
            each for each in node.body if isinstance(each, ast.FunctionDef) and each.name not in given
        ]
    else:
        parts = [node]
    numbered = _Numbered()
    trees = [numbered.visit(each) for each in parts]
    if sum(1 for tree in trees for _ in ast.walk(tree)) < SHORT:
        return ""
    return "\n".join(ast.dump(tree) for tree in trees)


class _Numbered(ast.NodeTransformer):
    """Arguments and variables become their numbers; docstrings and annotations go."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        bound = [*ast.walk(node.args), *ast.walk(node)]
        for each in bound:
            name = each.arg if isinstance(each, ast.arg) else each.id if _is_variable(each) else None  # type: ignore[attr-defined]
            if name is not None:
                self.numbers.setdefault(name, f"v{len(self.numbers)}")
        node.returns = None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.numbers.get(node.arg, node.arg), None)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.numbers.get(node.id, node.id), ast.Load())

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return self.generic_visit(ast.Assign([node.target], node.value)) if node.value else ast.Pass()


def _is_variable(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
