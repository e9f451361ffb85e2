"""Chapter 10. The command `finetune`: a task by name, a model, a folder with what came of it."""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidistil.commands import given, say
from minidistil.files import write_atomically

if TYPE_CHECKING:
    from minidistil.tasks import Dataset


def loaders() -> dict[str, Callable[[Path | None], "Dataset"]]:
    """Each task by its name: what gives it with its examples, from a local folder or, with None, from the hub."""
    from minidistil.conll import load_conll
    from minidistil.glue import GLUE, load_glue
    from minidistil.imdb import load_imdb
    from minidistil.squad import load_squad

    glue: dict[str, Callable[[Path | None], Dataset]] = {name: partial(load_glue, name) for name in GLUE}
    return glue | {"squad": load_squad, "conll": load_conll, "imdb": load_imdb}


def load(name: str, data: Path | None = None) -> "Dataset":
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


def finetune(options: argparse.Namespace) -> int:
    """Fine-tune a model on a task; with --teacher, a second distillation."""
    import torch

    from minidistil.finetune import finetune
    from minidistil.parallel import processes
    from minidistil.settings import FinetuneConfig
    from minidistil.training import to_best_device
    from minidistil.wordpiece import WordPiece

    config = FinetuneConfig(**given(options, FinetuneConfig))
    with processes():
        dataset = load(options.task, options.data)
        task = dataset.task
        torch.manual_seed(config.seed)  # of the new head
        model = to_best_device(task.model_class.with_fresh_head(options.model, task.id2label))
        teacher: Any = to_best_device(task.model_class.from_pretrained(options.teacher)) if options.teacher else None
        names = {"start": options.model, "teacher": options.teacher or ""}
        tokenizer = WordPiece.from_pretrained(options.model)
        run = finetune(model, dataset, config, options.out or Path("runs", task.name), tokenizer, teacher, say, names)
    figures = run.metrics["metrics"]
    if options.results:
        record(options.results, run.metrics, names | config.to_json())
    for split, each in figures.items():
        told = ", ".join(f"{name} {value:.4f}" for name, value in each.items())
        say(f"{task.name}, {split} (epoch {run.metrics['best_epoch']}): {told}")
    say(f"training took {run.metrics['seconds']:.0f} s. In {run.folder}: metrics.json, curves.png, model/.")
    if run.was_finished:
        say(f"This run was finished already. To start afresh, delete {run.folder} or choose another folder with --out.")
    return 0


RECORDED = ("task", "score", "metrics", "best_epoch", "epochs", "confusion", "examples", "cut", "parameters", "tokens")


def record(path: Path, metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Put a run's figures into a JSON file of many, in the place of those with the same task and settings.

    Raises:
        ValueError: the file holds something else.
    """
    run = {name: metrics[name] for name in RECORDED} | {"settings": dict(settings)}
    try:
        table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}
        others = [each for each in table["runs"] if (each["task"], each["settings"]) != (run["task"], run["settings"])]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no figures of runs: expected another file with --results.") from error
    text = json.dumps(table | {"runs": [*others, run]}, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
