"""With Python's module statistics, and with one resample after the other."""
# ruff: noqa: F403, F405

import re
import statistics

import torch

from tests.ch12_bias.correct.base import *


def prior_text(template, pieces):
    text = template.replace(GROUP, " ".join([MASK] * pieces))
    marks = re.findall(rf"{re.escape(GROUP)}|{re.escape(MASK)}", template)
    return text, pieces * marks.index(MASK)


def bias_scores(conditional, prior):
    associations = torch.log(conditional) - torch.log(prior)[..., None]
    return torch.einsum("tgw,g->tw", associations, torch.tensor([1, -1], dtype=conditional.dtype))


def mean_absolute_difference(probabilities):
    return torch.diff(probabilities.log(), dim=1).abs().squeeze(1).mean(dim=1)


def inheritance(teacher, student):
    shapes = [tuple(table.shape) for table in (teacher, student)]
    if shapes[0] != shapes[1] or shapes[0][1] < 2:
        raise ValueError(f"Expected two tables alike with two words or more, got {shapes[0]} and {shapes[1]}.")
    x, y = (table.mean(0).tolist() for table in (teacher, student))
    slope, _ = statistics.linear_regression(x, y)
    return Inheritance(statistics.correlation(x, y), slope, statistics.stdev(y) / statistics.stdev(x))


def bootstrap_interval(table, statistic, generator, level=0.95, resamples=2000):
    count = len(table)
    if count < 2:
        raise ValueError(f"{count} template cannot be resampled.")
    if not 0 < level < 1:
        raise ValueError(f"A level of {level:g} is not between 0 and 1.")
    places = (torch.rand(resamples, count, generator=generator) * count).long()
    values = torch.stack([statistic(table[each]) for each in places])
    return torch.quantile(values, torch.tensor([0.5 - level / 2, 0.5 + level / 2], dtype=values.dtype), dim=0)


def sign_flip_p_values(differences, generator, resamples=9999):
    observed = differences.sum(0).abs()
    far = torch.ones_like(observed)
    for start in range(0, resamples, 500):
        size = (min(500, resamples - start), len(differences))
        flipped = torch.rand(size, generator=generator) < 0.5
        sums = differences.sum(0) - 2 * flipped.to(differences) @ differences
        far += (sums.abs() >= observed * (1 - 1e-9)).sum(0)
    return far / (1 + resamples)
