"""Chapter 9: each figure against its definition, NumPy or scikit-learn."""

import math
from types import ModuleType

import numpy as np
import pytest
import torch
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


def test_a_token_without_any_loss_counts(impl: ModuleType) -> None:
    assert impl.perplexity([torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([5.0])]) == pytest.approx(math.e)


def test_a_model_that_chooses_among_ten_has_perplexity_ten(impl: ModuleType) -> None:
    assert impl.perplexity([torch.full((3, 2), math.log(10.0)), torch.full((5,), math.log(10.0))]) == pytest.approx(10)


def test_perplexity_is_exp_of_scikit_learns_log_loss(impl: ModuleType) -> None:
    probabilities = torch.rand(50, 4, generator=seeded()).double().softmax(1)
    labels = torch.randint(4, (50,), generator=seeded(1))
    losses = -probabilities.log().gather(1, labels[:, None])[:, 0]
    official = math.exp(log_loss(labels.numpy(), probabilities.numpy(), labels=range(4)))
    assert impl.perplexity([losses[:7], losses[7:40], losses[40:]]) == pytest.approx(official)


def test_many_small_losses_are_added_up_exactly(impl: ModuleType) -> None:
    assert impl.perplexity([torch.full((1000,), 0.1)] * 300) == pytest.approx(math.exp(0.1), rel=1e-6)


def test_a_model_that_has_blown_up_has_infinite_perplexity() -> None:
    assert perplexity([torch.tensor([1e4])]) == math.inf


@pytest.mark.parametrize("losses", [[], [torch.empty(0)]])
def test_perplexity_of_nothing_is_refused(impl: ModuleType, losses: list[Tensor]) -> None:
    with pytest.raises(ValueError, match=r"(?i)loss"):
        impl.perplexity(losses)


# ---- token_cosines ----


def test_cosines_by_hand_and_in_reading_order(impl: ModuleType) -> None:
    student = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[5.0, 0.0], [3.0, 0.0]], [[-2.0, -2.0], [9.0, 9.0]]])
    cosines = impl.token_cosines(student, teacher, torch.tensor([[1, 1], [1, 0]]))
    torch.testing.assert_close(cosines, torch.tensor([1.0, 0.0, -1.0]))


def test_cosines_are_scikit_learns_whatever_is_at_padding(impl: ModuleType) -> None:
    student, teacher = (torch.randn(3, 5, 7, generator=seeded(number)) for number in (0, 1))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    real = mask.bool()
    official = 1 - paired_cosine_distances(student[real].double().numpy(), teacher[real].double().numpy())
    student[~real], teacher[~real] = 50.0, -3.0
    cosines = impl.token_cosines(student, teacher, mask)
    assert cosines.shape == (10,)
    torch.testing.assert_close(cosines.double(), torch.from_numpy(official), atol=1e-5, rtol=0)


def test_states_of_different_widths_are_refused(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"(?=.*1, 2, 3)(?=.*1, 2, 4)"):
        impl.token_cosines(torch.ones(1, 2, 3), torch.ones(1, 2, 4), torch.tensor([[1, 1]]))


# ---- reliability ----


def test_bins_by_hand(impl: ModuleType) -> None:
    confidence = torch.tensor([0.1, 0.2, 0.4, 0.9, 0.95, 0.97])
    right = torch.tensor([False, True, False, True, True, False])
    counts, mean_confidence, accuracy = impl.reliability(confidence, right, 4)
    assert counts.tolist() == [2, 1, 0, 3]
    assert (counts.dtype, mean_confidence.dtype, accuracy.dtype) == (torch.int64, torch.float64, torch.float64)
    assert mean_confidence.tolist() == pytest.approx([0.15, 0.4, math.nan, 0.94], abs=1e-6, nan_ok=True)
    assert accuracy.tolist() == pytest.approx([0.5, 0.0, math.nan, 2 / 3], abs=1e-6, nan_ok=True)


def test_the_upper_edge_belongs_to_a_bin(impl: ModuleType) -> None:
    confidence = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])  # exact in binary
    counts = impl.reliability(confidence, torch.ones(5, dtype=torch.bool), 4)[0]
    assert counts.tolist() == [2, 1, 1, 1]


def test_bins_are_scikit_learns(impl: ModuleType) -> None:
    confidence = torch.rand(500, generator=seeded()).double()
    right = torch.rand(500, generator=seeded(1)) < confidence
    counts, mean_confidence, accuracy = impl.reliability(confidence, right, 8)
    official_accuracy, official_mean = calibration_curve(right.numpy(), confidence.numpy(), n_bins=8)
    assert counts.sum() == 500
    np.testing.assert_allclose(accuracy.numpy(), official_accuracy, atol=1e-6)
    np.testing.assert_allclose(mean_confidence.numpy(), official_mean, atol=1e-6)


# ---- expected_calibration_error ----


@pytest.mark.parametrize(
    ("confidence", "right", "bins", "expected"),
    [
        ([0.75, 0.75, 0.75, 0.75, 0.25], [1, 1, 1, 1, 0], 5, 0.25),  # |1 - 0.75| four times, |0 - 0.25| once
        ([0.75, 0.75, 0.75, 0.75, 0.25], [1, 1, 0, 0, 1], 5, (4 * 0.25 + 0.75) / 5),
        ([0.25, 0.25, 0.75, 0.75], [1, 1, 0, 0], 2, 0.75),  # gaps above and below do not cancel
        ([0.625, 0.875], [1, 0], 2, 0.25),  # one bin of these two, but in ten bins each would be alone
        ([0.25] * 4 + [0.75] * 4, [1, 0, 0, 0, 1, 1, 1, 0], 10, 0),  # right as often as the confidence says
    ],
)
def test_calibration_error_by_hand(
    impl: ModuleType, confidence: list[float], right: list[int], bins: int, expected: float
) -> None:
    error = impl.expected_calibration_error(torch.tensor(confidence), torch.tensor(right).bool(), bins)
    assert error == pytest.approx(expected, abs=1e-7)


def test_calibration_error_is_the_weighted_sum_of_scikit_learns_gaps(impl: ModuleType) -> None:
    confidence = torch.rand(600, generator=seeded(2)).double().sqrt()
    right = torch.rand(600, generator=seeded(3)) < 0.6
    accuracy, mean = calibration_curve(right.numpy(), confidence.numpy(), n_bins=10)
    occupied = np.histogram(confidence.numpy(), bins=10, range=(0, 1))[0]
    expected = float((occupied[occupied > 0] / 600 * np.abs(accuracy - mean)).sum())
    assert impl.expected_calibration_error(confidence, right) == pytest.approx(expected, abs=1e-6)
