"""Fine-tuning: a pretrained encoder under a new head, both trained on one task.

Devlin et al. (2019), section 4.1 and appendix A.3: a few epochs at a small learning rate; with `teacher`, the second
distillation of Sanh et al. (2019), section 4.1. The steps are those of chapter 8's loop: the same optimiser, schedule,
checkpoints and exact resume. What is added is an evaluation on the development set after each epoch; the model of the
best epoch is the one that is kept.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from minidistil import plots
from minidistil.arguments import require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.classifiers import REGRESSION, SINGLE_LABEL, TaskModel
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch08_training.checkpoints import Progress
from minidistil.ch08_training.device import device_of, on_one_device, peak_memory_mib
from minidistil.ch08_training.feed import Batch, MemoryFeed
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.parallel import from_first, rank, world_size
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch08_training.training import train
from minidistil.ch08_training.trial import make_plan
from minidistil.ch09_evaluation.speed import parameters
from minidistil.ch10_tasks.question_windows import MAX_QUESTION_LENGTH
from minidistil.ch10_tasks.tasks import (
    Dataset,
    Feature,
    Task,
    TaskBatch,
    collate,
    confusion_of,
    predict,
    task_losses,
)
from minidistil.files import read_small
from minidistil.runs.report import finetuning_report, minutes
from minidistil.runs.run_folder import Run, RunFolder, Say, fingerprint
from minidistil.runs.run_log import RunLog


class FeatureFeed(MemoryFeed):
    """The features of a task by the number of their micro-batch, those of like length together."""

    batch_class: type[Batch] = TaskBatch

    def __init__(
        self, features: Sequence[Feature], tokenizer: WordPiece, config: FinetuneConfig, model_class: type[TaskModel]
    ):
        self.features = features
        self.model_class = model_class
        super().__init__([torch.tensor(feature.input_ids) for feature in features], tokenizer, config, world_size())

    def _batch(self, indices: list[int], number: int) -> TaskBatch:
        return collate([self.features[index] for index in indices], self.tokenizer.pad_token_id, self.model_class)


def finetune(
    model: TaskModel,
    dataset: Dataset,
    config: FinetuneConfig | None = None,
    out: str | Path = "runs/finetune",
    tokenizer: WordPiece | None = None,
    teacher: TaskModel | None = None,
    say: Say = lambda line: None,
    more_settings: dict[str, Any] | None = None,
    device: torch.device | str | None = None,
) -> Run:
    """Train a model on a task; resumes if `out` holds a checkpoint. The best epoch's model lies in `out`/model.

    Args:
        model: changed in place, at the end as after the last epoch, but left alone where `out` holds the finished
            run; see `TaskModel.with_fresh_head`. What does not require a gradient stays as it is, such as the encoder
            after `model.encoder.requires_grad_(False)`.
        tokenizer: the model's vocabulary; the official one if None.
        teacher: a model that was fine-tuned on the same task, for a second distillation.
        say: called with each line of news, for a person to read.
        more_settings: what else tells this run from another, such as the models' names.
        device: where to train, both models are moved there; None: where they are.

    Raises:
        TypeError: an argument is something else.
        ValueError: model, teacher, task and settings do not fit together, or the folder holds another run.
        OSError: the folder is not writable or too full.
    """
    config = FinetuneConfig() if config is None else config
    tokenizer = WordPiece.from_pretrained("minilm") if tokenizer is None else tokenizer
    require_kind(Dataset, dataset=dataset)
    require_kind(FinetuneConfig, config=config)
    require_kind(WordPiece, tokenizer=tokenizer)
    task, examples = dataset.task, {"train": dataset.train, **dataset.validation}
    _require_fit("model", model, task, tokenizer, config)
    if teacher is not None:
        _require_fit("teacher", teacher, task, tokenizer, config)
    on_one_device(device, model, *([teacher] if teacher else []))

    settings = {
        "kind": type(config).__name__,
        "config": config.to_json(),
        "task": task.name,
        "data": {name: [len(rows), _digest(map(repr, rows))] for name, rows in examples.items()},
        "model": fingerprint(model),
        "teacher_model": fingerprint(teacher) if teacher else "",
        "processes": world_size(),
        **(more_settings or {}),
    }
    folder = RunFolder(out, settings, say)
    if finished := folder.finished(
        lambda figures: (figures["metrics"].items(), figures["best_epoch"], figures["seconds"] + 0)
    ):
        return finished

    features = {name: task.features(rows, tokenizer, config.max_length) for name, rows in examples.items()}
    _say_what_was_cut(folder, model, features, config)
    feed = FeatureFeed(features["train"], tokenizer, config, task.model_class)
    folder.require_room_for(model)
    with folder.locked(), evaluating(*[] if teacher is None else [teacher]):
        steps_per_epoch = math.ceil(feed.batches_per_epoch / (config.accumulate * world_size()))
        losses = task_losses(task, teacher, config)
        plan = _plan(folder, model, losses, feed, config, steps_per_epoch)

        # What the evaluation after each epoch found.
        epochs: list[dict[str, Any]] = from_first(folder.read_json("epochs.json", list) or [])
        with RunLog(folder, plan, digits=3) as log:
            for progress in train(model, losses, feed, config, plan, folder.checkpoints, folder.identity):
                epoch, rest = divmod(progress.step, steps_per_epoch)
                epochs = epochs[:epoch]  # an earlier call may have been further than its last checkpoint
                if not rest and len(epochs) < epoch:
                    epochs = from_first([*epochs, _evaluate(folder, model, dataset, features, tokenizer, epochs)])
                log.write(progress)

        metrics: dict[str, Any] = {}
        if rank() == 0:
            metrics = {
                **_figures(folder, task, epochs),
                "examples": {name: len(rows) for name, rows in examples.items()},
                "cut": {name: sum(feature.cut > 0 for feature in rows) for name, rows in features.items()},
                "parameters": parameters(model),
                **_effort(progress, plan, device_of(model)),
            }
            folder.append_log(progress.log, -1)
            _draw(folder, task, progress, metrics, steps_per_epoch)
            folder.write_text("report.md", finetuning_report(folder.settings, metrics))
        return folder.finish(metrics, progress.log)


def _require_fit(who: str, model: TaskModel, task: Task, tokenizer: WordPiece, config: FinetuneConfig) -> None:
    # Published models write NEGATIVE for negative, and have no names for the two scores of question answering.
    named, needed = ([name.casefold() for name in names] for names in (model.config.id2label, task.id2label))
    if task.model_class is QuestionAnswering or len(needed) == len(named) == 1:
        named = needed
    if type(model) is not task.model_class or named != needed:
        raise ValueError(
            f"The {who} is a {type(model).__name__} of the classes {', '.join(model.config.id2label)}; {task.name} "
            f"needs a {task.model_class.__name__} of {', '.join(task.id2label)}. If its classes are these and in this "
            "order, give them these names under id2label in its config.json."
        )
    if model.config.problem_type not in (None, REGRESSION if len(needed) == 1 else SINGLE_LABEL):
        raise ValueError(f"The {who} has problem_type {model.config.problem_type}, which is not that of {task.name}.")
    if model.config.vocab_size != len(tokenizer):
        raise ValueError(
            f"The {who} knows {model.config.vocab_size} tokens, the tokenizer {len(tokenizer)}: expected the same."
        )
    if config.max_length > model.config.max_position_embeddings:
        raise ValueError(
            f"max_length is {config.max_length}, the {who} reads {model.config.max_position_embeddings} tokens at "
            "most: expected a smaller --max-length; longer texts are cut, or read in windows where the task does so."
        )


def _say_what_was_cut(
    folder: RunFolder, model: TaskModel, features: Mapping[str, Sequence[Feature]], config: FinetuneConfig
) -> None:
    windows = isinstance(model, QuestionAnswering)  # they have all of a text, and the beginning of a question
    what, limit = ("questions", MAX_QUESTION_LENGTH) if windows else ("texts", config.max_length)
    more = not windows and limit < model.config.max_position_embeddings
    advice = " A higher --max-length would keep more of them." if more else ""
    for name, rows in features.items():
        if cut := [feature.cut for feature in rows if feature.cut]:
            count = folder.settings["data"][name][0]
            folder.say(
                f"{name}: {len(cut)} of {count} {what} are longer than {limit} tokens; {sum(cut)} tokens were cut "
                f"off.{advice}"
            )


def _plan(
    folder: RunFolder, model: TaskModel, losses: Losses, feed: FeatureFeed, config: FinetuneConfig, steps: int
) -> Plan:
    """The run's plan, its epochs of so many steps: measured once, then the folder's."""
    folder.goes_on(device_of(model))
    plan = folder.plan(config.epochs * steps, config.precision)
    if plan is None:
        plan = replace(from_first(make_plan(model, losses, feed, config)), steps=config.epochs * steps)
        folder.keep_plan(plan)
    epochs = "1 epoch" if config.epochs == 1 else f"{config.epochs} epochs"
    folder.say(
        f"training: {len(feed.features):,} texts, {epochs}, {plan.end} steps in {plan.precision}, "
        f"about {minutes(plan.end * plan.seconds_per_step)} here"
    )
    return plan


def _evaluate(
    folder: RunFolder,
    model: TaskModel,
    dataset: Dataset,
    features: Mapping[str, Sequence[Feature]],
    tokenizer: WordPiece,
    earlier: list[dict[str, Any]],
) -> dict[str, Any]:
    """Evaluate the model on the development sets; keep it if none of the epochs before was better."""
    if rank():
        return {}
    figures, tables = {}, {}
    for name, rows in dataset.validation.items():
        predictions = predict(model, features[name], tokenizer.pad_token_id)
        figures[name] = dataset.task.metrics(rows, features[name], predictions)
        tables[name] = confusion_of(dataset.task, features[name], predictions)
    first = next(iter(figures))
    score = sum(figures[first][name] for name in dataset.task.decisive) / len(dataset.task.decisive)
    found = {"epoch": len(earlier) + 1, "score": score, "metrics": figures}
    folder.say(f"epoch {found['epoch']}: {_words(figures)}")
    if all(score > other["score"] for other in earlier):
        model.save_pretrained(folder.folder / "model")
        tokenizer.save(folder.folder / "model", model.config.max_position_embeddings)
        folder.write_json("confusion.json", tables[first])
    folder.write_json("epochs.json", [*earlier, found])
    return found


def _figures(folder: RunFolder, task: Task, epochs: list[dict[str, Any]]) -> dict[str, Any]:
    best = max(epochs, key=lambda each: each["score"])  # of equal ones the first
    return {
        "task": task.name,
        "score": best["score"],
        "metrics": best["metrics"],
        "best_epoch": best["epoch"],
        "epochs": epochs,
        "classes": list(task.id2label),
        "confusion": json.loads(read_small(folder.folder / "confusion.json")),
    }


def _effort(progress: Progress, plan: Plan, device: torch.device) -> dict[str, Any]:
    return {
        "steps": plan.end,
        "precision": plan.precision,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
        "peak_memory_mib": peak_memory_mib(device),
    }


def _draw(folder: RunFolder, task: Task, progress: Progress, metrics: dict[str, Any], steps_per_epoch: int) -> None:
    epochs, best = metrics["epochs"], metrics["best_epoch"]
    title = f"{task.name}: best after epoch {best} of {len(epochs)}"
    folder.draw("curves.png", plots.finetuning_curves(progress.log, epochs, steps_per_epoch, title))
    if table := metrics["confusion"]:
        right, asked = sum(row[place] for place, row in enumerate(table)), sum(map(sum, table))
        title = f"{task.name}: {right:,} of {asked:,} are right after epoch {best}"
        folder.draw("confusion.png", plots.confusion_matrix(table, task.id2label, title))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _words(figures: dict[str, dict[str, float]]) -> str:
    """matthews 0.431, or, of several sets, matched: accuracy 0.712; mismatched: …"""
    words = {split: ", ".join(f"{name} {value:.3f}" for name, value in each.items()) for split, each in figures.items()}
    return "; ".join(text if len(words) == 1 else f"{split}: {text}" for split, text in words.items())
