"""Chapter 10. All tasks by name: the nine of GLUE, SQuAD, CoNLL and IMDb, as the command `finetune` loads them.

A task's module is imported only when one is loaded, so that the command line starts fast.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidistil.ch10_tasks.tasks import Dataset


def loaders() -> dict[str, Callable[[str | Path | None], "Dataset"]]:
    """For each task its name and its loader: a function that takes a local folder, or None for the hub."""
    from minidistil.ch10_tasks.conll import load_conll
    from minidistil.ch10_tasks.glue import GLUE, load_glue
    from minidistil.ch10_tasks.imdb import load_imdb
    from minidistil.ch10_tasks.squad import load_squad

    glue: dict[str, Callable[[str | Path | None], Dataset]] = {name: partial(load_glue, name) for name in GLUE}
    return glue | {"squad": load_squad, "conll": load_conll, "imdb": load_imdb}


def load(name: str, data: str | Path | None = None) -> "Dataset":
    """A task with its examples.

    Args:
        name: such as "sst-2" or "squad"; capital letters and hyphens do not matter.
        data: a local folder or file; None for the hub.

    Raises:
        ValueError: there is no such task, or a file is broken.
        FileNotFoundError: there is no such file, or the hub cannot be reached.
    """
    known = loaders()
    wanted = name.lower().replace("-", "")
    for task, loader in known.items():
        if task.replace("-", "") == wanted:
            return loader(data)
    raise ValueError(f"There is no task {name!r}: expected one of {', '.join(known)}.")
