"""With sorted values and running sums."""
# ruff: noqa: F403

import math

import torch

from tests.ch09_evaluation.correct.base import *


def perplexity(losses):
    total, count = 0.0, 0
    for batch in losses:
        total += batch.sum(dtype=torch.float64).item()
        count += batch.numel()
    if count == 0:
        raise ValueError(f"Losses of no token: {len(losses)} batches are empty.")
    return math.exp(total / count)


def token_cosines(student_states, teacher_states, attention_mask):
    if student_states.size() != teacher_states.size():
        raise ValueError(f"Expected two tensors alike, got {student_states.size()} and {teacher_states.size()}.")
    places = attention_mask.flatten().nonzero().squeeze(1)
    student, teacher = (states.flatten(0, 1)[places] for states in (student_states, teacher_states))
    squares = student.square().sum(1) * teacher.square().sum(1)
    return torch.einsum("md,md->m", student, teacher) * squares.rsqrt()


def document_totals(values, documents):
    ordered, order = documents.sort()
    sums = values.double()[order].cumsum(0)
    ends = torch.cat([ordered[1:] != ordered[:-1], torch.tensor([True])])
    return torch.diff(sums[ends], dim=0, prepend=torch.zeros(1, values.shape[1], dtype=torch.float64))


def resampled_sums(totals, draws=1000, generator=None):
    places = (torch.rand(draws, len(totals), generator=generator, dtype=torch.float64) * len(totals)).long()
    return totals.double()[places].sum(dim=1)


def interval(samples, level=0.95):
    if not 0 < level < 1:
        raise ValueError(f"The level is {level:g}, and has to lie between 0 and 1.")
    ordered = samples.double().sort().values
    ends = torch.tensor([0.5 - level / 2, 0.5 + level / 2], dtype=torch.float64) * (len(ordered) - 1)
    below, above = ends.floor().long(), ends.ceil().long()
    low, high = torch.lerp(ordered[below], ordered[above], ends - below).tolist()
    return low, high


def reliability(confidence, right, bins=10):
    values, order = confidence.double().sort()
    hits = right.double()[order]
    edges = torch.arange(1, bins + 1, dtype=torch.float64) / bins
    ends = torch.searchsorted(values, edges, right=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
    means = [[each[a:b].mean() for a, b in zip(starts.tolist(), ends.tolist())] for each in (values, hits)]
    return ends - starts, torch.stack(means[0]), torch.stack(means[1])


def expected_calibration_error(confidence, right, bins=10):
    places = ((confidence.double() * bins).ceil().long() - 1).clamp(min=0)
    gaps = torch.zeros(bins, dtype=torch.float64).scatter_add_(0, places, right.double() - confidence.double())
    return gaps.abs().sum().item() / len(confidence)
