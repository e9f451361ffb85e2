"""A whole solution with loops over templates and words, and Python's own numbers."""

import math

import torch

from minidistil.ch12_bias.bias import GROUP, MASK, Inheritance


def prior_text(template, pieces):
    left, right = template.split(GROUP)
    return left + " ".join([MASK] * pieces) + right, 0 if MASK in left else pieces


def bias_scores(conditional, prior):
    scores = torch.zeros(conditional.shape[0], conditional.shape[2], dtype=conditional.dtype)
    for template, ((first, second), (first_prior, second_prior)) in enumerate(zip(conditional, prior)):
        for word, (one, other) in enumerate(zip(first.tolist(), second.tolist())):
            scores[template, word] = math.log(one / first_prior) - math.log(other / second_prior)
    return scores


def mean_absolute_difference(probabilities):
    means = [
        sum(abs(math.log(one) - math.log(other)) for one, other in zip(first, second)) / len(first)
        for first, second in probabilities.tolist()
    ]
    return torch.tensor(means, dtype=probabilities.dtype)


def inheritance(teacher, student):
    count = teacher.shape[1]
    if teacher.shape != student.shape or count < 2:
        raise ValueError(f"{tuple(teacher.shape)} and {tuple(student.shape)} differ, or have a single word")
    xs = [sum(column) / len(column) for column in zip(*teacher.tolist(), strict=True)]
    ys = [sum(column) / len(column) for column in zip(*student.tolist(), strict=True)]
    x_mean, y_mean = sum(xs) / count, sum(ys) / count
    xx = sum((x - x_mean) ** 2 for x in xs)
    yy = sum((y - y_mean) ** 2 for y in ys)
    xy = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return Inheritance(xy / math.sqrt(xx * yy), xy / xx, math.sqrt(yy / xx))


def bootstrap_interval(table, statistic, generator, level=0.95, resamples=2000):
    if len(table) < 2 or level <= 0 or level >= 1:
        raise ValueError(f"{len(table)} templates and a level of {level:g}")
    values = []
    for _ in range(resamples):
        rows = torch.randint(0, len(table), (len(table),), generator=generator).tolist()
        values.append(statistic(torch.stack([table[row] for row in rows])))
    values = torch.stack(values)
    return torch.stack([values.quantile((1 - level) / 2, dim=0), values.quantile((1 + level) / 2, dim=0)])


def sign_flip_p_values(differences, generator, resamples=9999):
    columns = [list(column) for column in zip(*differences.tolist(), strict=True)]
    counts = [1] * len(columns)
    for signs in (torch.rand(resamples, len(differences), generator=generator) < 0.5).tolist():
        for word, column in enumerate(columns):
            total = sum(-value if flip else value for value, flip in zip(column, signs, strict=True))
            counts[word] += abs(total) >= abs(sum(column)) - 1e-9
    return torch.tensor(counts) / (resamples + 1)
