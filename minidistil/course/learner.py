"""A learner's file: loaded without the package's solutions, and put in their place while tests run.

To load it (`Learner`), each exercise of the package is first replaced by a trap, so that a file which imports the
package's own solution fails when it calls it. To judge it (`Learner.in_place`), its functions replace the package's in
every module that uses them, and their calls are watched (see `watch`). In a copy of the course without solutions,
`take_yours` puts the learner's functions into the package for good.
"""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.stubs import places, unwritten
from minidistil.course.watch import Watch, is_users, put_right, time_limit, trap, watched

SECONDS_TO_LOAD = 10


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
        self.chapter = chapter
        self.path = path
        self.own: dict[str, Any] = chapter.solutions()
        stubs = unwritten(path)
        traps = {
            name: trap(name, own) for name, own in self.own.items()
        }  # what the file imports of the solutions stays a trap
        with _swapped(self.own, traps):
            self.namespace: dict[str, Any] = _execute(path)
        missing = [name for name in self.own if name not in self.namespace]
        if missing:
            raise ValueError(f"{path.name} lacks {missing[0]}: each exercise must keep its name and its arguments.")
        self.functions: dict[str, Any] = {name: self.namespace[name] for name in self.own}
        self.unsolved: dict[str, str] = {name: "not written" for name in self.own if name in stubs}
        self.unsolved |= {name: "borrowed" for name, each in self.functions.items() if each in traps.values()}
        self.places: dict[str, list[int]] = places(path)
        self.endless: set[str] = set()  # exercises that ran out of time in a test: later tests do not wait for them
        self.watch: Watch = Watch()  # what was seen during the last test

    def solved(self) -> dict[str, Any]:
        """The functions that the learner has written."""
        return {name: each for name, each in self.functions.items() if name not in self.unsolved}

    def leave_out(self, names: Collection[str]) -> None:
        """Let the package's own functions take the place of these."""
        own = {name: self.own[name] for name in names}
        self.functions |= own
        self.namespace |= own
        self.unsolved = {name: state for name, state in self.unsolved.items() if name not in own}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[set[str]]:
        """Put the learner's functions in the place of the package's; gives the names of those that are called."""
        self.watch = Watch(str(self.path), endless=self.endless)
        with in_place_of(self.own, self.functions, self.watch):
            yield self.watch.called

    @contextlib.contextmanager
    def with_other(self, functions: dict[str, Any]) -> Iterator[None]:
        """Put other functions in the place of the learner's own, also where the learner's file calls them."""
        before = {name: self.functions[name] for name in functions}
        endless, self.endless = self.endless, set()
        for each in (self.functions, self.namespace):
            each.update(functions)
        try:
            yield
        finally:
            self.endless = endless
            for each in (self.functions, self.namespace):
                each.update(before)


# --- Loading ---


def _execute(path: Path) -> dict[str, Any]:
    """The names that a Python file defines."""
    module = ModuleType(f"learner_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look up their module
    try:
        code = compile(path.read_bytes(), str(path), "exec")
        with time_limit(SECONDS_TO_LOAD):
            try:
                exec(code, vars(module))
            finally:
                put_right()
    except BaseException as error:  # whatever the learner's file does, even exit()
        if is_users(error):
            raise
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        place = f"{path.name}, line {lines[-1]}" if lines else path.name
        message = f": {error}" if str(error) else "."
        raise ValueError(f"{place}: loading it raises {type(error).__name__}{message}") from error
    finally:
        del sys.modules[module.__name__]
    return vars(module)


# --- In the place of the package's functions ---


def in_place_of(
    own: dict[str, Any], functions: dict[str, Any], watch: Watch
) -> contextlib.AbstractContextManager[None]:
    """Put functions in the place of the package's, by the same names; `watch` sees their calls."""
    return _swapped(own, {name: watched(name, function, watch) for name, function in functions.items()})


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
    return [sys.modules[key] for key in list(sys.modules) if key.startswith("minidistil")]


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
        take_place(learner)


def take_place(learner: Learner) -> None:
    """Put what is written in the place of the package's own for good."""
    for name, function in learner.solved().items():
        replace(learner.own[name], name, function)
        replaced.add(name)
    learner.own |= learner.solved()


def replace(old: Any, name: str, new: Any) -> None:
    """Put an object in the place of another, in every module of the package that has that under this name."""
    for module, place in _places_of({name: old}):
        setattr(module, place, new)
    if not isinstance(old, type):
        return
    for each in [each for module in _loaded() for each in list(vars(module).values())]:
        if isinstance(each, type) and old in each.__bases__:  # classes of the package that are derived from it
            each.__bases__ = tuple(new if base is old else base for base in each.__bases__)
