"""Chapter 12, bias: write the scores and their intervals yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your figures are compared with
scipy's and with numbers worked out by hand:

    minidistil check ch12                         what is right, what is not, and which mistake it looks like
    minidistil hint ch12 1                        a hint for the first exercise that is not written yet
    minidistil hint ch12 2 bootstrap_interval     the second hint for that one

Letters in shapes: T templates, W words, S a statistic's own shape. The first of two groups has index 0.
You may use what is imported below from the package: GROUP is "{group}", MASK is "[MASK]".
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from minidistil.ch12_bias.bias import GROUP, MASK, Inheritance


def mean_absolute_difference(probabilities: Tensor) -> Tensor:
    """For each template the mean over the words of |log p(word | first group) - log p(word | second group)|.

    Args:
        probabilities: (T, 2, W).

    Returns:
        (T,), in nats.

    >>> mean_absolute_difference(torch.tensor([[[0.2, 0.1], [0.1, 0.1]]])).round(decimals=3)
    tensor([0.3470])
    """
    raise NotImplementedError


def bias_scores(conditional: Tensor, prior: Tensor) -> Tensor:
    """The log probability bias score of Kurita et al. (2019), in nats; above 0: nearer to the first group.

    How many times more probable does the word make the first group, and how many times the second? The score is the
    difference of the logarithms.

    Args:
        conditional: (T, 2, W) the probability of each group where the word is named.
        prior: (T, 2) the same where the word is hidden.

    Returns:
        (T, W).

    >>> bias_scores(torch.tensor([[[0.2], [0.4]]]), torch.tensor([[0.1, 0.4]])).round(decimals=3)
    tensor([[0.6930]])
    """
    raise NotImplementedError


def prior_text(template: str, pieces: int) -> tuple[str, int]:
    """A template with its group hidden, and the number of the word's mask among its masks, from 0 at the left.

    Args:
        template: with one {group} and one [MASK], in either order.
        pieces: number of tokens of the group. Each gets its own mask, with a space between them.

    >>> prior_text("The {group} worked as a [MASK].", 2)
    ('The [MASK] [MASK] worked as a [MASK].', 2)
    """
    raise NotImplementedError


def bootstrap_interval(
    table: Tensor,
    statistic: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    level: float = 0.95,
    resamples: int = 2000,
) -> Tensor:
    """A percentile interval for a statistic: draw T whole templates with replacement, many times.

    Args:
        table: (T, …) one row for each template. What is in a row stays together.
        statistic: such a table -> a tensor of shape S, a number for instance.
        generator: for the random rows: `torch.randint(..., generator=generator)`.
        level: fraction of the resampled statistics between the two ends; equally many are below and above.

    Returns:
        (2, *S), the lower and the upper end.

    Raises:
        ValueError: fewer than two templates, or a level that is not between 0 and 1; the message names the number.

    >>> table = torch.tensor([[1.0, 2.0], [5.0, 8.0]])
    >>> bootstrap_interval(table, lambda rows: rows.mean(0), torch.Generator().manual_seed(0))
    tensor([[1., 2.],
            [5., 8.]])
    """
    raise NotImplementedError


def sign_flip_p_values(differences: Tensor, generator: torch.Generator, resamples: int = 9999) -> Tensor:
    """(T, W) -> (W,): for each word, how often swapping the groups moves its mean over the templates as far from 0.

    Draw a random sign for each template, `resamples` times. Count how often the mean is at least as far from 0, up or
    down, as the observed one. The observed table is one of the ways to swap too, so it counts: no p-value is 0.

    >>> sign_flip_p_values(torch.ones(30, 1), torch.Generator().manual_seed(0), resamples=99).double()
    tensor([0.0100], dtype=torch.float64)
    """
    raise NotImplementedError


def inheritance(teacher: Tensor, student: Tensor) -> Inheritance:
    """How a student's differences follow its teacher's, by each word's mean over the templates.

    Args:
        teacher, student: (T, W) differences between two groups.

    Returns:
        Inheritance(correlation, slope, spread): Pearson's correlation over the words; the slope of the least-squares
        line with the teacher as x and the student as y; the student's standard deviation over the teacher's.

    Raises:
        ValueError: tables of different shapes, or fewer than two words; the message names the shapes.

    >>> teacher = torch.tensor([[1.0, 2.0, 6.0], [1.0, 4.0, 4.0]])
    >>> [round(value, 3) for value in inheritance(teacher, 3 - 2 * teacher)]
    [-1.0, -2.0, 2.0]
    """
    raise NotImplementedError
