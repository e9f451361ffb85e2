"""What a caller gives, checked once where it comes in: a wrong type ends in a sentence, not in an error from inside."""

import reprlib
from collections.abc import Iterable
from numbers import Integral
from types import NoneType
from typing import Any

_NAMES: dict[type, str] = {Integral: "a whole number", NoneType: "None"}


def require_kind(*kinds: type, **given: Any) -> None:
    """Raise TypeError unless each of these arguments is an object of one of the kinds; a compiled model counts, too."""
    for name, value in given.items():
        if not isinstance(getattr(value, "_orig_mod", value), kinds):
            expected = " or ".join(_NAMES.get(kind, kind.__name__) for kind in kinds)
            raise TypeError(f"{name} is of type {type(value).__name__}: expected {expected}.")


def several(given: Any, what: str = "several texts") -> Any:
    """What was given, unless it is one string, whose characters would be taken for texts, or nothing to iterate over.

    Raises:
        TypeError: it is.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"Expected {what}, got {type(given).__name__} {reprlib.repr(given)}: wrap it in a list.")
    return given


def listed(given: Any, what: str) -> list[Any]:
    """What is in a list, array, tensor, Series or any other iterable but a string."""
    return list(several(given.tolist() if hasattr(given, "tolist") else given, what))


def one_text(given: Any) -> str:
    """What was given, if it is a text; else TypeError."""
    if not isinstance(given, str):
        raise TypeError(f"Expected a text as a string, got {type(given).__name__}: {reprlib.repr(given)}.")
    return given


def require_weights(alphas: dict[str, float]) -> None:
    """Raise ValueError if a loss weight, given by name, is negative, or if all are 0; TypeError if it is no number."""
    require_kind(int, float, **alphas)
    for name, alpha in alphas.items():
        if not alpha >= 0:
            raise ValueError(f"{name} is {alpha}: expected 0 or more.")
    if not any(alphas.values()):
        raise ValueError(f"{', '.join(alphas)} are all 0: there is nothing to minimise; give one of them a weight.")
