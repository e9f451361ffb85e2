"""With NumPy."""
# ruff: noqa: F403

import numpy as np
import torch

from tests.ch09_evaluation.correct.base import *


def perplexity(losses):
    together = np.concatenate([np.zeros(0), *(batch.double().numpy().ravel() for batch in losses)])
    if not together.size:
        raise ValueError("expected at least one loss")
    return float(np.exp(together.mean()))


def token_cosines(student_states, teacher_states, attention_mask):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"shapes {tuple(student_states.shape)} and {tuple(teacher_states.shape)}")
    real = attention_mask.numpy() > 0
    student, teacher = student_states.double().numpy()[real], teacher_states.double().numpy()[real]
    lengths = np.linalg.norm(student, axis=1) * np.linalg.norm(teacher, axis=1)
    return torch.from_numpy((student * teacher).sum(1) / lengths).float()


def document_totals(values, documents):
    numbers = np.unique(documents.numpy())
    member = numbers[:, None] == documents.numpy()[None]  # (G, N)
    return torch.from_numpy(member.astype(float) @ values.double().numpy())


def resampled_sums(totals, draws=1000, generator=None):
    seed = torch.randint(2**31, (1,), generator=generator).item()
    count = len(totals)
    often = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return torch.from_numpy(often @ totals.double().numpy())


def interval(samples, level=0.95):
    if not 0 < level < 1:
        raise ValueError(f"{level} is no level")
    low, high = np.percentile(samples.double().numpy(), [50 - 50 * level, 50 + 50 * level])
    return float(low), float(high)


def reliability(confidence, right, bins=10):
    edges = np.linspace(0, 1, bins + 1)
    values, hits = confidence.double().numpy(), right.double().numpy()
    places = np.clip(np.digitize(values, edges, right=True) - 1, 0, bins - 1)
    counts = np.array([(places == each).sum() for each in range(bins)])
    with np.errstate(invalid="ignore"):
        means = [np.bincount(places, weights=each, minlength=bins) / counts for each in (values, hits)]
    return torch.from_numpy(counts), torch.from_numpy(means[0]), torch.from_numpy(means[1])
