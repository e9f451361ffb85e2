"""A learner's file: loaded, watched while it runs, and put in the package's place."""

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
from types import CodeType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any

from minidistil.course.chapters import HINTS, Chapter, read_chapter
from minidistil.course.stubs import unwritten

STILL_RUNNING = "still running after"
PATIENCE = 5


def hint(key: str, number: int = 1, name: str | None = None) -> str:
    """Hint `number` of a chapter's exercise; by default of the first one that is not written yet.

    Raises:
        ValueError: no such chapter, exercise or number, or the learner's file cannot be read.
    """
    chapter = read_chapter(key)
    names = [exercise.name for exercise in chapter.exercises]
    if name is not None and name not in names:
        raise ValueError(f"{key} has no exercise {name!r}: expected one of {', '.join(names)}.")
    if not 1 <= number <= HINTS:
        raise ValueError(f"There is no hint {number}: each exercise has hints 1 to {HINTS}.")
    if name is None:
        written = Learner(chapter, chapter.path).written
        name = next((each for each in names if not written[each]), None)
    if name is None:
        raise ValueError(f"All exercises of {key} are written; name the one you mean: {', '.join(names)}.")
    exercise = chapter.exercises[names.index(name)]
    more = f"minidistil hint {key} {number + 1} {name}"
    return f"{name}, hint {number} of {HINTS}: {exercise.hints[number - 1]}" + (
        f"\nOne more: {more}" if number < HINTS else ""
    )


class PackageSolutionError(Exception):
    """The learner's file calls the package's own solution instead of writing it."""


class Learner:
    """A learner's file, loaded while the package's own solutions are out of reach.

    Args:
        chapter: whose exercises the file solves.
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not load, or lacks an exercise.
    """

    def __init__(self, chapter: Chapter, path: Path):
        self.chapter, self.path = chapter, path
        self.own = chapter.solutions()
        # Whatever the file imports of the solutions is a trap, for good: it raises when called.
        traps = {name: _trap(name) for name in self.own}
        with _replaced(self.own, traps):
            namespace = _execute(path)
        missing = [name for name in self.own if name not in namespace]
        if missing:
            raise ValueError(f"{path.name} lacks {missing[0]}: every exercise keeps its name and its arguments.")
        self.namespace = namespace
        self.functions: dict[str, Any] = {name: namespace[name] for name in self.own}
        self.borrowed = {name: function in traps.values() for name, function in self.functions.items()}
        self.endless: set[str] = set()  # exercises that did not come to an end in a test: no other waits for them
        stubs = unwritten(path)
        self.written = {name: name not in stubs for name in self.own}

    def in_place(self) -> contextlib.AbstractContextManager[set[str]]:
        """Put the learner's functions where the package has its own; gives the names of those that get called."""
        return in_place_of(self.own, self.functions, self.endless)


@contextlib.contextmanager
def in_place_of(own: dict[str, Any], functions: dict[str, Any], endless: set[str] | None = None) -> Iterator[set[str]]:
    """Put functions where the package has its own; gives the names of those that get called, as that happens.

    Args:
        endless: names of functions that ran out of time before, which raise at once; a new one's name is added.
    """
    called: set[str] = set()
    endless = set() if endless is None else endless
    with _replaced(own, {name: _recorded(name, function, called, endless) for name, function in functions.items()}):
        yield called


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in code that runs for longer (where the system has alarms, in the main thread).

    On a busy machine the clock goes on while this process waits for its turn. So the processor time counts; code that
    uses none, as it sleeps or waits for something, gets PATIENCE times as long.
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
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 8)  # from then on again and again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def places_of(old: dict[str, Any]) -> list[tuple[ModuleType, str]]:
    """Where modules of the package that are loaded hold these objects under their names."""
    return [
        (module, name)
        for key, module in list(sys.modules.items())
        if key == "minidistil" or key.startswith("minidistil.")
        for name in old
        if vars(module).get(name) is old[name]
    ]


@contextlib.contextmanager
def _replaced(old: dict[str, Any], new: dict[str, Any]) -> Iterator[None]:
    """Swap objects of the package in every module that holds them under their name."""
    places = places_of(old)
    for module, name in places:
        setattr(module, name, new[name])
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, old[name])


def _trap(name: str) -> Callable[..., Any]:
    def package_solution(*arguments: Any, **named: Any) -> Any:
        raise PackageSolutionError(f"this calls the package's own {name}: write it yourself")

    return package_solution


def _recorded(name: str, function: Any, called: set[str], endless: set[str]) -> Any:
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


def _compiled(path: Path) -> CodeType:
    """The file's code.

    Raises:
        SyntaxError: Python cannot read it; of null bytes, early versions say so with a ValueError.
    """
    try:
        return compile(path.read_bytes(), str(path), "exec")
    except ValueError as error:
        raise SyntaxError(str(error)) from error


def _execute(path: Path) -> dict[str, Any]:
    """The names that a Python file defines; compiled afresh each time, whatever caches say."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: expected a Python file with the exercises.")
    module = ModuleType(f"learner_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        with time_limit(10):
            exec(_compiled(path), vars(module))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ValueError(f"{path.name}{line}: Python cannot read it ({error.msg}).") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the learner's file does, even exit()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        place = f"{path.name}, line {lines[-1]}" if lines else path.name
        said = f": {error}" if str(error) else "."
        raise ValueError(f"{place}: loading it raises {type(error).__name__}{said}") from error
    finally:
        del sys.modules[module.__name__]
    return vars(module)


replaced: set[str] = set()  # names of what stands in the package's place


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
        for name, function in learner.functions.items():
            if learner.written[name] and not learner.borrowed[name]:
                _replace(learner.own[name], name, function)
                replaced.add(name)


def _replace(old: Any, name: str, new: Any) -> None:
    for module, place in places_of({name: old}):
        setattr(module, place, new)
    if not isinstance(old, type):
        return
    for module in [module for key, module in list(sys.modules.items()) if key.partition(".")[0] == "minidistil"]:
        for each in list(vars(module).values()):
            if isinstance(each, type) and old in each.__bases__:  # classes of the package that build on it
                each.__bases__ = tuple(new if base is old else base for base in each.__bases__)
