"""Chapter 10. Fine-tuning: a pretrained encoder under a new head, both trained on one task.

Devlin et al. (2019), section 4.1 and appendix A.3: a few epochs at a small learning rate; with `teacher`, the second
distillation of Sanh et al. (2019), section 4.1. The steps are those of chapter 8's loop: the same optimiser, schedule,
checkpoints and exact resume. What is added is a look at the development set after each epoch; the model of the best
look is the one that is kept.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from minidistil import plots
from minidistil.ch08_training.checkpoints import Progress, load_checkpoint
from minidistil.ch05_weights.classifiers import TaskModel
from minidistil.files import write_atomically
from minidistil.ch08_training.device import keep_freed_memory, peak_memory_mib
from minidistil.ch08_training.feed import Batch, MemoryFeed
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.parallel import from_first, rank, world_size
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.runs.report import finetuning_report, minutes
from minidistil.runs.run_folder import Run, RunFolder, Say, fingerprint
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch09_evaluation.speed import parameters
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
from minidistil.ch08_training.training import make_optimizer, train
from minidistil.ch08_training.trial import make_plan
from minidistil.ch10_tasks.question_windows import MAX_QUESTION_LENGTH
from minidistil.ch01_wordpiece.wordpiece import WordPiece


class FeatureFeed(MemoryFeed):
    """The features of a task by the number of their micro-batch, those of like length together."""

    batch_class: type[Batch] = TaskBatch

    def __init__(
        self, features: Sequence[Feature], tokenizer: WordPiece, config: FinetuneConfig, model_class: type[TaskModel]
    ):
        self.features, self.model_class = features, model_class
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

    Raises:
        ValueError: model, teacher, task and settings do not fit together, or the folder holds another run.
        OSError: the folder is not writable or too full.
    """
    config = config or FinetuneConfig()
    tokenizer = tokenizer or WordPiece.from_pretrained("minilm")
    _require_fit("model", model, dataset.task, tokenizer, config)
    if teacher is not None:
        _require_fit("teacher", teacher, dataset.task, tokenizer, config)
        teacher.eval().requires_grad_(False)
    job = FineTuning(model, dataset, config, Path(out), tokenizer, teacher, say, more_settings or {})
    return job.finished() or job.run()


def _require_fit(who: str, model: TaskModel, task: Task, tokenizer: WordPiece, config: FinetuneConfig) -> None:
    if type(model) is not task.model_class or model.config.id2label != tuple(task.id2label):
        raise ValueError(
            f"The {who} is a {type(model).__name__} of the classes {', '.join(model.config.id2label)}; {task.name} "
            f"needs a {task.model_class.__name__} of {', '.join(task.id2label)}."
        )
    if model.config.vocab_size != len(tokenizer):
        raise ValueError(
            f"The {who} knows {model.config.vocab_size} tokens, the tokenizer {len(tokenizer)}: expected the same."
        )
    if config.max_length > model.config.max_position_embeddings:
        raise ValueError(
            f"max_length is {config.max_length}, the {who} reads {model.config.max_position_embeddings} tokens at "
            "most: expected a smaller --max-length; longer texts are cut, or read in windows where the task does so."
        )


class FineTuning(RunFolder):
    """The folder of a fine-tuning, and what is done in it; see `finetune`."""

    def __init__(
        self,
        model: TaskModel,
        dataset: Dataset,
        config: FinetuneConfig,
        folder: Path,
        tokenizer: WordPiece,
        teacher: TaskModel | None,
        say: Say,
        more_settings: dict[str, Any],
    ):
        self.model, self.teacher, self.tokenizer = model, teacher, tokenizer
        self.task, self.config = dataset.task, config
        self.examples = {"train": dataset.train, **dataset.validation}
        settings = {
            "kind": type(config).__name__,
            "config": config.to_json(),
            "task": dataset.task.name,
            "data": {name: [len(rows), _digest(map(repr, rows))] for name, rows in self.examples.items()},
            "model": fingerprint(model),
            "teacher_model": fingerprint(teacher) if teacher else "",
            "processes": world_size(),
            **more_settings,
        }
        super().__init__(folder, settings, say)
        self.epochs: list[dict[str, Any]] = []  # what each look found
        self.earlier = Progress()  # of a go that was interrupted

    def run(self) -> Run:
        """All of it: read the texts, train with a look after each epoch, write down what came of it."""
        self.features = {
            name: self.task.features(rows, self.tokenizer, self.config.max_length)
            for name, rows in self.examples.items()
        }
        self._say_what_was_cut()
        self.feed = FeatureFeed(self.features["train"], self.tokenizer, self.config, self.task.model_class)
        self.require_room_for(self.model)
        self.steps_per_epoch = math.ceil(self.feed.batches_per_epoch / (self.config.accumulate * world_size()))
        losses = task_losses(self.task, self.teacher, self.config)
        plan = self._plan(losses)
        self._remember()
        return self._finish(self._train(losses, plan), plan)

    def _say_what_was_cut(self) -> None:
        windows = self.task.model_class is QuestionAnswering  # they have all of a text, and the beginning of a question
        what, limit = ("questions", MAX_QUESTION_LENGTH) if windows else ("texts", self.config.max_length)
        more = not windows and limit < self.model.config.max_position_embeddings
        advice = " A higher --max-length would keep more of them." if more else ""
        for name, features in self.features.items():
            if cut := [feature.cut for feature in features if feature.cut]:
                self.say(
                    f"{name}: {len(cut)} of {len(self.examples[name])} {what} are longer than {limit} tokens; "
                    f"{sum(cut)} tokens were cut off.{advice}"
                )

    def _plan(self, losses: Losses) -> Plan:
        steps = self.config.epochs * self.steps_per_epoch
        if "plan" not in self.settings:
            measured = from_first(make_plan(self.model, losses, self.feed, self.config))
            self.settings["plan"] = asdict(Plan(steps, measured.precision, measured.seconds_per_step))
            self.write_json("config.json", self.settings)
        plan = Plan(**self.settings["plan"])
        epochs = "1 epoch" if self.config.epochs == 1 else f"{self.config.epochs} epochs"
        self.say(
            f"training: {len(self.features['train']):,} texts, {epochs}, {steps} steps in "
            f"{plan.precision}, about {minutes(steps * plan.seconds_per_step)} here"
        )
        return plan

    def _remember(self) -> None:
        """The looks that an earlier go had; and the one that it was about to have when it was stopped."""
        path = self.folder / "epochs.json"
        self.epochs = from_first(_read(path) if path.is_file() else [])
        optimizer = make_optimizer(self.model, self.config)
        self.earlier = load_checkpoint(self.folder / "checkpoints", self.model, optimizer) or Progress()
        epoch, rest = divmod(self.earlier.step, self.steps_per_epoch)
        self.epochs = self.epochs[:epoch]
        if not rest and epoch > len(self.epochs):
            self._look(epoch)

    def _train(self, losses: Losses, plan: Plan) -> Progress:
        keep_freed_memory()
        progress, written = self.earlier, -1
        with tqdm(total=plan.end, unit="step", disable=None if rank() == 0 else True, smoothing=0.05) as bar:
            for progress in train(self.model, losses, self.feed, self.config, plan, self.folder / "checkpoints"):
                if written < 0 and progress.step > 1:
                    self.say(f"resumed after step {progress.step - 1}")
                epoch, rest = divmod(progress.step, self.steps_per_epoch)
                if not rest:
                    self._look(epoch)
                bar.update(progress.step - bar.n)
                if len(progress.log) > max(written, 0):
                    self.append_log(progress.log, written)
                    bar.set_postfix(loss=f"{progress.log[-1]['loss']:.3f}", refresh=False)
                written = len(progress.log)
        self.model.eval()
        return progress

    def _look(self, epoch: int) -> None:
        """Score the model on the development sets; keep it if none of the epochs before was better."""
        if rank() == 0:
            figures, tables = {}, {}
            for name in [name for name in self.features if name != "train"]:
                predictions = predict(self.model, self.features[name], self.tokenizer.pad_token_id)
                figures[name] = self.task.metrics(self.examples[name], self.features[name], predictions)
                tables[name] = confusion_of(self.task, self.features[name], predictions)
            first = next(iter(figures))
            score = sum(figures[first][name] for name in self.task.decisive) / len(self.task.decisive)
            self.epochs = [*self.epochs[: epoch - 1], {"epoch": epoch, "score": score, "metrics": figures}]
            self.say(f"epoch {epoch}: {_words(figures)}")
            if all(score > earlier["score"] for earlier in self.epochs[:-1]):
                self.model.save_pretrained(self.folder / "model")
                self.tokenizer.save(self.folder / "model")
                self.write_json("confusion.json", tables[first])
            self.write_json("epochs.json", self.epochs)
        self.epochs = from_first(self.epochs)

    def _finish(self, progress: Progress, plan: Plan) -> Run:
        """Write pictures, report and, last, metrics.json; then remove the checkpoints."""
        metrics = self._metrics(progress, plan) if rank() == 0 else {}
        if rank() == 0:
            self.append_log(progress.log, -1)
            self._draw(progress, metrics)
            report = finetuning_report(self.settings, metrics)
            write_atomically(self.folder / "report.md", lambda part: part.write_text(report, encoding="utf-8"))
            self.write_json("metrics.json", metrics)
            shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return Run(self.folder, from_first(metrics), progress.log)

    def _draw(self, progress: Progress, metrics: dict[str, Any]) -> None:
        title = f"{self.task.name}: best after epoch {metrics['best_epoch']} of {len(self.epochs)}"
        curves = plots.finetuning_curves(progress.log, self.epochs, self.steps_per_epoch, title)
        write_atomically(self.folder / "curves.png", lambda part: plots.save(curves, part))
        if table := metrics["confusion"]:
            right, asked = sum(row[place] for place, row in enumerate(table)), sum(map(sum, table))
            title = f"{self.task.name}: {right:,} of {asked:,} are right after epoch {metrics['best_epoch']}"
            picture = plots.confusion_matrix(table, self.task.id2label, title)
            write_atomically(self.folder / "confusion.png", lambda part: plots.save(picture, part))

    def _metrics(self, progress: Progress, plan: Plan) -> dict[str, Any]:
        best = max(self.epochs, key=lambda look: look["score"])  # of equal ones the first
        return {
            "task": self.task.name,
            "score": best["score"],
            "metrics": best["metrics"],
            "best_epoch": best["epoch"],
            "epochs": self.epochs,
            "classes": list(self.task.id2label),
            "confusion": _read(self.folder / "confusion.json"),
            "examples": {name: len(rows) for name, rows in self.examples.items()},
            "cut": {name: sum(feature.cut > 0 for feature in rows) for name, rows in self.features.items()},
            "parameters": parameters(self.model),
            "steps": plan.end,
            "precision": plan.precision,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
            "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
            "peak_memory_mib": peak_memory_mib(),
        }


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _words(figures: dict[str, dict[str, float]]) -> str:
    """matthews 0.431, or, of several sets, matched: accuracy 0.712; mismatched: …"""
    told = {split: ", ".join(f"{name} {value:.3f}" for name, value in each.items()) for split, each in figures.items()}
    return "; ".join(text if len(told) == 1 else f"{split}: {text}" for split, text in told.items())
