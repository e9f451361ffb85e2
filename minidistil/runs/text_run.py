"""What distilling and teaching share: text in, a plan that is measured once and kept, a folder at the end."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

import torch

from minidistil import plots
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, HubCorpus, sequences
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.checkpoints import Progress
from minidistil.ch08_training.cost import device_operations
from minidistil.ch08_training.device import device_of, peak_memory_mib
from minidistil.ch08_training.feed import Feed, MemoryFeed, StreamFeed
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.parallel import from_first, gather, in_all, rank, world_size
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.step_numbers import validation_is_due
from minidistil.ch08_training.trial import longest, make_plan
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import MaskedText, masked_documents, masked_text
from minidistil.runs.report import minutes, run_report
from minidistil.runs.run_folder import RunFolder

HELD_OUT_DOCUMENTS = 400  # taken from a split of a streamed corpus, which has too many
VALIDATION_SEQUENCES = 128  # few enough for an evaluation that takes a second


def text_settings(model: MaskedLM, corpus: Corpus | HubCorpus, config: TrainingConfig, **more: str) -> dict[str, Any]:
    """What tells a run on plain text from another, as plain JSON values.

    Raises:
        ValueError: no document of the corpus fell into one of the splits.
    """
    if isinstance(corpus, Corpus):
        for what, documents in (("training", corpus.train), ("test", corpus.test)):
            if not documents:
                raise ValueError(
                    f"None of the {len(list(corpus))} documents of {corpus.name} fell into the {what} split (one in 50 "
                    "is for testing): give more text, or --docs as well."
                )
    count = len(corpus.train) if isinstance(corpus, Corpus) else None
    return {
        "kind": type(config).__name__,
        "config": config.to_json(),
        "corpus": {"name": corpus.name, "documents": count, "sha256": corpus.fingerprint()},
        "model": asdict(model.config),
        "processes": world_size(),
        **more,
    }


def open_feed(corpus: Corpus | HubCorpus, tokenizer: WordPiece, config: TrainingConfig) -> Feed:
    """The corpus' train split as micro-batches."""
    if isinstance(corpus, HubCorpus):
        return in_all("share of the text", lambda: StreamFeed(corpus, tokenizer, config, rank(), world_size()))
    return MemoryFeed(sequences(corpus.train, tokenizer, config.max_length), tokenizer, config, world_size())


def held_out_text(corpus: Corpus | HubCorpus, tokenizer: WordPiece, config: TrainingConfig) -> MaskedText:
    """The corpus' test split with masks in place; of a streamed one the beginning."""
    return masked_documents(_documents(corpus, "test"), tokenizer, config.max_length)


def validation_text(corpus: Corpus | HubCorpus, tokenizer: WordPiece, config: TrainingConfig) -> MaskedText | None:
    """Some of the validation split with masks in place; None where it is not needed or has no text.

    Only the first process evaluates, so the others get None.
    """
    if config.validate_every is None or rank():
        return None
    try:
        cut = sequences(_documents(corpus, "validation"), tokenizer, config.max_length)
        return masked_text(cut[:VALIDATION_SEQUENCES], tokenizer)
    except ValueError:  # empty
        return None


def _documents(corpus: Corpus | HubCorpus, split: str) -> Iterable[str]:
    documents = getattr(corpus, split)
    return islice(documents, HELD_OUT_DOCUMENTS) if isinstance(corpus, HubCorpus) else documents


def measured_plan(
    folder: RunFolder, model: MaskedLM, losses: Losses, feed: Feed, config: TrainingConfig, *together: MaskedLM
) -> Plan:
    """The run's plan: measured on this machine once, then the folder's; `together` as for `make_plan`."""
    folder.goes_on(device_of(model))
    plan = folder.plan(config.steps or longest(feed, config), config.precision)
    if plan is None:
        folder.say("measuring this machine …")
        plan = from_first(make_plan(model, losses, feed, config, together))
        folder.keep_plan(plan)
    folder.say(
        f"training: {plan.end} steps of about {_tokens_per_step(feed, config):,.0f} tokens in {plan.precision}, "
        f"about {minutes(plan.end * plan.seconds_per_step)} here"
    )
    return plan


def keep_to_budget(folder: RunFolder, plan: Plan, progress: Progress, feed: Feed, config: TrainingConfig) -> None:
    """Fit the number of steps of a run of given time to the time that its steps took so far."""
    if config.steps is None and config.budget_seconds is not None and plan.correction_is_due(progress.step):
        seconds = from_first(progress.seconds)
        a_step = seconds / progress.tokens * _tokens_per_step(feed, config)  # a step of average size
        plan.correct(progress.step, config.budget_seconds - seconds, a_step, longest(feed, config))
        folder.keep_plan(plan)


def _tokens_per_step(feed: Feed, config: TrainingConfig) -> float:
    return sum(gather(feed.tokens_per_batch)) * config.accumulate  # the processes' parts of a stream differ


def validate(model: MaskedLM, text: MaskedText | None, progress: Progress, config: TrainingConfig) -> None:
    """Every so many steps, add to the newest line of the log how the model does on held-out text."""
    if text is None or not validation_is_due(progress.step, config):
        return
    line = progress.log[-1]
    if "validation_loss" not in line:  # a resumed run may have it already
        scores = score(model, text)
        line |= {"validation_loss": math.log(scores.perplexity), "validation_accuracy": scores.accuracy}


def full_speed(model: MaskedLM, plan: Plan, operations_per_token: float) -> float:
    """Tokens a second that all processes would read if they only did large matrix products."""
    return sum(gather(device_operations(device_of(model), plan.precision))) / operations_per_token


def effort(progress: Progress, plan: Plan, at_most: float, device: torch.device) -> dict[str, Any]:
    """What a run took, for metrics.json; `at_most` is its `full_speed`."""
    speed = progress.tokens / progress.seconds
    return {
        "steps": progress.step,
        "precision": plan.precision,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": speed,
        "utilisation": speed / at_most,
        "peak_memory_mib": peak_memory_mib(device),
    }


def write_results(folder: RunFolder, model: MaskedLM, tokenizer: WordPiece, progress: Progress, results: str) -> None:
    """Write model, curves and report of a run that has been evaluated; to be called in the first process."""
    model.save_pretrained(folder.folder / "model")
    tokenizer.save(folder.folder / "model", model.config.max_position_embeddings)
    folder.draw("curves.png", plots.training_curves(progress.log))
    folder.write_text("report.md", run_report(folder.settings, results))
