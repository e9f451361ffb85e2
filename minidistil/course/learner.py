"""A learner's file: loaded without the package's solutions, and put in their place while tests run.

To load it (`Learner`), each exercise of the package is first replaced by a trap, so that a file which imports the
package's own solution fails when it calls it. To judge it (`Learner.in_place`), its functions replace the package's in
every module that uses them, and it is recorded which of them are called. `time_limit` stops endless loops. In a copy of
the course without solutions, `take_yours` puts the learner's functions into the package for good.
"""

import contextlib
import functools
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any

import minidistil
from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.stubs import unwritten

STILL_RUNNING = "still running after"
PATIENCE = 5
SECONDS_TO_LOAD = 10


class PackageSolutionError(Exception):
    """The learner's file calls the package's own solution instead of writing it."""


class Learner:
    """A learner's file, loaded while the package's own solutions are out of reach.

    Args:
        chapter: the chapter whose exercises the file solves.
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be loaded, or an exercise is missing.
    """

    def __init__(self, chapter: Chapter, path: Path):
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}: expected a Python file with the exercises.")
        self.chapter, self.path = chapter, path
        self.own = chapter.solutions()
        stubs = unwritten(path)
        traps = {name: _trap(name) for name in self.own}  # what the file imports of the solutions stays a trap
        with _swapped(self.own, traps):
            self.namespace = _execute(path)
        missing = [name for name in self.own if name not in self.namespace]
        if missing:
            raise ValueError(f"{path.name} lacks {missing[0]}: each exercise must keep its name and its arguments.")
        self.functions: dict[str, Any] = {name: self.namespace[name] for name in self.own}
        self.unsolved = {name: "not written" for name in self.own if name in stubs}
        self.unsolved |= {name: "borrowed" for name, each in self.functions.items() if each in traps.values()}
        self.endless: set[str] = set()  # exercises that ran out of time in a test: later tests do not wait for them

    def solved(self) -> dict[str, Any]:
        """The functions that the learner has written."""
        return {name: each for name, each in self.functions.items() if name not in self.unsolved}

    def in_place(self) -> contextlib.AbstractContextManager[set[str]]:
        """Put the learner's functions in the place of the package's; gives the names of those that are called."""
        return in_place_of(self.own, self.functions, self.endless)


# --- Loading ---


def _trap(name: str) -> Callable[..., Any]:
    def package_solution(*arguments: Any, **named: Any) -> Any:
        raise PackageSolutionError(f"this calls the package's own {name}: write it yourself")

    return package_solution


def _execute(path: Path) -> dict[str, Any]:
    """The names that a Python file defines."""
    module = ModuleType(f"learner_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look up their module
    try:
        with time_limit(SECONDS_TO_LOAD):
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the learner's file does, even exit()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        place = f"{path.name}, line {lines[-1]}" if lines else path.name
        message = f": {error}" if str(error) else "."
        raise ValueError(f"{place}: loading it raises {type(error).__name__}{message}") from error
    finally:
        del sys.modules[module.__name__]
    return vars(module)


# --- In the place of the package's functions ---


@contextlib.contextmanager
def in_place_of(own: dict[str, Any], functions: dict[str, Any], endless: set[str] | None = None) -> Iterator[set[str]]:
    """Put functions in the place of the package's; gives the names of those that are called, as it happens.

    Args:
        own: the package's functions, by name.
        functions: what replaces them, by the same names.
        endless: names of functions that ran out of time before and raise at once; new ones are added.
    """
    called: set[str] = set()
    endless = set() if endless is None else endless
    with _swapped(own, {name: _recorded(name, function, called, endless) for name, function in functions.items()}):
        yield called


@contextlib.contextmanager
def _swapped(old: dict[str, Any], new: dict[str, Any]) -> Iterator[None]:
    """Replace objects of the package, in every module that has them under their name, and undo it in the end."""
    places = _places_of(old)
    for module, name in places:
        setattr(module, name, new[name])
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, old[name])


def _places_of(objects: dict[str, Any]) -> list[tuple[ModuleType, str]]:
    """Where the loaded modules of the package have these objects under their names."""
    return [(module, name) for module in _loaded() for name in objects if vars(module).get(name) is objects[name]]


def _loaded() -> list[ModuleType]:
    """The package's modules, with all that it offers: what is first imported during a swap would keep what it finds."""
    for name in minidistil.__all__:
        getattr(minidistil, name)
    return [sys.modules[key] for key in list(sys.modules) if key.startswith("minidistil")]


def _recorded(name: str, function: Any, called: set[str], endless: set[str]) -> Any:
    """A function, or a class with its public methods, that adds its name to `called` when it runs."""
    if isinstance(function, type):
        methods = {
            key: each for key, each in vars(function).items() if key[0] != "_" and isinstance(each, FunctionType)
        }
        methods["__init__"] = function.__init__  # type: ignore[misc]
        return type(name, (function,), {key: _recorded(name, each, called, endless) for key, each in methods.items()})

    @contextlib.contextmanager
    def watched() -> Iterator[None]:
        called.add(name)
        try:
            if name in endless:
                raise TimeoutError(f"{STILL_RUNNING} its time in an earlier test: is there a loop that does not end?")
            yield
        except TimeoutError as error:
            if STILL_RUNNING in str(error) and not hasattr(error, "exercise"):  # the innermost one
                error.exercise = name  # type: ignore[attr-defined]  # read by `check`
                endless.add(name)
            raise

    def step_by_step(generator: Generator[Any, Any, Any]) -> Iterator[Any]:
        with watched():
            yield from generator

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        with watched():
            result = function(*arguments, **named)
        return step_by_step(result) if isinstance(result, GeneratorType) else result

    return run


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


# --- A copy of the course without solutions ---

replaced: set[str] = set()  # exercises of the package that the learner's own functions have replaced for good


def take_yours(*keys: str) -> None:
    """Put what is written of these chapters' exercises into the package; what is not stays a stub.

    A file that cannot be loaded is left out, with a warning that says why.
    """
    for key in keys:
        try:
            chapter = read_chapter(key)
            learner = Learner(chapter, chapter.path)
        except (ValueError, FileNotFoundError) as error:
            warnings.warn(f"Your own code of {key} is not in use: {error}", stacklevel=2)
            continue
        for name, function in learner.solved().items():
            _replace(learner.own[name], name, function)
            replaced.add(name)


def _replace(old: Any, name: str, new: Any) -> None:
    for module, place in _places_of({name: old}):
        setattr(module, place, new)
    if not isinstance(old, type):
        return
    for each in [each for module in _loaded() for each in list(vars(module).values())]:
        if isinstance(each, type) and old in each.__bases__:  # classes of the package that are derived from it
            each.__bases__ = tuple(new if base is old else base for base in each.__bases__)
