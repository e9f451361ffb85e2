"""Chapter 9, evaluation: write the figures of an evaluation, and their intervals, yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your figures are compared with
those of scikit-learn, NumPy and SciPy:

    minidistil check ch09                    what is right, what is not, and what it looks like
    minidistil hint ch09 1                   a hint for the first exercise that is not written yet
    minidistil hint ch09 2 resampled_sums    the second hint for that one

Letters in shapes: B sequences, L tokens, M real tokens, N hidden tokens, D width, G documents, C columns, R draws.
"""

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def perplexity(losses: Sequence[Tensor]) -> float:
    """exp of the mean negative log-probability; each token counts once, however the text is split into batches.

    Args:
        losses: negative log-probabilities of the correct tokens in nats, one tensor of any shape for each batch.

    Raises:
        ValueError: there is no token. The message contains the word "loss" or "losses".

    >>> losses = [torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([5.0])]  # a batch of 2 x 2 tokens, and one of 1
    >>> round(perplexity(losses), 3)  # exp(1), not (exp(0) + exp(5)) / 2
    2.718
    """
    raise NotImplementedError


def token_cosines(student_states: Tensor, teacher_states: Tensor, attention_mask: Tensor) -> Tensor:
    """The cosine similarity of the two models' vectors at each real token.

    Args:
        student_states: (B, L, D).
        teacher_states: (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding.

    Returns:
        (M,), in reading order.

    Raises:
        ValueError: the shapes differ. The message contains both.

    >>> student = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [7.0, 7.0]]])
    >>> teacher = torch.tensor([[[1.0, 0.0], [0.0, -3.0], [5.0, 5.0]]])
    >>> token_cosines(student, teacher, torch.tensor([[1, 1, 0]]))
    tensor([ 1., -1.])
    """
    raise NotImplementedError


def document_totals(values: Tensor, documents: Tensor) -> Tensor:
    """Sums of the values over each document.

    Args:
        values: (N, C) what was counted at each hidden token.
        documents: (N,) the number of its document, in any order and with any gaps.

    Returns:
        (G, C) float64, a row for each number that occurs, in ascending order.

    >>> right = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # counted, guessed right
    >>> document_totals(right, torch.tensor([8, 2, 8])).tolist()
    [[1.0, 0.0], [2.0, 2.0]]
    """
    raise NotImplementedError


def resampled_sums(totals: Tensor, draws: int = 1000, generator: torch.Generator | None = None) -> Tensor:
    """What the sums over all documents might have been with other held-out documents.

    Each draw takes as many documents as there are, with replacement, and adds up their rows. All columns of a draw
    are from the same documents, so a ratio or a difference of two columns compares two models on the same text.

    Args:
        totals: (G, C), a row for each document.
        generator: of the random draws; pass it on.

    Returns:
        (R, C) float64, a row for each draw.

    >>> totals = torch.tensor([[1.0, 10.0], [1.0, 10.0], [1.0, 10.0]])  # all alike: every draw has the same sums
    >>> resampled_sums(totals, draws=2).tolist()
    [[3.0, 30.0], [3.0, 30.0]]
    """
    raise NotImplementedError


def interval(samples: Tensor, level: float = 0.95) -> tuple[float, float]:
    """The range that holds the middle `level` of the samples: as many lie below it as above.

    An end that falls between two samples is interpolated linearly, as by torch.quantile and numpy.percentile.

    Args:
        samples: (R,) a figure of each draw.

    Raises:
        ValueError: level is not between 0 and 1. The message contains its value.

    >>> low, high = interval(torch.arange(101.0), level=0.9)
    >>> round(low, 3), round(high, 3)
    (5.0, 95.0)
    """
    raise NotImplementedError


def reliability(confidence: Tensor, right: Tensor, bins: int = 10) -> tuple[Tensor, Tensor, Tensor]:
    """How often guesses are right, by their confidence: (0, 0.1], (0.1, 0.2] … (0.9, 1] for 10 bins.

    A confidence that equals an edge is counted in the bin below it, and an exact 0 in the first bin.

    Args:
        confidence: (N,) probability of each guess.
        right: (N,) whether it was right.

    Returns:
        Three tensors (bins,): number of guesses (int64), mean confidence and fraction of right guesses (float64, NaN
        in an empty bin).

    >>> confidence, right = torch.tensor([0.5, 0.75, 1.0]), torch.tensor([False, True, False])
    >>> counts, mean_confidence, accuracy = reliability(confidence, right, bins=2)
    >>> counts.tolist(), mean_confidence.tolist(), accuracy.tolist()
    ([1, 2], [0.5, 0.875], [0.0, 0.5])
    """
    raise NotImplementedError


def expected_calibration_error(confidence: Tensor, right: Tensor, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy, each bin weighted by its number of guesses.

    Arguments as in `reliability`, which you may use.

    >>> confidence, right = torch.tensor([0.5, 0.75, 1.0]), torch.tensor([False, True, False])
    >>> round(expected_calibration_error(confidence, right, bins=2), 4)  # 1/3 of |0 - 0.5| + 2/3 of |0.5 - 0.875|
    0.4167
    """
    raise NotImplementedError
