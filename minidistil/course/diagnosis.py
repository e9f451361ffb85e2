"""What can be said of any exercise that fails, without knowing its mistake.

Of a failed call (`of_call`): what it returns is no tensor, or has another dtype or shape, or carries no gradient, or
which number differs from the package's own for the same input. Of a function (`example`, `faults`): what the example of
its docstring gives, other arguments than asked for, functions that the exercise rules out.
"""

import ast
import inspect
import pkgutil
import re
import reprlib
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import torch
from torch import Tensor

from minidistil.course.learner import Learner
from minidistil.course.misconceptions import fresh, same
from minidistil.course.stubs import definitions
from minidistil.course.watch import Call, is_users, time_limit

SECONDS = 2.0  # for the package's own function on one input, or for the example
RANDOM = {"generator", "seed"}  # arguments of functions of which many results are right
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 60


# --- One call ---


def of_call(call: Call, own: Any) -> str:
    """What is wrong with what a call returned; "" if nothing is known.

    Args:
        call: what the learner's function was given and returned.
        own: the package's own function or class.
    """
    if not call.returned or isinstance(call.result, types.GeneratorType):
        return ""
    annotated = getattr(own, call.method, own) if isinstance(own, type) else own
    said = _other_kind(call.result, inspect.signature(annotated).return_annotation)
    if said or isinstance(own, type):
        return said
    expected = _own_result(call, own)
    if expected is not None:
        said = _difference(call.result, expected, not RANDOM & {*_parameters(own)})
    return said and f"{_with_plain_arguments(call)}{said}"


def _with_plain_arguments(call: Call) -> str:
    """The call as a learner would write it, if it is short."""
    given = [*map(repr, call.arguments), *(f"{name}={value!r}" for name, value in call.named.items())]
    plain = all(isinstance(each, str | int | float | None) for each in (*call.arguments, *call.named.values()))
    text = f"{call.name}({', '.join(given)})"
    return f"for {text} " if plain and len(text) <= 80 else ""


def _other_kind(result: Any, annotation: Any) -> str:
    if _fits(result, annotation):
        return ""
    plain = isinstance(annotation, type) and not get_args(annotation)
    name = annotation.__name__ if plain else str(annotation)
    wanted = re.sub(r"\b[a-z_]\w*(\.\w+)*\.(?=\w)", "", name)
    if result is None:
        return f"it returns None, expected {wanted}: is the `return` missing?"
    return f"it returns {_kind(result)}, expected {wanted}"


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value may be of the annotated type, as far as that is easy to say."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple and Ellipsis not in inner:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(_fits, value, inner))
    if annotation is None or annotation is type(None):
        return value is None
    kind = origin or annotation
    if kind is float:
        return isinstance(value, int | float)
    if not isinstance(kind, type) or kind is inspect.Parameter.empty:
        return True
    return isinstance(value, kind) or (kind is Iterator and hasattr(value, "__iter__"))


def _own_result(call: Call, own: Any) -> Any:
    """What the package's own function returns for the same arguments; None if that cannot be said."""
    if not call.intact():
        return None
    try:
        arguments, named = fresh((call.arguments, call.named))
        with time_limit(SECONDS), torch.random.fork_rng(devices=[]):
            return own(*arguments, **named)
    except BaseException as error:  # used-up iterators, a tensor in the middle of a graph, an error that is expected
        if is_users(error):
            raise
        return None


def _difference(result: Any, expected: Any, with_values: bool, place: str = "it") -> str:
    """The first difference between two results, with both numbers."""
    if isinstance(expected, tuple) and isinstance(result, tuple) and len(result) == len(expected):
        parts = (
            _difference(mine, own, with_values, f"part {number} of its result")
            for number, (mine, own) in enumerate(zip(result, expected, strict=True))
        )
        return next(filter(None, parts), "")
    if isinstance(expected, Tensor) and isinstance(result, Tensor):
        verb = "returns" if place == "it" else "is"
        if result.shape != expected.shape:
            return f"{place} {verb} a tensor of shape {tuple(result.shape)}, expected {tuple(expected.shape)}"
        dtype = ""
        if result.dtype != expected.dtype:
            dtype = f"{place} {verb} a tensor of {_dtype(result)}, expected {_dtype(expected)}"
            if not (result.is_floating_point() and expected.is_floating_point()):
                return dtype
        if expected.requires_grad and not result.requires_grad:
            return (
                f"no gradient flows through {place if place != 'it' else 'its result'}: is there detach(), .data, "
                "torch.no_grad(), .item() or NumPy on the way?"
            )
        return (_first_number(result, expected.to(result.dtype), place) or dtype) if with_values else ""
    if with_values and isinstance(expected, dict) and isinstance(result, dict):
        for key in [*expected, *result]:
            if key not in result or key not in expected:
                return f"{place} {'lacks' if key in expected else 'has'} the key {short(key)}"
            if said := _difference(result[key], expected[key], True, f"its {short(key)}"):
                return said
    if with_values and isinstance(expected, str | int | float | list | dict) and not _equal(result, expected):
        where, mine, own = _first_item(result, expected)
        return f"{where}{place} {'returns' if place == 'it' else 'is'} {short(mine)}, expected {short(own)}"
    return ""


def _first_item(result: Any, expected: Any) -> tuple[str, Any, Any]:
    """Of long lists, texts or dictionaries the first place where they differ, with what stands there in both."""
    whole = ("", result, expected)
    if type(result) is not type(expected) or len(repr(result)) + len(repr(expected)) <= 2 * _shortened.maxother:
        return whole
    if isinstance(expected, dict):
        keys = [key for key in expected if key in result and not _equal(result[key], expected[key])]
        return (f"at [{keys[0]!r}] ", result[keys[0]], expected[keys[0]]) if keys else whole
    if not isinstance(expected, str | list):
        return whole
    pairs = enumerate(zip(result, expected, strict=False))
    index = next((index for index, pair in pairs if not _equal(*pair)), min(len(result), len(expected)))
    span = slice(index, index + 20) if isinstance(expected, str) else slice(index, index + 1)
    return f"from [{index}] on ", result[span], expected[span]


def _equal(result: Any, expected: Any) -> bool:
    try:
        return same(result, expected)
    except (RuntimeError, ValueError, TypeError):  # tensors inside, arrays
        return True


def _first_number(result: Tensor, expected: Tensor, place: str) -> str:
    differs = ~torch.isclose(result.detach(), expected.detach(), rtol=1e-4, atol=1e-5, equal_nan=True)
    if not differs.any():
        return ""
    index = differs.nonzero()[0].tolist()
    mine, own = (format(each.detach()[tuple(index)].item(), ".6g") for each in (result, expected))
    where = f"at {index} {place}" if index else place
    return f"{where} {'returns' if place == 'it' else 'is'} {mine}, expected {own}"


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    module = type(value).__module__.partition(".")[0]
    name = "NumPy array" if type(value).__name__ == "ndarray" else type(value).__name__
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} ({', '.join(map(_kind, value[:4]))})"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}" + (f" of {module}" if module == "numpy" else "")


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def short(value: Any) -> str:
    """A value in at most some 60 characters, without addresses in memory."""
    return without_addresses(_shortened.repr(value))


def without_addresses(text: str) -> str:
    """Functions by their names; other objects without their places in memory."""
    text = re.sub(r"<(?:built-in |bound )?(?:function|method) ([\w.]+)(?: of [^<>]*)? at 0x[0-9a-fA-F]+>", r"\1", text)
    text = re.sub(r"<built-in (?:function|method) ([\w.]+)(?: of [^<>]*)?>", r"\1", text)
    text = re.sub(r"<(generator) object ([\w.<>]+) at 0x[0-9a-fA-F]+>", r"a \1", text)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


# --- One function ---


def faults(learner: Learner) -> dict[str, list[str]]:
    """What is wrong with exercises whatever the tests say: other arguments, functions that are ruled out."""
    found: dict[str, list[str]] = {}
    for name, function in learner.solved().items():
        said = [_other_arguments(function, learner.own[name]), *_ruled_out(name, learner)]
        if said := list(filter(None, said)):
            found[name] = said
    return found


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
