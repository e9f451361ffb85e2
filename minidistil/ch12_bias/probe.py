"""Chapter 12. A whole probe: all the figures that `minidistil bias` reports for a model, and for it and its teacher.

For each word, the difference between the two groups (its mean over the templates, centred), an interval over templates,
p-values, and Kurita's bias score; for the whole list, three summaries; for teacher and student, what is inherited.

Letters in shapes: T templates, W words.
"""

from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch12_bias.bias import (
    Inheritance,
    bias_scores,
    centred,
    group_probabilities,
    inheritance,
    log_ratios,
    mean_absolute_difference,
    word_probabilities,
)
from minidistil.ch12_bias.probe_sentences import Probe
from minidistil.ch12_bias.uncertainty import adjusted_p_values, bootstrap_interval, sign_flip_p_values

SEED = 56


def generator() -> torch.Generator:
    """The same random numbers for each figure, and for teacher and student."""
    return torch.Generator().manual_seed(SEED)


def figures(probe: Probe, model: MaskedLM, tokenizer: WordPiece) -> tuple[dict[str, Any], Tensor]:
    """What a probe measures in a model, ready for JSON, and the table of centred differences, (T, W).

    Values with an interval are lists: value, lower end, upper end; the intervals are over templates.

    Raises:
        ValueError: a probe with only one word, or with a word that is not a single token.
    """
    if len(probe.words) < 2:
        raise ValueError(
            f"The only word is {probe.words[0]!r}: expected at least two, since each is compared with the others."
        )
    probabilities = word_probabilities(probe, model, tokenizer)  # (T, 2, W)
    differences = log_ratios(probabilities)  # (T, W)
    table = centred(differences)
    ends = bootstrap_interval(table, lambda rows: rows.mean(0), generator())  # (2, W)
    p_values = sign_flip_p_values(table, generator())
    scores: list[float | None] = [None] * len(probe.words)
    if all(len(tokenizer.ids(group)) == 1 for group in probe.groups):
        scores = centred(bias_scores(*group_probabilities(probe, model, tokenizer))).mean(0).tolist()
    columns = (table.mean(0), *ends, p_values, adjusted_p_values(p_values))
    words = {
        word: {"difference": numbers[:3], "p_value": numbers[3], "adjusted_p_value": numbers[4], "bias_score": score}
        for word, score, *numbers in zip(probe.words, scores, *(column.tolist() for column in columns), strict=True)
    }
    found = {
        "mean_absolute_difference": _with_interval(mean_absolute_difference(probabilities)),
        "shift_of_all_words": _with_interval(differences.mean(1)),
        "mean_absolute_centred_difference": _with_interval(table.abs().mean(1)),
        "words": words,
    }
    return found, table


def _with_interval(values: Tensor) -> list[float]:
    """(T,) one number for each template -> their mean and its interval."""
    return [float(values.mean()), *bootstrap_interval(values, lambda rows: rows.mean(), generator()).tolist()]


def inherited(teacher: Tensor, student: Tensor) -> dict[str, list[float]]:
    """Correlation, slope and spread of two tables, (T, W) each, with intervals; both get the same drawn templates."""
    both = torch.stack([teacher, student], 1)  # (T, 2, W)
    ends = bootstrap_interval(both, lambda rows: torch.tensor(inheritance(rows[:, 0], rows[:, 1])), generator())
    values = inheritance(teacher, student)
    return {
        name: [value, *pair] for name, value, pair in zip(Inheritance._fields, values, ends.T.tolist(), strict=True)
    }
