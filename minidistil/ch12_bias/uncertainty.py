"""Chapter 12. Uncertainty: how the figures could have been with other sentences, or by mere chance.

Each function varies what could have been different. The templates could have been others of their kind, so whole
templates are drawn again (the bootstrap: Efron and Tibshirani, 1993, chapter 13). The two groups, or the names in them,
could be interchangeable, so they are swapped (permutation tests: Good, 2005). Words are neither drawn nor swapped: they
are the subject of the question, and within a sentence they vary together.

Letters in shapes: T templates, W words, N names, C ways to swap, S a statistic's own shape.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

MOST_WAYS = 50_000  # to split names into two groups: all of them are computed


def bootstrap_interval(
    table: Tensor,
    statistic: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    level: float = 0.95,
    resamples: int = 2000,
) -> Tensor:
    """A percentile interval for a statistic, (2, *S): draw T whole templates with replacement, many times.

    Args:
        table: (T, …) one row for each template. What is in a row stays together: its words, its groups, its models.
        statistic: such a table -> a tensor of shape S, a number for instance.
        level: fraction of the resampled statistics between the two ends.

    Raises:
        ValueError: fewer than two templates, or a level that is not between 0 and 1.

    >>> table = torch.tensor([[1.0, 2.0], [5.0, 8.0]])
    >>> bootstrap_interval(table, lambda rows: rows.mean(0), torch.Generator().manual_seed(0)).tolist()
    [[1.0, 2.0], [5.0, 8.0]]
    """
    if len(table) < 2:
        raise ValueError(f"The table has {len(table)} template(s): expected at least two, since they are drawn again.")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, such as 0.95, got {level}.")
    drawn = torch.randint(len(table), (resamples, len(table)), generator=generator)
    values = torch.stack([statistic(table[rows]) for rows in drawn])  # (resamples, *S)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype)
    return values.quantile(ends, dim=0)


def share_as_far(values: Tensor) -> Tensor:
    """(C, *S) -> (*S): the fraction of rows that are at least as far from 0 as row 0, the observed one, up or down.

    This is a two-sided p-value. Row 0 counts, because it is one of the ways to swap: no p-value is 0, and if k of C - 1
    random ways are as far, it is (k + 1) / C (Phipson and Smyth, 2010).

    >>> share_as_far(torch.tensor([2.0, -2.0, 1.0, 0.0])).item()
    0.5
    """
    distance = values.abs()
    return (distance >= distance[0] - 1e-12).double().mean(0)  # equal values count, whatever their rounding errors


def sign_flip_p_values(differences: Tensor, generator: torch.Generator, resamples: int = 9999) -> Tensor:
    """(T, W) -> (W,): for each word, how often swapping the groups moves its mean over the templates as far from 0.

    If the two groups are interchangeable, all differences of a template could have the other sign as well. So each
    template gets a random sign. With T templates no p-value can be below 2 / 2^T.

    >>> sign_flip_p_values(torch.ones(30, 1), torch.Generator().manual_seed(0), resamples=99).tolist()
    [0.01]
    """
    signs = torch.randint(2, (resamples, len(differences)), generator=generator) * 2 - 1
    signs = torch.cat([torch.ones(1, len(differences)), signs]).to(differences)  # row 0: as observed
    return share_as_far(signs @ differences / len(differences))


def relabelled_differences(scores: Tensor, first: int) -> Tensor:
    """Split N names into two groups in all ways: (N, W) -> (C, W), mean of the first group minus mean of the second.

    The names in the rows up to `first` are the first group; row 0 of the result is this observed split. `share_as_far`
    of the result is the p-value of each word; of its mean absolute values, that of all words together.

    Raises:
        ValueError: an empty group, or more than MOST_WAYS ways.
    """
    count = len(scores)
    if not 0 < first < count:
        raise ValueError(f"{first} of {count} names are in the first group: expected at least one in each group.")
    if (ways := math.comb(count, first)) > MOST_WAYS:
        raise ValueError(
            f"There are {ways:,} ways to split {count} names: expected at most {MOST_WAYS:,}. Take fewer names."
        )
    member = torch.zeros(ways, count, dtype=scores.dtype)
    member.scatter_(1, torch.tensor(list(itertools.combinations(range(count), first))), 1.0)  # (C, N)
    return member @ scores / first - (1 - member) @ scores / (count - first)


def adjusted_p_values(p_values: Tensor) -> Tensor:
    """(W,) -> (W,): p-values adjusted for the number of words, by Benjamini and Hochberg (1995).

    Among the words whose adjusted p-value is at most q, the expected fraction of false discoveries is at most q.
    """
    count = len(p_values)
    order = p_values.argsort(descending=True)
    ranks = torch.arange(count, 0, -1, dtype=p_values.dtype)  # the largest p-value has rank W
    adjusted = (p_values[order] * count / ranks).cummin(0).values.clamp(max=1)
    return torch.empty_like(adjusted).scatter(0, order, adjusted)
