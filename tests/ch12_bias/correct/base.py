"""Written another way: loops over templates and words, Python's own numbers."""

import math

import torch

from minidistil.ch12_bias.bias import GROUP, MASK, Inheritance


def prior_text(template, pieces):
    left, right = template.split(GROUP)
    hidden = left
    for number in range(pieces):
        hidden += (" " if number else "") + MASK
    return hidden + right, 0 if MASK in left else pieces


def bias_scores(conditional, prior):
    scores = torch.zeros(conditional.shape[0], conditional.shape[2], dtype=conditional.dtype)
    for template in range(conditional.shape[0]):
        for word in range(conditional.shape[2]):
            first, second = (
                math.log(conditional[template, group, word]) - math.log(prior[template, group]) for group in (0, 1)
            )
            scores[template, word] = first - second
    return scores


def mean_absolute_difference(probabilities):
    means = []
    for first, second in probabilities.tolist():
        total = 0.0
        for one, other in zip(first, second, strict=True):
            total += abs(math.log(one) - math.log(other))
        means.append(total / len(first))
    return torch.tensor(means, dtype=probabilities.dtype)


def inheritance(teacher, student):
    if teacher.shape != student.shape:
        raise ValueError(f"{tuple(teacher.shape)} and {tuple(student.shape)} differ")
    if teacher.shape[1] < 2:
        raise ValueError(f"{tuple(teacher.shape)}: two words at least")
    count = teacher.shape[1]
    xs = [sum(column) / len(column) for column in zip(*teacher.tolist(), strict=True)]
    ys = [sum(column) / len(column) for column in zip(*student.tolist(), strict=True)]
    x_mean, y_mean = sum(xs) / count, sum(ys) / count
    xx = sum((x - x_mean) ** 2 for x in xs)
    yy = sum((y - y_mean) ** 2 for y in ys)
    xy = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return Inheritance(xy / math.sqrt(xx * yy), xy / xx, math.sqrt(yy / xx))


def bootstrap_interval(table, statistic, generator, level=0.95, resamples=2000):
    if len(table) < 2:
        raise ValueError(f"{len(table)} template is too few")
    if level <= 0 or level >= 1:
        raise ValueError(f"level {level:g} is no share")
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
