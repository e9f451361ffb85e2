"""Chapter 12. Uncertainty: what another choice of sentences, or mere chance, would have made of the same figures.

Each function asks what might as well have been otherwise. The templates might have been others of their kind, so whole
templates are drawn anew (the bootstrap: Efron and Tibshirani, 1993, chapter 13). The two groups, or the names in them,
might be interchangeable, so they are swapped (permutation tests: Good, 2005). Words are neither drawn nor swapped:
those that are asked are the subject, and they rise and fall together within a sentence.

Letters in shapes: T templates, W words, N names, C ways to swap, S a statistic's own shape.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

MOST_WAYS = 50_000  # to part names into two groups, all of which are gone through


def bootstrap_interval(
    table: Tensor,
    statistic: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    level: float = 0.95,
    resamples: int = 2000,
) -> Tensor:
    """An interval for a statistic: draw as many whole templates anew, with replacement, many times (percentiles).

    Args:
        table: (T, …) one row a template. What stands in a row stays together: its words, its groups, its models.
        statistic: such a table -> a tensor of shape S, a number for instance.
        level: share of the resampled statistics between the two ends.

    Returns:
        (2, *S), the lower and the upper end.

    Raises:
        ValueError: fewer than two templates, or a level that is no share.
    """
    if len(table) < 2:
        raise ValueError(f"Templates in the table: {len(table)}. Expected two or more, since they are drawn anew.")
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}: expected a number between 0 and 1, such as 0.95.")
    drawn = torch.randint(len(table), (resamples, len(table)), generator=generator)
    values = torch.stack([statistic(table[rows]) for rows in drawn])  # (resamples, *S)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype)
    return values.quantile(ends, dim=0)


def share_as_far(values: Tensor) -> Tensor:
    """(C, *S) -> (*S): the share of rows at least as far from 0, up or down, as row 0, which is what was observed.

    That is a two-sided p-value. Row 0 counts, being one of the ways to swap: no p-value is 0, and of C - 1 ways drawn
    at random k as far, it is (k + 1) / C (Phipson and Smyth, 2010).
    """
    distance = values.abs()
    return (distance >= distance[0] - 1e-12).double().mean(0)  # equal is equal, whatever the last digit says


def sign_flip_p_values(differences: Tensor, generator: torch.Generator, resamples: int = 9999) -> Tensor:
    """(T, W) -> (W,): for each word, how often swapping the groups moves its mean over the templates as far from 0.

    If the two groups are interchangeable, all the differences of a template might as well have the other sign. So the
    signs of whole templates are drawn at random. With T templates no p-value can be below 2 / 2^T.
    """
    signs = torch.randint(2, (resamples, len(differences)), generator=generator) * 2 - 1
    signs = torch.cat([torch.ones(1, len(differences)), signs]).to(differences)  # first of all: as it is
    return share_as_far(signs @ differences / len(differences))


def relabelled_differences(scores: Tensor, first: int) -> Tensor:
    """Part N names into two groups in all ways: (N, W) -> (C, W), mean of one group less mean of the other.

    Args:
        scores: one row a name; the rows up to `first` are the one group, the rest is the other.

    Returns:
        Row 0 is the observed parting. `share_as_far` of the rows is the p-value of each word; of their mean absolute
        values, that of all words together.

    Raises:
        ValueError: an empty group, or more ways than can be gone through.
    """
    count = len(scores)
    if not 0 < first < count:
        raise ValueError(f"{first} of {count} names are in the first group: expected one at least in either group.")
    if (ways := math.comb(count, first)) > MOST_WAYS:
        raise ValueError(
            f"There are {ways:,} ways to part {count} names: expected at most {MOST_WAYS:,}. Take fewer names."
        )
    member = torch.zeros(ways, count, dtype=scores.dtype)
    member.scatter_(1, torch.tensor(list(itertools.combinations(range(count), first))), 1.0)  # (C, N)
    return member @ scores / first - (1 - member) @ scores / (count - first)


def adjusted_p_values(p_values: Tensor) -> Tensor:
    """(W,) -> (W,): the p-values of many words at once, by Benjamini and Hochberg (1995).

    Of the words whose adjusted p-value is at most q, a share of q or less is expected to be there by chance.
    """
    count = len(p_values)
    order = p_values.argsort(descending=True)
    ranks = torch.arange(count, 0, -1, dtype=p_values.dtype)  # the largest p-value has rank W
    adjusted = (p_values[order] * count / ranks).cummin(0).values.clamp(max=1)
    return torch.empty_like(adjusted).scatter(0, order, adjusted)
