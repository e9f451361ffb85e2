"""With numpy, whose random numbers are seeded by the generator."""

import numpy as np
import torch

from tests.ch12_bias.correct.base import *  # noqa: F403
from tests.ch12_bias.correct.base import Inheritance


def inheritance(teacher, student):
    if teacher.shape != student.shape or teacher.shape[1] < 2:
        raise ValueError(f"shapes {tuple(teacher.shape)}, {tuple(student.shape)}")
    (xx, xy), (_, yy) = np.cov(*(table.double().numpy().mean(axis=0) for table in (teacher, student)))
    return Inheritance(float(xy / np.sqrt(xx * yy)), float(xy / xx), float(np.sqrt(yy / xx)))


def _numpy(generator):
    return np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))


def bootstrap_interval(table, statistic, generator, level=0.95, resamples=2000):
    if len(table) < 2 or not 0 < level < 1:
        raise ValueError(f"{len(table)} templates and a level of {level:g}")
    rows = _numpy(generator).integers(len(table), size=(resamples, len(table)))
    values = np.stack([np.asarray(statistic(table[torch.from_numpy(each)])) for each in rows])
    outside = 100 * (1 - level) / 2
    return torch.from_numpy(np.percentile(values, [outside, 100 - outside], axis=0).astype(values.dtype))


def sign_flip_p_values(differences, generator, resamples=9999):
    values = differences.numpy()
    signs = _numpy(generator).choice([-1.0, 1.0], size=(resamples, len(values)))
    means = np.vstack([values.mean(axis=0), signs @ values / len(values)])
    return torch.from_numpy((np.abs(means) >= np.abs(means[0]) - 1e-10).mean(axis=0))
