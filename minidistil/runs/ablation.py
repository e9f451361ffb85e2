"""The ablation study of chapter 9: how much each part of the recipe contributes.

Sanh et al. (2019), section 4.1 and table 4, leave out one loss at a time, or the copied weights, and compare the result
with the whole recipe. The same is done here with the offline teacher, with several seeds: a difference counts only if
it is larger than the differences between seeds. A second group of runs changes one setting at a time instead.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, HubCorpus
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import default_layers, student_config, student_of
from minidistil.ch08_training.device import described, device_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.files import to_json, write_atomically
from minidistil.runs.distillation import distil
from minidistil.runs.report import figure

FIGURES = ("student_masked_accuracy", "student_perplexity", "retention", "agreement", "hidden_cosine")


@dataclass(frozen=True)
class Condition:
    """One row of the table: what is different from the whole recipe."""

    name: str  # of its runs' folders
    says: str  # to a person
    changes: dict[str, Any] = field(default_factory=dict)  # fields of DistilConfig
    random_start: bool = False  # the student's weights are drawn, not copied
    steps: float = 1.0  # times those of the whole recipe; where a step reads more, fewer of them read the same


WHOLE = Condition("all", "all three losses")
GROUPS: dict[str, tuple[Condition, ...]] = {
    "losses": (
        WHOLE,
        Condition("without-ce", "without L_ce", {"alpha_ce": 0.0}),
        Condition("without-cos", "without L_cos", {"alpha_cos": 0.0}),
        Condition("without-mlm", "without L_mlm", {"alpha_mlm": 0.0}),
        Condition("mlm-alone", "L_mlm alone, no teacher", {"alpha_ce": 0.0, "alpha_cos": 0.0}),
        Condition("random", "random weights at the start", random_start=True),
    ),
    "settings": (
        WHOLE,
        Condition("layers-012", "layers 0, 1, 2", {"layers": (0, 1, 2)}),
        Condition("layers-135", "layers 1, 3, 5", {"layers": (1, 3, 5)}),
        Condition("rate-low", "half the learning rate", {"learning_rate": 5e-4}),
        Condition("rate-high", "twice the learning rate", {"learning_rate": 2e-3}),
        Condition("ce-all", "L_ce at all positions", {"ce_positions": "all"}),
        Condition("batch-8", "batches of 8, twice the steps", {"batch_size": 8}, steps=2.0),
        Condition("batch-32", "batches of 32, half the steps", {"batch_size": 32}, steps=0.5),
        Condition("length-64", "sequences of 64, batches of 32", {"max_length": 64, "batch_size": 32}),
        Condition("mask-15", "15 % of the tokens masked", {"mask_share": 0.15}),
        Condition("temperature-1", "temperature 1", {"temperature": 1.0}),
        Condition("temperature-4", "temperature 4", {"temperature": 4.0}),
        Condition("longer", "twice the steps", steps=2.0),
    ),
}


def ablate(
    teacher: MaskedLM,
    corpus: Corpus | HubCorpus,
    tokenizer: WordPiece,
    config: DistilConfig,
    seeds: Sequence[int],
    out: Path,
    group: str = "losses",
    command: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run each condition of a group with each seed; all conditions come once before any comes twice.

    A run is a folder in `out`, as `runs.distil` leaves it: a finished one is not repeated, one that was interrupted
    goes on. After each of them `out`/GROUP.json holds all figures so far, in one piece.

    Args:
        config: the whole recipe, with a fixed number of steps.
        command: what a person typed, for the record.

    Returns:
        What GROUP.json holds: how it was made, the teacher's figures, and a list of `runs`.

    Raises:
        ValueError: no such group, no seeds or the same one twice, a configuration without steps; and as `distil`.
        OSError: as `distil`.
    """
    _check(group, seeds, config)
    results: dict[str, Any] = {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": described(device_of(teacher)),
        "group": group,
        "config": config.to_json(),
        "corpus": {"name": corpus.name, "sha256": corpus.fingerprint()},
        "runs": [],
    }
    todo = [(condition, seed) for seed in seeds for condition in GROUPS[group]]
    for number, (condition, seed) in enumerate(todo, start=1):
        say(f"\nrun {number} of {len(todo)}: {condition.says}, seed {seed}")
        changed = configured(condition, config, seed)
        student = starting_student(teacher, condition, changed)
        run = distil(teacher, student, corpus, changed, out / f"{condition.name}-seed{seed}", tokenizer, say)
        results["teacher"] = {name: run.metrics[f"teacher_{name}"] for name in ("masked_accuracy", "perplexity")}
        results["runs"].append({"condition": condition.name, "says": condition.says, "seed": seed} | _figures(run))
        _write(out / f"{group}.json", to_json(results, indent=2) + "\n")
        say(_line(results["runs"][-1:]))
    return results


def _check(group: str, seeds: Sequence[int], config: DistilConfig) -> None:
    if group not in GROUPS:
        raise ValueError(f"There is no group {group!r}: expected {' or '.join(GROUPS)}.")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"The seeds are {list(seeds)}: expected one or more, each once.")
    if config.steps is None:
        raise ValueError("The configuration has no number of steps: expected one, for all runs must do the same work.")


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def configured(condition: Condition, config: DistilConfig, seed: int) -> DistilConfig:
    """The whole recipe with what the condition changes."""
    assert config.steps is not None
    return replace(config, seed=seed, steps=round(config.steps * condition.steps), **condition.changes)


def starting_student(teacher: MaskedLM, condition: Condition, config: DistilConfig) -> MaskedLM:
    """The condition's student before its first step: copied from the teacher, or drawn by the seed."""
    if not condition.random_start:
        return student_of(teacher, config.layers)
    layers = config.layers or default_layers(teacher.config.num_hidden_layers)
    torch.manual_seed(config.seed)
    return MaskedLM(student_config(teacher.config, layers)).to(device_of(teacher)).eval()


def _figures(run: Any) -> dict[str, Any]:
    names = (*FIGURES, "student_masked_accuracy_before", "held_out_tokens", "steps", "tokens", "seconds")
    return {name: run.metrics[name] for name in names}


def _line(runs: Sequence[dict[str, Any]]) -> str:
    """The means of a condition's runs as a row of Markdown."""
    accuracies = [run["student_masked_accuracy"] for run in runs]
    accuracy, perplexity, retention, agreement, cosine = (
        figure(_mean([run[name] for run in runs]), form)
        for name, form in zip(FIGURES, (".3f", ".1f", ".1%", ".3f", ".3f"), strict=True)
    )
    return (
        f"| {runs[0]['says']} | {len(runs)} | {accuracy} | {min(accuracies):.3f} to {max(accuracies):.3f} | "
        f"{retention} | {perplexity} | {agreement} | {cosine} |"
    )


def _mean(values: list[float | None]) -> float | None:
    """The mean; None where a run lacks the figure."""
    there = [value for value in values if value is not None]
    return fmean(there) if len(there) == len(values) else None


def table(results: dict[str, Any]) -> Iterator[str]:
    """A row for each condition, in Markdown: means over its seeds, and the range of the accuracy."""
    yield "| condition | seeds | accuracy | lowest to highest | retention | perplexity | agreement | cosine |"
    yield "|---|---:|---:|---|---:|---:|---:|---:|"
    for name in dict.fromkeys(run["condition"] for run in results["runs"]):
        yield _line([run for run in results["runs"] if run["condition"] == name])
