"""With comparisons and masks, and one draw at a time."""
# ruff: noqa: F403

import torch
from torch.nn import functional

from tests.ch09_evaluation.correct.base import *


def token_cosines(student_states, teacher_states, attention_mask):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"got {tuple(student_states.shape)} and {tuple(teacher_states.shape)}: expected the same.")
    student, teacher = (functional.normalize(states, dim=2) for states in (student_states, teacher_states))
    return (student * teacher).sum(2).masked_select(attention_mask == 1)


def document_totals(values, documents):
    return torch.stack([values[documents == number].double().sum(0) for number in torch.unique(documents)])


def resampled_sums(totals, draws=1000, generator=None):
    count = totals.shape[0]
    chosen = torch.multinomial(torch.ones(draws, count), count, replacement=True, generator=generator)
    often = torch.stack([torch.bincount(row, minlength=count) for row in chosen])
    return often.double() @ totals.double()


def reliability(confidence, right, bins=10):
    values = confidence.double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    inside = (values > edges[:-1, None]) & (values <= edges[1:, None])  # (bins, N)
    inside[0] |= values == 0
    counts = inside.sum(1)
    return counts, (inside * values).sum(1) / counts, (inside * right.double()).sum(1) / counts


def expected_calibration_error(confidence, right, bins=10):
    counts, mean, accuracy = reliability(confidence, right, bins)
    gaps = torch.where(counts > 0, (accuracy - mean).abs(), torch.zeros_like(mean))
    return ((gaps * counts).sum() / counts.sum()).item()
