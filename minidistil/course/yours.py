"""The learner's own code in the package's place, for good: what makes a copy without solutions run."""

import sys
import warnings
from typing import Any

from minidistil.course.learner import Learner, places_of, read_chapter

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
