"""Chapter 10. The command `finetune`: a task by name, a model, a folder with what came of it."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidistil.ch10_tasks.load import load
from minidistil.cli.models import require_one_vocabulary
from minidistil.cli.options import given, say
from minidistil.files import write_atomically

if TYPE_CHECKING:
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.classifiers import TaskModel
    from minidistil.ch10_tasks.tasks import Task


def finetune(options: argparse.Namespace) -> int:
    """Fine-tune a model on a task; with --teacher, a second distillation."""
    from minidistil.ch08_training.parallel import processes
    from minidistil.ch08_training.settings import FinetuneConfig
    from minidistil.runs.finetuning import finetune

    _require_teacher(options)
    config = FinetuneConfig(**given(options, FinetuneConfig))
    if options.results:
        _table(options.results)  # what is wrong with it is better known before the training than after
    names = {"start": options.model, "teacher": options.teacher or ""}
    with processes():
        dataset = load(options.task, options.data)
        out = options.out or Path("runs", dataset.task.name)
        model, tokenizer, teacher = _models(options, dataset.task, config.seed)
        run = finetune(model, dataset, config, out, tokenizer, teacher, say, names)
    if options.results:
        record(options.results, run.metrics, names | config.to_json())
    for split, each in run.metrics["metrics"].items():
        told = ", ".join(f"{name} {value:.4f}" for name, value in each.items())
        say(f"{dataset.task.name}, {split} (epoch {run.metrics['best_epoch']}): {told}")
    say(f"training took {run.metrics['seconds']:.0f} s. In {run.folder}: metrics.json, report.md, curves.png, model/.")
    if run.was_finished:
        say(f"This run was finished already. To start afresh, delete {run.folder} or choose another folder with --out.")
    return 0


def _require_teacher(options: argparse.Namespace) -> None:
    """Raise ValueError where a flag says how to listen to a teacher, and there is none."""
    idle = [name for name in ("temperature", "alpha_ce", "alpha_task") if getattr(options, name) is not None]
    if idle and not options.teacher:
        raise ValueError(f"--{idle[0].replace('_', '-')} goes with --teacher: without one it has no effect.")


def _models(options: argparse.Namespace, task: "Task", seed: int) -> "tuple[TaskModel, WordPiece, TaskModel | None]":
    """The model with a fresh head, its vocabulary, and the teacher, if there is to be one."""
    import torch

    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch08_training.device import to_best_device

    torch.manual_seed(seed)  # of the new head
    model = to_best_device(task.model_class.with_fresh_head(options.model, task.id2label))
    tokenizer = WordPiece.from_pretrained(options.model)
    if not options.teacher:
        return model, tokenizer, None
    teacher = to_best_device(task.model_class.from_pretrained(options.teacher))
    require_one_vocabulary(options.model, options.teacher)
    return model, tokenizer, teacher


RECORDED = ("task", "score", "metrics", "best_epoch", "epochs", "confusion", "examples", "cut", "parameters", "tokens")


def record(path: Path, metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Put a run's figures into a JSON file of many, in the place of those with the same task and settings.

    Raises:
        ValueError: the file holds something else.
    """
    run = {name: metrics[name] for name in RECORDED} | {"settings": dict(settings)}
    table = _table(path)
    others = [each for each in table["runs"] if (each["task"], each["settings"]) != (run["task"], run["settings"])]
    text = json.dumps(table | {"runs": [*others, run]}, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _table(path: Path) -> dict[str, Any]:
    """The file of many runs; one without a run if it is not there yet."""
    try:
        table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}
        for each in table["runs"]:
            each["task"], each["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no figures of runs: expected another file with --results.") from error
    return table
