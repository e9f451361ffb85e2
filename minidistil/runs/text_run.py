"""Chapters 8 and 9 put to work: the folder of one run, and what all runs do in it.

It holds `config.json` (settings and plan), `metrics.jsonl` (one line a logged step), `tensorboard/` (the same,
where TensorBoard is installed), `curves.png` (drawn anew every minute), `checkpoints/` (removed at the end) and, in
the end, `report.md`, `model/` (Hugging Face format, with the vocabulary) and `metrics.json` (the final
figures; its presence means: finished). Of several processes only the first writes.
"""

import functools
import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minidistil import plots
from minidistil.ch08_training.checkpoints import Progress, load_checkpoint
from minidistil.ch02_masking.corpus import Corpus, HubCorpus, sequences
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import MaskedText, masked_documents, masked_text
from minidistil.files import write_atomically
from minidistil.ch05_weights.fillmask import require_fit
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.device import device_of, keep_freed_memory, peak_memory_mib
from minidistil.ch08_training.feed import MemoryFeed, Feed, StreamFeed
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.cost import device_operations
from minidistil.ch08_training.parallel import from_first, gather, rank, world_size
from minidistil.runs.report import minutes, run_report
from minidistil.runs.run_folder import Run, RunFolder, Say
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.training import make_optimizer, train, validation_is_due
from minidistil.ch08_training.trial import longest, make_plan
from minidistil.ch01_wordpiece.wordpiece import WordPiece

HELD_OUT_DOCUMENTS = 400  # taken from a split of a streamed corpus, which has too many
VALIDATION_SEQUENCES = 128  # few enough for a look that takes a second
REDRAW_SECONDS = 60.0


def _require_both_splits(corpus: Corpus) -> None:
    for what, documents in (("training", corpus.train), ("test", corpus.test)):
        if not documents:
            raise ValueError(
                f"None of the {len(list(corpus))} documents of {corpus.name} fell into the {what} split (one in 50 "
                "is for testing): give more text, or --docs as well."
            )


class Workshop(RunFolder):
    """The folder of a run on plain text and the steps that all of these share.

    Raises:
        ValueError: the model does not fit the vocabulary, or the folder holds a run with other settings.
        OSError: the folder is not writable or too full.
    """

    def __init__(
        self,
        model: MaskedLM,
        corpus: Corpus | HubCorpus,
        config: TrainingConfig,
        folder: Path,
        tokenizer: WordPiece,
        say: Say,
        more_settings: dict[str, Any] | None = None,
    ):
        require_fit(tokenizer, model)
        if isinstance(corpus, Corpus):
            _require_both_splits(corpus)
        self.model, self.corpus, self.config, self.tokenizer = model, corpus, config, tokenizer
        documents = len(corpus.train) if isinstance(corpus, Corpus) else None
        settings: dict[str, Any] = {
            "kind": type(config).__name__,
            "config": config.to_json(),
            "corpus": {"name": corpus.name, "documents": documents, "sha256": corpus.fingerprint()},
            "model": asdict(model.config),
            "processes": world_size(),
            **(more_settings or {}),
        }
        super().__init__(folder, settings, say)
        self.require_room_for(model)
        self._tensorboard: Any = None

    def held_out(self) -> MaskedText:
        """The corpus' test split with masks in place; of a streamed one the beginning."""
        return masked_documents(self._documents("test"), self.tokenizer, self.config.max_length)

    @functools.cache  # noqa: B019  one workshop a run
    def validation(self) -> MaskedText | None:
        """Some of the validation split with masks in place; None if there is no text in it."""
        try:
            cut = sequences(self._documents("validation"), self.tokenizer, self.config.max_length)
            return masked_text(cut[:VALIDATION_SEQUENCES], self.tokenizer)
        except ValueError:  # empty
            return None

    def _documents(self, split: str) -> Iterable[str]:
        documents = getattr(self.corpus, split)
        return islice(documents, HELD_OUT_DOCUMENTS) if isinstance(self.corpus, HubCorpus) else documents

    def remembered(self, name: str, measure: Callable[[], float]) -> float:
        """A figure of the untrained model: measured once, then kept in the run's configuration."""
        if name not in self.settings:
            self.settings[name] = from_first(measure() if rank() == 0 else 0.0)
        return self.settings[name]

    @functools.cache  # noqa: B019  one workshop a run
    def feed(self) -> Feed:
        """The corpus' train split as micro-batches."""
        if isinstance(self.corpus, HubCorpus):
            return StreamFeed(self.corpus, self.tokenizer, self.config, rank(), world_size())
        train_sequences = sequences(self.corpus.train, self.tokenizer, self.config.max_length)
        return MemoryFeed(train_sequences, self.tokenizer, self.config, world_size())

    def train(self, losses: Losses, operations: Callable[[float], float]) -> tuple[Progress, Plan]:
        """Plan (once), then train to the end, with a progress bar, a log and a look at held-out text now and then.

        Args:
            operations: of sequences of so many tokens on average, those that a token takes; for the utilisation.
        """
        keep_freed_memory()
        plan = self._plan(losses)
        self._possible = sum(gather(device_operations(device_of(self.model), plan.precision)))
        self._a_token = operations(self.feed().tokens_per_batch / self.config.batch_size)
        self._tensorboard = _tensorboard(self.folder / "tensorboard") if rank() == 0 else None
        tokens = sum(gather(self.feed().tokens_per_batch)) * self.config.accumulate  # shares of a stream differ
        self.say(
            f"training: {plan.end} steps of about {tokens:,.0f} tokens in {plan.precision}, "
            f"about {minutes(plan.end * plan.seconds_per_step)} here"
        )
        # Read again by `train`. Where an earlier go took the last step already, this is all that is left of it.
        optimizer = make_optimizer(self.model, self.config)
        progress = load_checkpoint(self.folder / "checkpoints", self.model, optimizer) or Progress()
        del optimizer  # its moments take twice the model's memory
        written, drawn = -1, time.perf_counter()
        with tqdm(total=plan.end, unit="step", disable=None if rank() == 0 else True, smoothing=0.05) as bar:
            for progress in train(self.model, losses, self.feed(), self.config, plan, self.folder / "checkpoints"):
                if written < 0 and progress.step > 1:
                    self.say(f"resumed after step {progress.step - 1}")
                self._correct(plan, progress, tokens)
                if validation_is_due(progress.step, self.config):
                    self._validate(progress)
                bar.total = plan.end
                bar.update(progress.step - bar.n)
                if len(progress.log) > max(written, 0):
                    for line in progress.log[-2:]:  # an interrupt may have left one without
                        line.setdefault("utilisation", round(self.utilisation(line["tokens_per_second"]), 4))
                    self.append_log(progress.log, written)
                    self._show_in_tensorboard(progress.log[max(written, 0) :])
                    bar.set_postfix(loss=f"{progress.log[-1]['loss']:.2f}", refresh=False)
                    if time.perf_counter() - drawn > REDRAW_SECONDS:
                        self._draw(progress)
                        drawn = time.perf_counter()
                written = len(progress.log)
        return progress, plan

    def utilisation(self, tokens_per_second: float) -> float:
        """Share of the operations that this machine could do which `train`'s losses need at such a speed."""
        return tokens_per_second * self._a_token / self._possible

    def _plan(self, losses: Losses) -> Plan:
        if "plan" in self.settings:
            return Plan(**self.settings["plan"])
        self.say("measuring this machine …")
        plan = from_first(make_plan(self.model, losses, self.feed(), self.config))
        self._keep_plan(plan)
        return plan

    def _keep_plan(self, plan: Plan) -> None:
        self.settings["plan"] = asdict(plan)
        self.write_json("config.json", self.settings)

    def _correct(self, plan: Plan, progress: Progress, tokens_per_step: float) -> None:
        """Fit a run of given time to the time that it took so far, an average step having so many tokens."""
        budget = self.config.budget_seconds
        if self.config.steps is None and budget is not None and plan.correction_is_due(progress.step):
            seconds = from_first(progress.seconds)
            plan.correct(
                progress.step,
                budget - seconds,
                seconds / progress.tokens * tokens_per_step,
                longest(self.feed(), self.config),
            )
            self._keep_plan(plan)

    def _validate(self, progress: Progress) -> None:
        """Add to the newest line of the log how the model does on held-out text."""
        text = self.validation() if rank() == 0 else None
        if text is not None:
            self.model.eval()
            scores = score(self.model, text)
            self.model.train()
            progress.log[-1] |= {"validation_loss": math.log(scores.perplexity), "validation_accuracy": scores.accuracy}

    def _show_in_tensorboard(self, lines: list[dict[str, Any]]) -> None:
        if self._tensorboard:
            for line in lines:
                for name, value in line.items():
                    self._tensorboard.add_scalar(name, value, line["step"])

    def _draw(self, progress: Progress) -> None:
        if rank() == 0:
            curves = plots.training_curves(progress.log)
            write_atomically(self.folder / "curves.png", lambda part: plots.save(curves, part))

    def finish(self, progress: Progress, measure: Callable[[], tuple[dict[str, Any], str]]) -> Run:
        """Measure, then write model, curves, report and, last, metrics.json; then remove the checkpoints.

        Args:
            measure: gives the final figures and a report of them; called in the first process only.
        """
        if rank() == 0:
            metrics, results = measure()
            self.model.save_pretrained(self.folder / "model")
            self.tokenizer.save(self.folder / "model")
            self._draw(progress)
            report = run_report(self.settings, results)
            write_atomically(self.folder / "report.md", lambda part: part.write_text(report, encoding="utf-8"))
            self.append_log(progress.log, -1)
            if self._tensorboard:
                self._tensorboard.close()
            self.write_json("metrics.json", metrics)
            shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return Run(self.folder, from_first(metrics if rank() == 0 else {}), progress.log)


def _tensorboard(folder: Path) -> Any:
    """A writer for TensorBoard, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _effort(workshop: Workshop, progress: Progress, plan: Plan) -> dict[str, Any]:
    speed = progress.tokens / progress.seconds
    return {
        "steps": progress.step,
        "precision": plan.precision,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": speed,
        "utilisation": workshop.utilisation(speed),
        "peak_memory_mib": peak_memory_mib(),
    }
