"""Chapter 10. GLUE's metrics, computed from the right answers and the guesses.

Wang et al. (2019), "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding", section 3
and table 1. Accuracy for most tasks; F1 where one class is rare (MRPC, QQP); Matthews' correlation (1975) for CoLA,
most of whose sentences are acceptable; Pearson's and Spearman's for STS-B, where a number is predicted.

All of them take the right answers first and the guesses second, as two sequences of the same length.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any


def accuracy(right: Sequence[Any], guessed: Sequence[Any]) -> float:
    """The fraction of the guesses that are right.

    Raises:
        ValueError: the two are empty or differ in length, as in every metric here.
    """
    _require_pairs(right, guessed)
    return sum(answer == guess for answer, guess in zip(right, guessed, strict=True)) / len(right)


def f1(right: Sequence[int], guessed: Sequence[int], positive: int = 1) -> float:
    """Harmonic mean of precision and recall for the class `positive`; 0 if no guess `positive` is right.

    Precision: the fraction of the guesses `positive` that are right. Recall: the fraction of the answers `positive`
    that were found. Right guesses of any other class do not count.

    >>> f1([1, 1, 0, 0], [1, 0, 1, 1])  # precision 1 / 3, recall 1 / 2
    0.4
    """
    _require_pairs(right, guessed)
    found = sum(answer == guess == positive for answer, guess in zip(right, guessed, strict=True))
    missed = sum(answer == positive for answer in right) - found
    false_alarms = sum(guess == positive for guess in guessed) - found
    return 2 * found / (2 * found + missed + false_alarms) if found else 0.0


def confusion(right: Sequence[int], guessed: Sequence[int], classes: int) -> list[list[int]]:
    """The confusion matrix: how often class i (row) was guessed to be class j (column)."""
    _require_pairs(right, guessed)
    table = [[0] * classes for _ in range(classes)]
    for answer, guess in zip(right, guessed, strict=True):
        table[answer][guess] += 1
    return table


def matthews(right: Sequence[int], guessed: Sequence[int]) -> float:
    """Matthews' correlation of two columns of classes 0 and 1, from -1 to 1.

    It is Pearson's correlation of the columns as numbers. It is 0 if one of them is constant: to guess always the same
    class is worth nothing, however frequent that class is.

    Raises:
        ValueError: there is a class other than 0 and 1.

    >>> round(matthews([1, 1, 0, 0], [1, 1, 0, 1]), 4)  # (2 * 1 - 1 * 0) / sqrt(3 * 2 * 2 * 1)
    0.5774
    """
    if others := {*right, *guessed} - {0, 1}:
        raise ValueError(f"matthews expects the classes 0 and 1 only, got {min(others)}.")
    return pearson(right, guessed)


def pearson(right: Sequence[float], guessed: Sequence[float]) -> float:
    """How close the points (right, guessed) are to a straight line: from -1 to 1; 0 if one of the two is constant."""
    _require_pairs(right, guessed)
    x, y = _centred(right), _centred(guessed)
    lengths = math.sqrt(math.fsum(a * a for a in x)) * math.sqrt(math.fsum(b * b for b in y))
    return math.fsum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def spearman(right: Sequence[float], guessed: Sequence[float]) -> float:
    """Pearson's correlation of the ranks: 1 if both have the same order, whatever the distances.

    >>> round(spearman([1.0, 2.0, 2.0, 5.0], [0.1, 0.3, 0.2, 0.4]), 4)
    0.9487
    """
    return pearson(ranks(right), ranks(guessed))


def ranks(values: Sequence[float]) -> list[float]:
    """The position of each value in ascending order, from 1; equal values get the mean of their positions.

    Raises:
        ValueError: a value is NaN.

    >>> ranks([1.0, 2.0, 2.0, 5.0])
    [1.0, 2.5, 2.5, 4.0]
    """
    if any(math.isnan(value) for value in values):
        raise ValueError("A value is NaN and has no rank: expected numbers that can be sorted.")
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in values]


def _centred(values: Sequence[float]) -> list[float]:
    """Differences from the mean; exactly 0 if all values are the same."""
    mean = values[0] if min(values) == max(values) else math.fsum(values) / len(values)
    return [value - mean for value in values]


def _require_pairs(right: Sequence[Any], guessed: Sequence[Any]) -> None:
    if not len(right) or len(right) != len(guessed):
        raise ValueError(
            f"There are {len(right)} right answers and {len(guessed)} guesses: expected equal numbers, at least 1."
        )
