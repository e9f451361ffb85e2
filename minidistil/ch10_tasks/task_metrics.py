"""Chapter 10. GLUE's metrics, from right and guessed answers.

Wang et al. (2019), "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding", section 3
and table 1. Accuracy for most tasks; F1 where one class is rare (MRPC, QQP); the correlation of Matthews (1975) for
CoLA, whose sentences are mostly acceptable; those of Pearson and Spearman for STS-B, where a number is predicted.

All take the right answers first and the guesses second, lists of the same length or what can be made into them.
"""

import math
from collections.abc import Sequence
from itertools import groupby


def accuracy(right: Sequence[int], guessed: Sequence[int]) -> float:
    """Share of guesses that are right.

    Raises:
        ValueError: nothing to compare, or not a guess for each answer; so do the others.
    """
    _require_pairs(right, guessed)
    return sum(answer == guess for answer, guess in zip(right, guessed, strict=True)) / len(right)


def f1(right: Sequence[int], guessed: Sequence[int], positive: int = 1) -> float:
    """Harmonic mean of precision and recall for the class `positive`; 0 where that class is never rightly found.

    Precision: which share of the guesses `positive` is right. Recall: which share of the real ones was found. Right
    guesses of any other class do not count.
    """
    _require_pairs(right, guessed)
    found = sum(answer == guess == positive for answer, guess in zip(right, guessed, strict=True))
    missed = sum(answer == positive for answer in right) - found
    false_alarms = sum(guess == positive for guess in guessed) - found
    return 2 * found / (2 * found + missed + false_alarms) if found else 0.0


def confusion(right: Sequence[int], guessed: Sequence[int], classes: int) -> list[list[int]]:
    """How often each class (a row) was taken for each (a column)."""
    _require_pairs(right, guessed)
    table = [[0] * classes for _ in range(classes)]
    for answer, guess in zip(right, guessed, strict=True):
        table[answer][guess] += 1
    return table


def matthews(right: Sequence[int], guessed: Sequence[int]) -> float:
    """Correlation of right and guessed classes 0 and 1, from -1 to 1: blind guessing has 0, however rare a class is.

    It is Pearson's correlation of two columns of zeros and ones; 0 where one of them is all the same.

    Raises:
        ValueError: another class than 0 or 1, besides what `accuracy` refuses.
    """
    if others := {*right, *guessed} - {0, 1}:
        raise ValueError(f"There is a class {min(others)}: Matthews' correlation is of the two classes 0 and 1.")
    return pearson(right, guessed)


def pearson(right: Sequence[float], guessed: Sequence[float]) -> float:
    """How close the points (right, guessed) lie to a rising line: -1 to 1; 0 where one of the two never changes."""
    _require_pairs(right, guessed)
    x, y = _centred(right), _centred(guessed)
    lengths = math.sqrt(math.fsum(a * a for a in x)) * math.sqrt(math.fsum(b * b for b in y))
    return math.fsum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def spearman(right: Sequence[float], guessed: Sequence[float]) -> float:
    """Pearson's correlation of the ranks: 1 wherever the order is the same, whatever the distances."""
    return pearson(ranks(right), ranks(guessed))


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in rising order, from 1; equal values share the mean of their places.

    Raises:
        ValueError: a value is NaN, which has no place.
    """
    if any(math.isnan(value) for value in values):
        raise ValueError("A value is NaN: it has no rank. Expected numbers that can be put in order.")
    result = [0.0] * len(values)
    place = 0
    for _, group in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        tied = list(group)
        for index in tied:
            result[index] = place + (len(tied) + 1) / 2  # the mean of place + 1 … place + len(tied)
        place += len(tied)
    return result


def _centred(values: Sequence[float]) -> list[float]:
    """Distances from the mean; exactly 0 where all values are the same."""
    mean = values[0] if min(values) == max(values) else math.fsum(values) / len(values)
    return [value - mean for value in values]


def _require_pairs(right: Sequence[float], guessed: Sequence[float]) -> None:
    if not len(right) or len(right) != len(guessed):
        raise ValueError(f"There are {len(right)} answers and {len(guessed)} guesses: expected as many, one at least.")
