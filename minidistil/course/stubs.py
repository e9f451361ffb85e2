"""Stubs, read without running them: which exercises of a file are not written yet."""

import ast
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(source: str | bytes) -> dict[str, Definition]:
    """The functions and classes at the top level of a Python source, by name; of several the last, as in Python.

    Raises:
        SyntaxError: it is not Python.
    """
    return {node.name: node for node in ast.parse(source).body if isinstance(node, Definition)}


def is_stub(node: Definition) -> bool:
    """Whether a function, or a method of a class, still has `raise NotImplementedError` as one of its statements."""
    if isinstance(node, ast.ClassDef):
        return any(is_stub(inner) for inner in node.body if isinstance(inner, ast.FunctionDef))
    return any(_raises_not_implemented(statement) for statement in node.body)


def is_untouched(node: Definition) -> bool:
    """Whether nothing is written: only a docstring, `...`, `pass`, NotImplementedError.

    An `__init__` beside other methods does not count, since some stubs have it in full or in part.
    """
    if isinstance(node, ast.ClassDef) and any(isinstance(inner, ast.FunctionDef) for inner in node.body):
        parts = [each for each in node.body if getattr(each, "name", "") != "__init__"] or node.body
        return all(is_untouched(each) if isinstance(each, Definition) else _is_constant(each) for each in parts)
    return all(_is_empty(each) or _raises_not_implemented(each) for each in node.body)


def left_to_write(node: Definition, stub: Definition | None) -> list[str]:
    """The methods of a class that are still as in its stub, if others are written already; otherwise none."""
    if not isinstance(node, ast.ClassDef) or not isinstance(stub, ast.ClassDef) or not is_stub(stub):
        return []
    given, now = _methods(stub), _methods(node)
    left = [name for name, method in given.items() if name in now and is_stub(method) and _same(now[name], method)]
    begun = any(name not in given or not _same(method, given[name]) for name, method in now.items())
    return left if begun else []


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {inner.name: inner for inner in node.body if isinstance(inner, ast.FunctionDef)}


def _same(one: ast.FunctionDef, other: ast.FunctionDef) -> bool:
    """Whether two methods have the same code; a cell's stub has `...` where the file's raises an error."""
    return _code(one) == _code(other)


def _code(method: ast.FunctionDef) -> list[str]:
    return [ast.dump(each) for each in method.body if not (_is_empty(each) or _raises_not_implemented(each))]


def _is_empty(statement: ast.stmt) -> bool:
    return _is_constant(statement) or isinstance(statement, ast.Pass)


def _is_constant(statement: ast.stmt) -> bool:
    """A docstring or `...`."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _raises_not_implemented(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Raise):
        return False
    error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(error, ast.Name) and error.id == "NotImplementedError"


def unwritten(path: Path) -> set[str]:
    """The names in a file that are still stubs.

    Raises:
        ValueError: it cannot be read, or Python cannot read it.
    """
    try:
        if path.exists() and not path.is_file():  # to read a FIFO would wait for ever
            raise OSError(0, "it is no regular file")
        found = definitions(path.read_bytes())
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): expected the file with the exercises; restore it with "
            "`git checkout exercises`."
        ) from error
    except (SyntaxError, ValueError) as error:  # a ValueError: null bytes, before Python 3.12
        line = getattr(error, "lineno", None)
        place = f"{path.name}, line {line}" if line else path.name
        raise ValueError(f"{place}: Python cannot read it ({getattr(error, 'msg', error)}).") from error
    return {name for name, node in found.items() if is_stub(node)}


def leftovers(path: Path, name: str) -> list[str]:
    """What still raises NotImplementedError in a definition of which a part is written, a sentence for each place."""
    node = definitions(path.read_bytes()).get(name)
    parts = [*_methods(node).values()] if isinstance(node, ast.ClassDef) else [node] if node else []
    begun = not all(map(is_untouched, parts))
    lines = {each: next(filter(_raises_not_implemented, each.body)).lineno for each in parts if begun and is_stub(each)}
    return [
        f"line {line} still raises NotImplementedError: "
        + (f"write {each.name}" if is_untouched(each) else "delete it, if the code beside it is yours")
        for each, line in lines.items()
    ]


def places(path: Path) -> dict[str, list[int]]:
    """The lines where each name of a file is defined: more than one for what is defined again."""
    found: dict[str, list[int]] = {}
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, Definition):
            found.setdefault(node.name, []).append(node.lineno)
    return found


def lines_of(node: Definition) -> slice:
    """The lines of a definition in its source, with its decorators."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return slice(first - 1, node.end_lineno)


def emptied(node: Definition) -> Definition:
    """A definition as a stub: with `raise NotImplementedError` in the place of its code."""
    if isinstance(node, ast.ClassDef):
        node.body = [emptied(each) if isinstance(each, ast.FunctionDef) else each for each in node.body]
    else:
        told = node.body[:1] if ast.get_docstring(node) is not None else []
        node.body = [*told, ast.Raise(ast.Name("NotImplementedError"))]
    return node
