"""`minidistil finetune`: a task by name, an encoder, a folder with the results."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidistil.cli.models import require_one_vocabulary
from minidistil.cli.options import MODEL, add_command, add_settings, given, path, say, say_if_finished
from minidistil.files import read_small, to_json, write_atomically

if TYPE_CHECKING:
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.classifiers import TaskModel
    from minidistil.ch10_tasks.tasks import Task

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the command."""
    what = "train an encoder with a new head on a task: cola, sst-2, mrpc, sts-b …"
    add_command(commands, "finetune", run, what, _flags, on_device=True)


def _flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch08_training.settings import FinetuneConfig

    flag, config = command.add_argument, FinetuneConfig()
    tasks = "cola, sst-2, mrpc, sts-b, qqp, mnli, qnli, rte, wnli, squad (usually with --max-length 384), conll or imdb"
    flag("task", help=tasks)
    flag("--model", **MODEL)
    files = "folder with the task's files, GLUE's as DIR/CoLA/train.tsv (default: from the hub)"
    flag("--data", type=path, metavar="DIR", help=files)
    flag("--out", type=path, metavar="DIR", help="the run's folder (default: runs/TASK)")
    flag("--results", type=path, metavar="FILE", help="add the figures to this JSON file of many runs")
    add_settings(command, config, "epochs", "seed", "learning_rate", "batch_size", "accumulate", "max_length")
    add_settings(command, config, "precision")
    teacher = "model/ of a run on the same task, from which to distil a second time, as the paper does on SQuAD"
    flag("--teacher", metavar="DIR", help=teacher)
    add_settings(command, config, "temperature", "alpha_ce", "alpha_task")


def run(options: argparse.Namespace) -> int:
    """Fine-tune a model on a task; with --teacher, a second distillation."""
    from minidistil.ch08_training.parallel import processes
    from minidistil.ch08_training.settings import FinetuneConfig
    from minidistil.ch10_tasks.load import load
    from minidistil.runs.finetuning import finetune

    _require_teacher(options)
    config = FinetuneConfig(**given(options, FinetuneConfig))
    if options.results:
        _table(options.results)  # an error in that file is better known before the training than after it
    names = {"start": options.model, "teacher": options.teacher or ""}
    with processes():
        dataset = load(options.task, options.data)
        out = options.out or Path("runs", dataset.task.name)
        model, tokenizer, teacher = _models(options, dataset.task, config.seed)
        run = finetune(model, dataset, config, out, tokenizer, teacher, say, names)
    if options.results:
        record(options.results, run.metrics, names | config.to_json())
    for split, each in run.metrics["metrics"].items():
        figures = ", ".join(f"{name} {value:.4f}" for name, value in each.items())
        say(f"{dataset.task.name}, {split} (epoch {run.metrics['best_epoch']}): {figures}")
    say(f"training took {run.metrics['seconds']:.0f} s. In {run.folder}: metrics.json, report.md, curves.png, model/.")
    return say_if_finished(run)


def _require_teacher(options: argparse.Namespace) -> None:
    """Raise ValueError where a setting of the second distillation was given, but no teacher."""
    idle = [name for name in ("temperature", "alpha_ce", "alpha_task") if getattr(options, name) is not None]
    if idle and not options.teacher:
        raise ValueError(f"--{idle[0].replace('_', '-')} goes with --teacher: without one it has no effect.")


def _models(options: argparse.Namespace, task: "Task", seed: int) -> "tuple[TaskModel, WordPiece, TaskModel | None]":
    """The model with a new head, its vocabulary, and the teacher, if one was given."""
    import torch

    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch08_training.device import best_device

    torch.manual_seed(seed)  # of the new head
    model = task.model_class.with_fresh_head(options.model, task.id2label).to(best_device())
    tokenizer = WordPiece.from_pretrained(options.model)
    if not options.teacher:
        return model, tokenizer, None
    teacher = task.model_class.from_pretrained(options.teacher).to(best_device())
    require_one_vocabulary(options.model, options.teacher)
    return model, tokenizer, teacher


RECORDED = ("task", "score", "metrics", "best_epoch", "epochs", "confusion", "examples", "cut", "parameters", "tokens")


def record(path: Path, metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Add a run's figures to a JSON file of many runs; they replace those of the same task and settings.

    Raises:
        ValueError: the file holds something else.
    """
    run = {name: metrics[name] for name in RECORDED} | {"settings": dict(settings)}
    table = _table(path)
    others = [each for each in table["runs"] if (each["task"], each["settings"]) != (run["task"], run["settings"])]
    text = to_json(table | {"runs": [*others, run]}, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _table(path: Path) -> dict[str, Any]:
    """The file of many runs; an empty table if the file does not exist yet."""
    try:
        table = json.loads(read_small(path)) if path.exists() else {"runs": []}
        for each in table["runs"]:
            each["task"], each["settings"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} holds no figures of runs: give another file with --results.") from error
    return table
