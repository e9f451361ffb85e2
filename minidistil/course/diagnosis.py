"""What can be said of any failed call, without knowing the mistake.

What it returns is no tensor, or has another dtype or shape, or carries no gradient; which number differs from the
package's own for the same input; which weight of a new module has another shape. `faults` and `docstring_example` say
what can be said of a function without a call.
"""

import inspect
import re
import reprlib
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import torch
from torch import Tensor, nn

from minidistil.course.misconceptions import fresh, same
from minidistil.course.watch import Call, is_users, time_limit

SECONDS = 2.0  # for the package's own function on one input, or for the example
RANDOM = {"generator", "seed"}  # arguments of functions of which many results are right
MADE_BY = {
    types.GeneratorType: ": `yield` makes one, use `return`",
    types.CoroutineType: ": write `def`, not `async def`",
}
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 60


# --- One call ---


def of_call(call: Call, own: Any) -> str:
    """What is wrong with what a call returned; "" if nothing is known.

    Args:
        call: what the learner's function was given and returned.
        own: the package's own function or class.
    """
    if not call.returned or (call.method == "__init__" and not isinstance(own, type)):
        return ""
    annotated = getattr(own, call.method, own) if isinstance(own, type) else own
    said = _other_kind(call.result, inspect.signature(annotated).return_annotation)
    if said or isinstance(call.result, types.GeneratorType) or (isinstance(own, type) and call.method != "__init__"):
        return said
    expected = _own_result(call, own)
    if isinstance(expected, nn.Module):
        return _other_shape(call.arguments[0], expected)
    if expected is not None:
        said = _difference(call.result, expected, not RANDOM & inspect.signature(own).parameters.keys())
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
    return f"it returns {_kind(result)}, expected {wanted}{MADE_BY.get(type(result), '')}"


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


def _other_shape(mine: nn.Module, own: nn.Module) -> str:
    """The first weight whose shape is not that of the package's own."""
    for (name, weight), other in (
        (each, dict(own.named_parameters()).get(each[0])) for each in mine.named_parameters()
    ):
        if other is not None and weight.shape != other.shape:
            return f"its {name} has the shape {tuple(weight.shape)}, expected {tuple(other.shape)}"
    return ""


def _own_result(call: Call, own: Any) -> Any:
    """What the package's own function or class gives for the same arguments; None if that cannot be said."""
    if not call.intact():
        return None
    try:
        arguments, named = fresh((call.arguments[isinstance(own, type) :], call.named))  # without self
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
    if type(value).__name__ == "ndarray":
        return "a NumPy array"
    name = type(value).__name__
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} ({', '.join(map(_kind, value[:4]))})"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}" + (f" of {module}" if module == "numpy" else "")


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def given(value: Any) -> str:
    """An argument in a few words: plain values as they are, tensors by their shape."""
    return short(value) if isinstance(value, str | int | float | list | tuple | dict | None) else _kind(value)


def short(value: Any) -> str:
    """A value in at most some 60 characters, without addresses in memory."""
    return without_addresses(_shortened.repr(value))


def without_addresses(text: str) -> str:
    """Functions by their names; other objects without their places in memory."""
    text = re.sub(r"<(?:built-in |bound )?(?:function|method) ([\w.]+)(?: of [^<>]*)? at 0x[0-9a-fA-F]+>", r"\1", text)
    text = re.sub(r"<built-in (?:function|method) ([\w.]+)(?: of [^<>]*)?>", r"\1", text)
    text = re.sub(r"<(generator) object ([\w.<>]+) at 0x[0-9a-fA-F]+>", r"a \1", text)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
