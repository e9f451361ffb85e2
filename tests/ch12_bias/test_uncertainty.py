"""Chapter 12: intervals and p-values against scipy and closed forms.

Random results are compared within several standard errors, at fixed seeds.
"""

import itertools
import math
from types import ModuleType

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from minidistil.ch12_bias.uncertainty import (
    adjusted_p_values,
    bootstrap_interval,
    relabelled_differences,
    share_as_far,
    sign_flip_p_values,
)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def table(templates: int = 12, words: int = 5, spread: float = 1.0, scale: float = 1.0) -> Tensor:
    """(T, W): words that differ by `spread` from one to the next, templates that differ in all words alike."""
    drawn = torch.randn(templates, 1, generator=generator(), dtype=torch.float64) * scale
    noise = 0.2 * torch.randn(templates, words, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    return drawn + noise + spread * torch.arange(words, dtype=torch.float64)


# Intervals


@pytest.mark.parametrize("level", [0.95, 0.5])
@pytest.mark.parametrize("words", [1, 5])
def test_the_interval_is_scipys(impl: ModuleType, level: float, words: int) -> None:
    values = table(words=words, spread=10.0)
    official = scipy.stats.bootstrap(
        (values.mean(1).numpy(),), np.mean, confidence_level=level, n_resamples=9999, method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    ends = impl.bootstrap_interval(values, torch.mean, generator(), level=level, resamples=4000).tolist()
    assert ends == pytest.approx(list(official), abs=0.08 * (official.high - official.low))


@pytest.mark.parametrize("power", [1, 2])  # squares are not symmetric about the square of the mean
def test_the_interval_of_two_templates_runs_from_one_to_the_other(impl: ModuleType, power: int) -> None:
    values = torch.tensor([[1.0, 2.0], [5.0, 8.0]])
    ends = impl.bootstrap_interval(values, lambda rows: rows.mean(0) ** power, generator(), resamples=200)
    torch.testing.assert_close(ends, values**power)


def test_what_stands_in_a_row_stays_together(impl: ModuleType) -> None:
    """A difference that is the same in each template has an interval of width 0, however the templates differ."""
    first = table(words=1)
    both = torch.cat([first, first + 2], 1)  # (T, 2)
    ends = impl.bootstrap_interval(both, lambda rows: (rows[:, 1] - rows[:, 0]).mean(), generator(), resamples=100)
    torch.testing.assert_close(ends, torch.full((2,), 2.0, dtype=torch.float64))


def test_as_many_templates_are_drawn_as_there_are(impl: ModuleType) -> None:
    sizes = []

    def statistic(rows: Tensor) -> Tensor:
        sizes.append(tuple(rows.shape))
        return rows.mean()

    impl.bootstrap_interval(table(templates=7, words=3), statistic, generator(), resamples=20)
    assert set(sizes) == {(7, 3)}
    assert len(sizes) in (20, 21), "20 resamples were asked for"  # 21: with the table itself


def test_the_same_generator_gives_the_same_interval(impl: ModuleType) -> None:
    one, other = (impl.bootstrap_interval(table(), torch.mean, generator(), resamples=50) for _ in range(2))
    assert torch.equal(one, other)


def test_a_single_template_and_an_impossible_level_are_refused(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match="1"):
        impl.bootstrap_interval(table(templates=1), torch.mean, generator())
    for level in (0.0, 1.0, 95):
        with pytest.raises(ValueError, match=f"{level:g}"):
            impl.bootstrap_interval(table(), torch.mean, generator(), level=level)


def test_intervals_cover_what_they_promise() -> None:
    """Of 200 samples of 40 templates each, about 95% of the intervals contain the true mean."""
    samples = torch.randn(200, 40, 1, generator=generator(), dtype=torch.float64)
    ends = torch.stack([bootstrap_interval(each, torch.mean, generator(), resamples=400) for each in samples])
    assert 0.88 <= ((ends[:, 0] < 0) & (ends[:, 1] > 0)).double().mean() <= 0.99


# Swapping


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.5])
def test_p_values_are_those_of_all_ways_to_swap(impl: ModuleType, shift: float) -> None:
    values = table(templates=10, words=4, spread=0.25) + shift
    found = impl.sign_flip_p_values(values, generator(), resamples=8000).tolist()
    for p_value, column in zip(found, values.T.numpy(), strict=True):
        exact = scipy.stats.permutation_test((column,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        assert p_value == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 8000) + 2 / 8000)


def test_the_observed_table_counts_as_one_of_the_ways(impl: ModuleType) -> None:
    certain = torch.ones(40, 2, dtype=torch.float64)  # 2 of 2^40 ways are as far: none will be drawn
    assert impl.sign_flip_p_values(certain, generator(), resamples=99).tolist() == pytest.approx([0.01, 0.01])


def test_both_directions_count_as_far(impl: ModuleType) -> None:
    """With one template every way to swap is as far; a word and its opposite have the same p-value."""
    values = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert impl.sign_flip_p_values(values, generator(), 99).tolist() == pytest.approx([1, 1])
    values = table(templates=8, words=1, scale=0.5) + 0.3
    first, second = impl.sign_flip_p_values(torch.cat([values, -values], 1), generator(), 999).tolist()
    assert first == second


def test_the_share_as_far_by_hand() -> None:
    values = torch.tensor([[2.0, -1.0], [-2.0, 0.5], [1.0, 3.0], [0.0, -1.0]])
    assert share_as_far(values).tolist() == [0.5, 0.75]


def test_names_are_split_in_all_ways() -> None:
    scores = torch.randn(7, 3, generator=generator(), dtype=torch.float64)
    differences = relabelled_differences(scores, 3)
    assert differences.shape == (math.comb(7, 3), 3)
    torch.testing.assert_close(differences[0], scores[:3].mean(0) - scores[3:].mean(0))
    for row, chosen in zip(differences, itertools.combinations(range(7), 3), strict=True):
        others = [name for name in range(7) if name not in chosen]
        torch.testing.assert_close(row, scores[list(chosen)].mean(0) - scores[others].mean(0))
    for column, p_value in zip(scores.T.numpy(), share_as_far(differences).tolist(), strict=True):
        official = scipy.stats.permutation_test(
            (column[:3], column[3:]), lambda x, y: np.mean(x) - np.mean(y), n_resamples=np.inf
        )
        # scipy's own p-value doubles the smaller tail: another convention for groups of different sizes
        as_far = np.abs(official.null_distribution) >= abs(official.statistic) - 1e-12
        assert p_value == pytest.approx(float(np.mean(as_far)))


def test_names_that_cannot_be_split() -> None:
    for first in (0, 4):
        with pytest.raises(ValueError, match=f"{first} of 4 names"):
            relabelled_differences(torch.rand(4, 2), first)
    with pytest.raises(ValueError, match="155,117,520 ways"):
        relabelled_differences(torch.rand(30, 2), 15)


# Many words at once


def test_adjusted_p_values_are_scipys() -> None:
    p_values = torch.rand(30, generator=generator(), dtype=torch.float64) ** 3
    p_values[3] = p_values[8]
    expected = scipy.stats.false_discovery_control(p_values.numpy())
    assert adjusted_p_values(p_values).tolist() == pytest.approx(expected.tolist())


def test_by_chance_alone_p_values_are_spread_evenly() -> None:
    """Under the null 5% of the words are below 0.05, and hardly any once adjusted."""
    values = torch.randn(16, 2000, generator=generator(), dtype=torch.float64)
    p_values = sign_flip_p_values(values, generator(), 999)
    assert 0.03 < (p_values < 0.05).double().mean() < 0.07
    assert (adjusted_p_values(p_values) < 0.05).sum() <= 5
