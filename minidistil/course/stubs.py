"""Stubs read without running them: which exercises of a file are still to be written."""

import ast
from pathlib import Path

Definition = ast.FunctionDef | ast.ClassDef


def definitions(source: str) -> dict[str, Definition]:
    """The functions and classes at the top of a Python source, by name; the last one counts, as in Python.

    Raises:
        SyntaxError: it is no Python.
    """
    return {node.name: node for node in ast.parse(source).body if isinstance(node, Definition)}


def is_stub(node: Definition) -> bool:
    """Whether a function, or a method of a class, still has its `raise NotImplementedError` on the first level."""
    if isinstance(node, ast.ClassDef):
        return any(is_stub(inner) for inner in node.body if isinstance(inner, ast.FunctionDef))
    return any(_raises_not_implemented(statement) for statement in node.body)


def _raises_not_implemented(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Raise):
        return False
    error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(error, ast.Name) and error.id == "NotImplementedError"


def unwritten(path: Path) -> set[str]:
    """The names in a file that are stubs still.

    Raises:
        ValueError: Python cannot read the file.
    """
    try:
        found = definitions(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:  # a ValueError of what is no UTF-8, and in places of null bytes
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ValueError(f"{path.name}{line}: Python cannot read it ({error}).") from error
    return {name for name, node in found.items() if is_stub(node)}


def lines_of(node: Definition) -> slice:
    """Where a definition stands in its source's lines, decorators and all."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return slice(first - 1, node.end_lineno)
