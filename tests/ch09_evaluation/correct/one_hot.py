"""Written with comparisons and masks, and a draw at a time."""

import torch
from torch.nn import functional


def perplexity(losses):
    tokens = torch.cat([torch.flatten(batch) for batch in losses]).double() if losses else torch.zeros(0)
    if tokens.numel() == 0:
        raise ValueError("losses of no token: nothing to average.")
    return tokens.mean().exp().item()


def token_cosines(student_states, teacher_states, attention_mask):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"got {tuple(student_states.shape)} and {tuple(teacher_states.shape)}: expected the same.")
    ours, theirs = (functional.normalize(states, dim=2) for states in (student_states, teacher_states))
    return (ours * theirs).sum(2).masked_select(attention_mask == 1)


def document_totals(values, documents):
    numbers = torch.unique(documents)
    return torch.stack([values[documents == number].double().sum(0) for number in numbers])


def resampled_sums(totals, draws=1000, generator=None):
    count = totals.shape[0]
    weights = torch.ones(draws, count)
    chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
    often = torch.stack([torch.bincount(row, minlength=count) for row in chosen])
    return often.double() @ totals.double()


def interval(samples, level=0.95):
    if not (0 < level < 1):
        raise ValueError(f"expected a level between 0 and 1, got {level}")
    outside = 1 - level
    values = samples.double()
    return torch.quantile(values, outside / 2).item(), torch.quantile(values, 1 - outside / 2).item()


def reliability(confidence, right, bins=10):
    values = confidence.double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    inside = (values > edges[:-1, None]) & (values <= edges[1:, None])  # (bins, N)
    inside[0] |= values == 0
    counts = inside.sum(1)
    return counts, (inside * values).sum(1) / counts, (inside * right.double()).sum(1) / counts


def expected_calibration_error(confidence, right, bins=10):
    counts, mean, share = reliability(confidence, right, bins)
    gaps = torch.where(counts > 0, (share - mean).abs(), torch.zeros_like(mean))
    return ((gaps * counts).sum() / counts.sum()).item()
