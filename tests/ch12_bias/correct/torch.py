"""With logarithms first, torch's own statistics, rows by index_select."""

import torch

from tests.ch12_bias.correct.base import *  # noqa: F403
from tests.ch12_bias.correct.base import Inheritance


def bias_scores(conditional, prior):
    first, second = conditional.log().unbind(1)
    expected = prior.log().unsqueeze(-1)
    return (first - second) - (expected[:, 0] - expected[:, 1])


def inheritance(teacher, student):
    if tuple(teacher.shape) != tuple(student.shape) or teacher.size(-1) < 2:
        raise ValueError(f"{tuple(teacher.shape)} does not fit {tuple(student.shape)}, or too few words")
    x, y = teacher.mean(0), student.mean(0)
    spread = y.std() / x.std()
    correlation = torch.corrcoef(torch.stack([x, y]))[0, 1]
    return Inheritance(correlation.item(), (correlation * spread).item(), spread.item())


def bootstrap_interval(table, statistic, generator, level=0.95, resamples=2000):
    if table.size(0) < 2 or not 0.0 < level < 1.0:
        raise ValueError(f"{table.size(0)} templates and a level of {level:g}")
    weights = torch.ones(resamples, table.size(0))
    rows = torch.multinomial(weights, table.size(0), replacement=True, generator=generator)
    values = torch.stack([statistic(table.index_select(0, each)) for each in rows]).sort(0).values
    ends = [(1 - level) / 2 * (resamples - 1), (1 + level) / 2 * (resamples - 1)]
    return torch.stack([values[round(end)] for end in ends])


def sign_flip_p_values(differences, generator, resamples=9999):
    shape = (resamples, len(differences), 1)
    signs = torch.bernoulli(torch.full(shape, 0.5), generator=generator) * 2 - 1
    distance = (signs * differences).mean(1).abs()
    return (distance.ge(differences.mean(0).abs() - 1e-9).sum(0) + 1) / (resamples + 1)
