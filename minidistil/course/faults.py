"""What can be said of a learner's function without a call: other arguments than asked for, functions ruled out."""

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from minidistil.course.learner import Learner
from minidistil.course.stubs import definitions


def faults(learner: Learner) -> dict[str, list[str]]:
    """What is wrong with exercises whatever the tests say: other arguments, functions that are ruled out."""
    found: dict[str, list[str]] = {}
    for name, function in learner.solved().items():
        said = [_other_form(function, learner.own[name]) or _other_arguments(function, learner.own[name])]
        said += _ruled_out(name, learner)
        if said := list(filter(None, said)):
            found[name] = said
    return found


def _other_form(function: Any, own: Any) -> str:
    """Whether a class stands in place of a function, or the other way round."""
    mine, asked = ("a class" if isinstance(each, type) else "a function" for each in (function, own))
    return "" if mine == asked else f"it is {mine}, expected {asked} of this name"


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _other_arguments(function: Any, own: Any) -> str:
    """The arguments beside those asked for; more of them, with defaults, are allowed."""
    if isinstance(own, type) and isinstance(function, type):
        methods = [key for key, each in vars(own).items() if inspect.isfunction(each) and key[0] != "_"]
        pairs = [(vars(each).get(key) for each in (function, own)) for key in ("__init__", *methods)]
        return next((said for mine, theirs in pairs if mine and (said := _other_arguments(mine, theirs))), "")
    try:
        mine, asked = _parameters(function), _parameters(own)
    except (TypeError, ValueError):  # no function at all: the tests say so
        return ""
    free = any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in mine.values())
    skip = 1 if "self" in asked else 0
    names, expected = list(mine)[skip:], list(asked)[skip:]
    optional = [name for name in expected if asked[name].default is not inspect.Parameter.empty] + names[
        len(expected) :
    ]
    needed = [name for name in optional if name in mine and mine[name].default is inspect.Parameter.empty]
    if free or (names[: len(expected)] == expected and not needed):
        return ""
    return f"its arguments are ({_written(mine, skip)}), expected ({_written(asked, skip)}): keep their names and order"


def _written(parameters: dict[str, inspect.Parameter], skip: int) -> str:
    return ", ".join(
        name if each.default is inspect.Parameter.empty else f"{name}={each.default!r}"
        for name, each in list(parameters.items())[skip:]
    )


def _ruled_out(name: str, learner: Learner) -> Iterator[str]:
    """Uses of functions that the text of the chapter or of the exercise rules out, by their full names."""
    stubs = learner.chapter.path.read_bytes()
    asked = [ast.parse(stubs), *(node for key, node in definitions(stubs).items() if key == name)]
    texts = [text for node in asked for text in re.split(r"\.\s", ast.get_docstring(node) or "")]
    banned = [
        dotted for text in texts if re.search(r"\b(do not use|without|not PyTorch's)\b", text)
        for dotted in re.findall(r"`(\w+(?:\.\w+)+)`", text)
    ]  # fmt: skip
    objects = {dotted.rpartition(".")[2]: _resolve(dotted) for dotted in banned}
    if not objects:
        return
    found = definitions(learner.path.read_bytes())
    for node in [found[each] for each in _reached(name, found)]:
        for inner in ast.walk(node):
            used = _used(inner, learner.namespace)
            for last, ruled_out in objects.items():
                if used is not None and used is ruled_out:
                    dotted = next(each for each in banned if each.endswith(f".{last}"))
                    yield f"line {inner.lineno} uses {dotted}, which this exercise rules out"  # type: ignore[attr-defined]
                    return


def _resolve(dotted: str) -> Any:
    for prefix in ("", "torch."):
        try:
            return pkgutil.resolve_name(prefix + dotted)
        except (ImportError, AttributeError, ValueError):
            continue
    return None


def _reached(name: str, found: dict[str, Any]) -> set[str]:
    """An exercise and the other definitions of its file that it uses."""
    reached: set[str] = set()
    new = {name} & found.keys()
    while new:
        reached |= new
        used = {inner.id for each in new for inner in ast.walk(found[each]) if isinstance(inner, ast.Name)}
        new = (used & found.keys()) - reached
    return reached


def _used(node: ast.AST, namespace: dict[str, Any]) -> Any:
    """The object that a name or an attribute stands for, by the names of a file; None if that is not clear."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_used(node.value, namespace), node.attr, None)
    if isinstance(node, ast.ImportFrom) and node.module:
        return next((_resolve(f"{node.module}.{alias.name}") for alias in node.names), None)
    return None
