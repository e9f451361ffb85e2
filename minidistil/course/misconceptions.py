"""Misconceptions: wrong implementations that people really write, with which `check` says what went wrong.

A chapter's bank of them is tests/chNN_NAME/misconceptions.py. Each is a function or class with a decorator:

    @misconception("attention_weights", "no division by the root", inputs=[(QUERY, KEY)])
    def root_forgotten(query, key, visible=None):
        \"\"\"The scores are bare dot products: the wider the vectors, the closer the softmax is to all or nothing.

        Divide the scores by math.sqrt(query.shape[-1]) before the softmax.
        \"\"\"
"""

import copy
import functools
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from minidistil.course.chapters import read_chapter
from minidistil.course.watch import is_users, put_right, time_limit

SECONDS_PER_CALL = 2.0  # for one of the learner's functions on one input of the bank
Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True)
class Misconception:
    """A wrong implementation that people really write.

    It is recognised by its outputs on `inputs`, argument tuples on which it differs from the right implementation.
    Where the outputs are random, or the exercise is a class, `symptom` takes the place of the inputs: a function that
    is given an implementation and returns whether it has this misconception.
    """

    name: str
    exercise: str
    what: str  # one sentence or two: what is wrong
    look: str  # one sentence or two: what to look at
    wrong: Callable[..., Any]
    inputs: Sequence[tuple[Any, ...]] = ()
    symptom: Callable[[Any], bool] | None = None

    def shows_in(self, function: Callable[..., Any]) -> bool:
        """Whether the function has this misconception."""
        if self.symptom is None:
            both = (function, self.wrong)
            pairs = ([outcome(each, arguments) for each in both] for arguments in self.inputs)
            return bool(self.inputs) and all(same(*pair) for pair in pairs)
        answer = outcome(self.symptom, (function,))
        return not isinstance(answer, type) and bool(answer)  # an exception is no answer


def misconception(
    exercise: str,
    name: str,
    inputs: Sequence[tuple[Any, ...]] = (),
    symptom: Callable[[Any], bool] | None = None,
    symptom_of: Callable[[Any], Callable[[Any], bool]] | None = None,
) -> Callable[[Implementation], Implementation]:
    """Mark a wrong implementation. Its docstring has two paragraphs: what is wrong, and what to look at.

    Args:
        exercise: the name of the function or class that it implements.
        name: a few words that name the mistake.
        inputs, symptom: as in `Misconception`.
        symptom_of: makes the symptom from the wrong implementation.
    """

    def mark(wrong: Implementation) -> Implementation:
        what, _, look = (inspect.getdoc(wrong) or "").partition("\n\n")
        shows = symptom if symptom_of is None else symptom_of(wrong)
        found = Misconception(name, exercise, " ".join(what.split()), " ".join(look.split()), wrong, inputs, shows)
        wrong.misconception = found  # type: ignore[attr-defined]  # read by `misconceptions`
        return wrong

    return mark


def misconceptions(key: str) -> Sequence[Misconception]:
    """The bank of a chapter, in the order of its file; empty in a copy of the course that leaves it out."""
    path = read_chapter(key).tests / "misconceptions.py"
    return _bank(path) if path.is_file() else ()


@functools.cache
def _bank(path: Path) -> Sequence[Misconception]:
    spec = importlib.util.spec_from_file_location(f"misconceptions_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return [each.misconception for each in vars(module).values() if "misconception" in getattr(each, "__dict__", ())]


# --- Comparing outputs ---


def fresh(value: Any) -> Any:
    """A copy: code that works in place must not change what the next one is given."""
    if isinstance(value, Tensor) and not value.is_leaf:  # in the middle of a graph
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in (list, tuple):
        return type(value)(map(fresh, value))
    if type(value) is dict:
        return {key: fresh(each) for key, each in value.items()}
    return copy.deepcopy(value)


def outcome(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any] | None = None) -> Any:
    """What a call on copies of the arguments returns, with iterators unrolled; for an exception its type."""
    try:
        arguments, named = fresh((arguments, named or {}))
        with time_limit(SECONDS_PER_CALL):
            try:
                return plain(function(*arguments, **named))
            finally:
                put_right()
    except BaseException as error:  # a learner's exit() too
        if is_users(error):
            raise
        return type(error)


def same(left: Any, right: Any) -> bool:
    """Equality of outcomes, numbers up to 1e-5."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-5, abs_tol=1e-5) or (math.isnan(left) and math.isnan(right))
    return bool(left == right)


def plain(value: Any) -> Any:
    """Tensors, tuples and iterators as lists; dictionaries as sorted lists of pairs."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return sorted(plain(list(value.items())), key=repr)
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]
