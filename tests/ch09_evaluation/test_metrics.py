"""Chapter 9: each figure against its definition, numpy, scikit-learn or SciPy."""

import math
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss
from sklearn.metrics.pairwise import paired_cosine_distances
from torch import Tensor

from minidistil.ch09_evaluation.metrics import perplexity


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


# ---- perplexity ----


def test_perplexity_of_batches_is_that_of_all_their_tokens(impl: ModuleType) -> None:
    losses = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0])]
    assert impl.perplexity(losses) == pytest.approx(math.exp(4.0), rel=1e-6)
    assert impl.perplexity([torch.cat(losses)]) == pytest.approx(math.exp(4.0), rel=1e-6)


def test_a_model_that_chooses_among_ten_has_perplexity_ten(impl: ModuleType) -> None:
    assert impl.perplexity([torch.full((3, 2), math.log(10.0)), torch.full((5,), math.log(10.0))]) == pytest.approx(10)


def test_perplexity_is_scikit_learns_log_loss_raised(impl: ModuleType) -> None:
    probabilities = torch.rand(50, 4, generator=seeded()).double().softmax(1)
    labels = torch.randint(4, (50,), generator=seeded(1))
    losses = -probabilities.log().gather(1, labels[:, None])[:, 0]
    official = math.exp(log_loss(labels.numpy(), probabilities.numpy(), labels=range(4)))
    assert impl.perplexity([losses[:7], losses[7:40], losses[40:]]) == pytest.approx(official)


def test_perplexity_keeps_small_losses_beside_many(impl: ModuleType) -> None:
    batches = [torch.full((1000,), 0.1) for _ in range(300)]
    assert impl.perplexity(batches) == pytest.approx(math.exp(0.1), rel=1e-6)


def test_a_model_that_has_blown_up_has_infinite_perplexity() -> None:
    assert perplexity([torch.tensor([1e4])]) == math.inf


@pytest.mark.parametrize("losses", [[], [torch.empty(0)]])
def test_perplexity_of_nothing_is_refused(impl: ModuleType, losses: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="loss"):
        impl.perplexity(losses)


# ---- token_cosines ----


def test_cosines_by_hand_and_in_reading_order(impl: ModuleType) -> None:
    student = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[5.0, 0.0], [3.0, 0.0]], [[-2.0, -2.0], [9.0, 9.0]]])
    cosines = impl.token_cosines(student, teacher, torch.tensor([[1, 1], [1, 0]]))
    torch.testing.assert_close(cosines, torch.tensor([1.0, 0.0, -1.0]))


def test_cosines_are_scikit_learns(impl: ModuleType) -> None:
    student, teacher = torch.randn(3, 5, 7, generator=seeded()), torch.randn(3, 5, 7, generator=seeded(1))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    real = mask.bool()
    official = 1 - paired_cosine_distances(student[real].double().numpy(), teacher[real].double().numpy())
    cosines = impl.token_cosines(student, teacher, mask)
    assert cosines.shape == (10,)
    torch.testing.assert_close(cosines.double(), torch.from_numpy(official), atol=1e-5, rtol=0)


def test_what_lies_under_padding_does_not_matter(impl: ModuleType) -> None:
    student, teacher = torch.randn(2, 4, 6, generator=seeded()), torch.randn(2, 4, 6, generator=seeded(1))
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    before = impl.token_cosines(student, teacher, mask)
    student[1, 2:], teacher[1, 2:] = 50.0, -3.0
    torch.testing.assert_close(impl.token_cosines(student, teacher, mask), before)


def test_states_of_different_widths_are_refused(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"1, 2, 3\D+1, 2, 4"):
        impl.token_cosines(torch.ones(1, 2, 3), torch.ones(1, 2, 4), torch.ones(1, 2))


# ---- document_totals ----


def test_totals_are_sums_in_the_order_of_the_numbers(impl: ModuleType) -> None:
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])
    totals = impl.document_totals(values, torch.tensor([7, 3, 7, 5]))
    assert totals.dtype == torch.float64
    assert totals.tolist() == [[2, 20], [8, 80], [5, 50]]


def test_totals_hold_everything_that_was_counted(impl: ModuleType) -> None:
    values = torch.rand(200, 3, generator=seeded()).double()
    documents = torch.randint(40, (200,), generator=seeded(1)) * 3
    totals = impl.document_totals(values, documents)
    assert len(totals) == len(documents.unique())
    torch.testing.assert_close(totals.sum(0), values.sum(0))
    one = documents.unique()[4]
    torch.testing.assert_close(totals[4], values[documents == one].sum(0))


# ---- resampled_sums ----


def few_documents() -> Tensor:
    """Hidden tokens and right guesses of documents of very different lengths."""
    tokens = torch.tensor([1.0, 2, 3, 5, 8, 13, 21, 34, 4, 6, 10, 2, 7, 30, 3, 9])
    right = torch.tensor([1.0, 0, 2, 4, 2, 9, 8, 20, 0, 4, 9, 1, 3, 11, 3, 2])
    return torch.stack([tokens, right, torch.ones(16)], 1).double()


def test_a_draw_takes_as_many_documents_as_there_are(impl: ModuleType) -> None:
    sums = impl.resampled_sums(few_documents(), 50, seeded())
    assert sums.shape == (50, 3)
    assert sums[:, 2].tolist() == [16.0] * 50


def test_draws_are_with_replacement_and_spread_as_theory_says(impl: ModuleType) -> None:
    totals = few_documents()
    sums = impl.resampled_sums(totals, 2000, seeded())
    theory = (len(totals) * totals.var(0, correction=0)).sqrt()  # of a sum of G independent draws
    torch.testing.assert_close(sums.mean(0), totals.sum(0), rtol=0.02, atol=1e-9)
    torch.testing.assert_close(sums.std(0), theory, rtol=0.1, atol=1e-9)


def test_all_columns_of_a_draw_are_of_the_same_documents(impl: ModuleType) -> None:
    tokens = few_documents()[:, 0]
    sums = impl.resampled_sums(torch.stack([tokens, 3 * tokens, -tokens], 1), 20, seeded())
    torch.testing.assert_close(sums[:, 1], 3 * sums[:, 0])
    torch.testing.assert_close(sums[:, 2], -sums[:, 0])


def test_the_same_seed_draws_the_same_documents(impl: ModuleType) -> None:
    one, other, third = (impl.resampled_sums(few_documents(), 30, seeded(number)) for number in (5, 5, 6))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_intervals_of_a_ratio_are_scipys(impl: ModuleType) -> None:
    totals = few_documents()
    sums = impl.resampled_sums(totals, 3000, seeded())
    ours = torch.quantile(sums[:, 1] / sums[:, 0], torch.tensor([0.025, 0.975], dtype=torch.float64))

    def accuracy(right: np.ndarray, tokens: np.ndarray, axis: int) -> np.ndarray:
        return right.sum(axis) / tokens.sum(axis)

    scipys = bootstrap(
        (totals[:, 1].numpy(), totals[:, 0].numpy()), accuracy, paired=True, vectorized=True, n_resamples=3000,
        method="percentile", random_state=0,
    ).confidence_interval  # fmt: skip
    assert ours.tolist() == pytest.approx([scipys.low, scipys.high], abs=0.015)


# ---- interval ----


def test_an_interval_leaves_as_much_below_as_above(impl: ModuleType) -> None:
    samples = torch.arange(101.0)[torch.randperm(101, generator=seeded())]
    assert impl.interval(samples, 0.9) == pytest.approx((5, 95))
    assert impl.interval(samples) == pytest.approx((2.5, 97.5))


def test_an_interval_is_numpys_percentiles_also_where_samples_are_skewed(impl: ModuleType) -> None:
    samples = torch.randn(999, generator=seeded()).double().exp()
    assert impl.interval(samples, 0.8) == pytest.approx(tuple(np.percentile(samples.numpy(), [10, 90])))


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_a_share(impl: ModuleType, level: float) -> None:
    with pytest.raises(ValueError, match=f"{level}"):
        impl.interval(torch.arange(5.0), level)


# ---- reliability ----


def test_bins_by_hand(impl: ModuleType) -> None:
    confidence = torch.tensor([0.1, 0.2, 0.4, 0.9, 0.95, 0.97])
    right = torch.tensor([False, True, False, True, True, False])
    counts, mean_confidence, accuracy = impl.reliability(confidence, right, 4)
    assert counts.tolist() == [2, 1, 0, 3]
    expected = torch.tensor([0.15, 0.4, math.nan, 0.94], dtype=torch.float64)
    torch.testing.assert_close(mean_confidence.double(), expected, equal_nan=True, atol=1e-6, rtol=0)
    expected = torch.tensor([0.5, 0.0, math.nan, 2 / 3], dtype=torch.float64)
    torch.testing.assert_close(accuracy.double(), expected, equal_nan=True, atol=1e-6, rtol=0)


def test_the_upper_edge_belongs_to_a_bin(impl: ModuleType) -> None:
    confidence = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])  # exact in binary
    counts = impl.reliability(confidence, torch.ones(5, dtype=torch.bool), 4)[0]
    assert counts.tolist() == [2, 1, 1, 1]


def test_bins_are_scikit_learns(impl: ModuleType) -> None:
    confidence = torch.rand(500, generator=seeded()).double()
    right = torch.rand(500, generator=seeded(1)) < confidence
    counts, mean_confidence, accuracy = impl.reliability(confidence, right, 8)
    share, mean = calibration_curve(right.numpy(), confidence.numpy(), n_bins=8)
    assert counts.sum() == 500
    np.testing.assert_allclose(accuracy.numpy(), share, atol=1e-6)
    np.testing.assert_allclose(mean_confidence.numpy(), mean, atol=1e-6)


# ---- expected_calibration_error ----


def test_calibration_error_by_hand(impl: ModuleType) -> None:
    confidence = torch.tensor([0.75, 0.75, 0.75, 0.75, 0.25])
    right = torch.tensor([True, True, True, True, False])
    # |1 - 0.75| four times, |0 - 0.25| once; four of the five bins are empty or small, none counts for more
    assert impl.expected_calibration_error(confidence, right, 5) == pytest.approx(0.25)
    right = torch.tensor([True, True, False, False, True])
    assert impl.expected_calibration_error(confidence, right, 5) == pytest.approx((4 * 0.25 + 0.75) / 5)


def test_guesses_that_are_right_as_often_as_they_say_have_no_error(impl: ModuleType) -> None:
    confidence = torch.cat([torch.full((4,), 0.25), torch.full((4,), 0.75)])
    right = torch.tensor([True, False, False, False, True, True, True, False])
    assert impl.expected_calibration_error(confidence, right) == pytest.approx(0, abs=1e-7)


def test_gaps_above_and_below_do_not_cancel(impl: ModuleType) -> None:
    confidence = torch.tensor([0.25, 0.25, 0.75, 0.75])
    right = torch.tensor([True, True, False, False])
    assert impl.expected_calibration_error(confidence, right, 2) == pytest.approx(0.75)


def test_calibration_error_is_the_weighted_sum_of_scikit_learns_gaps(impl: ModuleType) -> None:
    confidence = torch.rand(600, generator=seeded(2)).double().sqrt()
    right = torch.rand(600, generator=seeded(3)) < 0.6
    share, mean = calibration_curve(right.numpy(), confidence.numpy(), n_bins=10)
    occupied = np.histogram(confidence.numpy(), bins=10, range=(0, 1))[0]
    expected = float((occupied[occupied > 0] / 600 * np.abs(share - mean)).sum())
    assert impl.expected_calibration_error(confidence, right) == pytest.approx(expected, abs=1e-6)
