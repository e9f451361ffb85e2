"""TODO docstring."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidistil.ch10_tasks.tasks import Dataset


def loaders() -> dict[str, Callable[[str | Path | None], "Dataset"]]:
    """Each task by its name: what gives it with its examples, from a local folder or, with None, from the hub."""
    from minidistil.ch10_tasks.conll import load_conll
    from minidistil.ch10_tasks.glue import GLUE, load_glue
    from minidistil.ch10_tasks.imdb import load_imdb
    from minidistil.ch10_tasks.squad import load_squad

    glue: dict[str, Callable[[str | Path | None], Dataset]] = {name: partial(load_glue, name) for name in GLUE}
    return glue | {"squad": load_squad, "conll": load_conll, "imdb": load_imdb}


def load(name: str, data: str | Path | None = None) -> "Dataset":
    """A task with its examples, from a local folder or from the hub.

    Raises:
        ValueError: no such task, or bad files.
        FileNotFoundError: the files or the hub cannot be reached.
    """
    known = loaders()
    wanted = name.lower().replace("-", "")
    for task, loader in known.items():
        if task.replace("-", "") == wanted:
            return loader(data)
    raise ValueError(f"There is no task {name!r}: expected one of {', '.join(known)}.")
