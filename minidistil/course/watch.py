"""What is seen of a learner's function while a test runs: that it was called, with what, and what came of it.

`watched` wraps a function so that a `Watch` sees its calls. A call fails at once if the function changes the lists,
dictionaries or tensors that it was given, calls the package's solution, or tries to end the program. `time_limit` stops
endless loops.
"""

import builtins
import contextlib
import functools
import inspect
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from types import FrameType, FunctionType, GeneratorType
from typing import Any

from torch import Tensor

STILL_RUNNING = "still running after"
NOT_TRIED = "not tried again"
PATIENCE = 5
RECORDED_CALLS = 20  # of a test; there may be many thousands


class PackageSolutionError(Exception):
    """The learner's file calls the package's own solution instead of writing it."""


class ChangedArgumentError(Exception):
    """A function changed what its caller gave it."""


class ProgramEndError(Exception):
    """The learner's code tried to end the program."""


@dataclass
class Call:
    """One call of an exercise: what it was given, and what it returned."""

    name: str
    method: str  # the name of the function, or of a class's method
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    before: Any = None  # the state of the arguments
    returned: bool = False
    result: Any = None
    error: BaseException | None = None  # what it raised

    def intact(self) -> bool:
        """Whether the arguments are still what they were."""
        return _state((self.arguments, self.named)) == self.before


@dataclass
class Watch:
    """What was seen during one test."""

    path: str = ""  # the learner's file
    called: set[str] = field(default_factory=set)  # the exercises
    calls: list[Call] = field(default_factory=list)  # the first RECORDED_CALLS
    running: list[str] = field(default_factory=list)
    endless: set[str] = field(default_factory=set)  # ran out of time, in this test or before: they raise at once


def watched(name: str, function: Any, watch: Watch, method: bool = False) -> Any:
    """A function, or a class with its public methods, whose calls are seen by `watch`."""
    if isinstance(function, type):
        methods = {
            key: each for key, each in vars(function).items() if key[0] != "_" and isinstance(each, FunctionType)
        }
        methods["__init__"] = function.__init__  # type: ignore[misc]
        bases = () if "borrowed" in vars(function) else (function,)  # nothing may be derived from a trap
        return type(name, bases, {key: watched(name, each, watch, True) for key, each in methods.items()})

    def step_by_step(generator: Generator[Any, Any, Any]) -> Iterator[Any]:
        with _running(name, watch):
            yield from generator

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        if name in watch.running and not method and sys._getframe(1).f_code.co_filename == watch.path:
            raise _package_solution(name)  # its own name in its own file is another function: this came by the package
        call = Call(name, getattr(function, "__name__", name), arguments, named)
        recorded = len(watch.calls) < RECORDED_CALLS
        if recorded:
            call.before = _state((arguments, named))
            watch.calls.append(call)
        with _running(name, watch):
            watch.running.append(name)
            try:
                call.result = function(*arguments, **named)
            except BaseException as error:
                call.error = error
                raise
            finally:
                watch.running.pop()
                put_right()
            call.returned = True
        if recorded and not call.intact():
            raise ChangedArgumentError(f"it changes {_changed(function, call)}, which belongs to its caller: copy it")
        return step_by_step(call.result) if isinstance(call.result, GeneratorType) else call.result

    return run


@contextlib.contextmanager
def _running(name: str, watch: Watch) -> Iterator[None]:
    watch.called.add(name)
    try:
        if name in watch.endless:
            raise TimeoutError(f"{NOT_TRIED}: it did not come to an end before")
        yield
    except TimeoutError as error:
        if STILL_RUNNING in str(error) and not hasattr(error, "exercise"):  # the innermost one
            error.exercise = name  # type: ignore[attr-defined]  # read by `check`
            watch.endless.add(name)
        raise
    except BaseException as error:
        ends = not isinstance(error, Exception | GeneratorExit) or type(error).__module__ == "_pytest.outcomes"
        if not ends or is_users(error):
            raise
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ProgramEndError(f"it raises {what}, which ends a program").with_traceback(error.__traceback__) from error


_python: dict[str, Any] = vars(builtins)
python_before: dict[str, Any] = dict(_python)


def put_right() -> None:
    """Give Python's own functions back, in case that the learner's code has replaced some: the tests need them."""
    _python.update(python_before)


def trap(name: str, own: Any) -> Any:
    """What stands in the place of the package's solution while the learner's file is loaded."""

    def package_solution(*arguments: Any, **named: Any) -> Any:
        raise _package_solution(name)

    methods = {"__init__": package_solution, "__init_subclass__": package_solution}
    return type(name, (), methods | {"borrowed": True}) if isinstance(own, type) else package_solution


def _package_solution(name: str) -> PackageSolutionError:
    return PackageSolutionError(f"this calls the package's own {name}: write it yourself")


def is_users(error: BaseException) -> bool:
    """Whether an interrupt may come from the keyboard, not from the learner's code: `check` lets none through."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


# --- What a function may not change ---


def _state(value: Any) -> Any:
    """Equal before and after a call if the lists, dictionaries and tensors in a value were not changed."""
    if isinstance(value, Tensor):
        return id(value), None if value.is_inference() else value._version  # counts changes in place
    if isinstance(value, list | tuple):
        return [_state(each) for each in value]
    if isinstance(value, dict):
        return [(key, _state(each)) for key, each in value.items()]
    return value if isinstance(value, str | int | float) else id(value)


def _changed(function: Callable[..., Any], call: Call) -> str:
    """The names of the arguments that a call has changed."""
    after = _state((call.arguments, call.named))
    names = [*list(inspect.signature(function).parameters)[: len(call.arguments)], *call.named]
    befores, afters = ([*state[0], *(value for _, value in state[1])] for state in (call.before, after))
    changed = [name for name, old, new in zip(names, befores, afters, strict=False) if old != new]
    return f"its argument {' and '.join(changed)}" if changed else "its arguments"


# --- Endless loops ---


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in code that runs for longer (where the system has alarms, in the main thread).

    On a busy machine a process waits for its turn while the clock goes on. So the processor time counts; code that uses
    none, because it sleeps or waits for something, gets PATIENCE times as long.
    """
    start, used = time.monotonic(), time.process_time()

    def ring(number: int, frame: FrameType | None) -> None:
        worked, passed = time.process_time() - used, time.monotonic() - start
        if worked < 0.9 * seconds and passed < PATIENCE * seconds:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise TimeoutError(f"{STILL_RUNNING} {seconds:g} s: is there a loop that does not end?")

    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 8)  # then again and again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
