"""Chapter 9: intervals over documents against theory, NumPy and SciPy."""

import math
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from torch import Tensor

from minidistil.ch09_evaluation.bootstrap import intervals, reflected, resampled_sums
from minidistil.ch09_evaluation.held_out import Answers


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


# ---- document_totals ----


def test_totals_are_sums_in_the_order_of_the_numbers(impl: ModuleType) -> None:
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])
    totals = impl.document_totals(values, torch.tensor([7, 3, 7, 5]))
    assert totals.dtype == torch.float64
    assert totals.tolist() == [[2, 20], [8, 80], [5, 50]]


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


def test_draws_are_with_replacement_and_vary_as_theory_says(impl: ModuleType) -> None:
    totals = few_documents()
    sums = impl.resampled_sums(totals, 2000, seeded())
    theory = (len(totals) * totals.var(0, correction=0)).sqrt()  # of a sum of G independent draws
    torch.testing.assert_close(sums.mean(0), totals.sum(0), rtol=0.02, atol=1e-9)
    torch.testing.assert_close(sums.std(0), theory, rtol=0.1, atol=1e-9)


def test_each_document_is_drawn_as_often_as_the_others(impl: ModuleType) -> None:
    often = impl.resampled_sums(torch.eye(4), 3000, seeded()).mean(0)  # of each of four documents, in a draw of four
    torch.testing.assert_close(often, torch.ones(4).double(), rtol=0, atol=0.1, msg=f"1 each is expected, not {often}")


def test_all_columns_of_a_draw_are_of_the_same_documents(impl: ModuleType) -> None:
    tokens = few_documents()[:, 0]
    sums = impl.resampled_sums(torch.stack([tokens, 3 * tokens, -tokens], 1), 20, seeded())
    torch.testing.assert_close(sums[:, 1], 3 * sums[:, 0])
    torch.testing.assert_close(sums[:, 2], -sums[:, 0])


def test_the_same_seed_draws_the_same_documents(impl: ModuleType) -> None:
    one, other, third = (impl.resampled_sums(few_documents(), 30, seeded(number)) for number in (5, 5, 6))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_the_fast_draws_are_the_plain_ones() -> None:
    from minidistil.ch09_evaluation.bootstrap import _resampled_slowly

    totals = few_documents()  # whole numbers: sums are exact in any order
    assert torch.equal(resampled_sums(totals, 40, seeded()), _resampled_slowly(totals, 40, seeded()))


def test_intervals_of_a_ratio_are_scipys(impl: ModuleType) -> None:
    totals = few_documents()
    sums = impl.resampled_sums(totals, 3000, seeded())
    ends = torch.quantile(sums[:, 1] / sums[:, 0], torch.tensor([0.025, 0.975], dtype=torch.float64))

    def accuracy(right: np.ndarray, tokens: np.ndarray, axis: int) -> np.ndarray:
        return right.sum(axis) / tokens.sum(axis)

    official = bootstrap(
        (totals[:, 1].numpy(), totals[:, 0].numpy()), accuracy, paired=True, vectorized=True, n_resamples=3000,
        method="percentile", random_state=0,
    ).confidence_interval  # fmt: skip
    assert ends.tolist() == pytest.approx([official.low, official.high], abs=0.015)


# ---- interval ----


def test_as_many_samples_are_below_an_interval_as_above(impl: ModuleType) -> None:
    samples = torch.arange(101.0)[torch.randperm(101, generator=seeded())]
    assert impl.interval(samples, 0.9) == pytest.approx((5, 95))
    assert impl.interval(samples) == pytest.approx((2.5, 97.5))


def test_an_interval_of_skewed_samples_is_numpys_percentiles(impl: ModuleType) -> None:
    samples = torch.randn(999, generator=seeded()).double().exp()
    assert impl.interval(samples, 0.8) == pytest.approx(tuple(np.percentile(samples.numpy(), [10, 90])))


def test_samples_stay_in_their_order(impl: ModuleType) -> None:
    samples = torch.tensor([3.0, 1.0, 2.0])
    impl.interval(samples)
    assert samples.tolist() == [3, 1, 2], "the samples belong to the caller: samples.numpy() shares their memory"


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_between_0_and_1(impl: ModuleType, level: float) -> None:
    with pytest.raises(ValueError, match=f"{level:g}"):
        impl.interval(torch.arange(5.0), level)


# ---- intervals of a comparison ----


def made_up(right: Sequence[bool], losses: Sequence[float], confidence: Tensor | None = None) -> Answers:
    """Answers that guess token 1 where right and another one, always the same, where not."""
    guesses = torch.tensor([1 if each else 2 for each in right])
    confidence = torch.ones(len(right)) if confidence is None else confidence
    return Answers(torch.ones(len(right), dtype=torch.int64), guesses, confidence, torch.tensor(losses))


def test_both_models_are_compared_on_the_same_documents() -> None:
    right = (torch.arange(200) // 5 % 4 > 0).tolist()  # whole documents are right or wrong: a wide interval
    model = made_up(right, [1.0] * 200)
    found = intervals(model, model, torch.arange(40).repeat_interleave(5))
    assert found["retention"] == found["agreement"] == (1.0, 1.0)
    assert found["accuracy_difference"] == (0.0, 0.0)
    assert found["teacher_perplexity"] == pytest.approx((math.e, math.e))
    low, high = found["student_accuracy"]
    width = 2 * 1.96 * math.sqrt(0.75 * 0.25 / 40)  # for 40 documents, not for 200 tokens
    assert high - low == pytest.approx(width, rel=0.15)
    by_token = intervals(model, model, torch.arange(200))["student_accuracy"]
    assert (by_token[1] - by_token[0]) * math.sqrt(5) == pytest.approx(width, rel=0.15)


def scipys(
    texts: Sequence[np.ndarray], figure: Callable[[np.ndarray], float], method: str
) -> tuple[tuple[float, float], float]:
    """An interval computed the long way, and a tolerance: draw documents, join their tokens, compute the figure."""

    def of_drawn(numbers: np.ndarray) -> float:
        return figure(np.concatenate([texts[number] for number in numbers]))

    found = bootstrap(
        (np.arange(len(texts)),), of_drawn, vectorized=False, n_resamples=3000, method=method, random_state=0
    ).confidence_interval
    return (found.low, found.high), 0.1 * (found.high - found.low)


def miscalibrated(documents: Tensor, seed: int) -> Answers:
    """Guesses overconfident at high confidence and underconfident at low, in some documents easier than in others."""
    dice = seeded(seed)
    confidence = torch.rand(len(documents), generator=dice)
    ease = 0.3 * torch.rand(int(documents.max()) + 1, generator=dice)[documents]  # (N,)
    right = torch.rand(len(documents), generator=dice) < 0.1 + ease + confidence / 2
    return made_up(right.tolist(), [1.0] * len(right), confidence)


def histogram_error(tokens: np.ndarray) -> float:
    """The calibration error of rows of confidence and 1 or 0, by NumPy's histograms."""
    sums = [np.histogram(tokens[:, 0], 10, (0, 1), weights=column)[0] for column in tokens.T]
    return float(np.abs(sums[0] - sums[1]).sum() / len(tokens))


def test_intervals_of_calibration_errors_are_scipys() -> None:
    documents = (60 * torch.rand(900, generator=seeded()) ** 2).long()  # long and short ones
    teacher, student = miscalibrated(documents, 1), miscalibrated(documents, 2)
    found = intervals(teacher, student, documents)
    for name, given in (("teacher", teacher), ("student", student)):
        tokens = torch.stack([given.confidence, given.right], 1).double().numpy()
        texts = [tokens[documents.numpy() == number] for number in documents.unique().tolist()]
        expected, tolerance = scipys(texts, histogram_error, "basic")
        assert found[f"{name}_calibration_error"] == pytest.approx(expected, abs=tolerance)
    exchanged = intervals(student, teacher, documents)  # the same documents for both, and neither depends on the other
    assert exchanged["student_calibration_error"] == found["teacher_calibration_error"]


def test_a_reflected_interval_is_on_the_other_side_and_ends_at_zero() -> None:
    assert reflected((2.0, 5.0), 3.0) == (1.0, 4.0)
    assert reflected((0.5, 1.0), 0.375) == (0.0, 0.25)
    assert reflected((0.5, 1.0), 0.125) == (0.0, 0.0)


def test_intervals_of_small_calibration_errors_hold_the_truth() -> None:
    """In 100 worlds whose guesses are right in 5 of 100 cases less than their confidence."""
    dice = seeded()
    documents = torch.arange(80).repeat_interleave(5)
    held = 0
    for _ in range(100):
        confidence = 0.05 + 0.95 * torch.rand(400, generator=dice)
        right = torch.rand(400, generator=dice) < confidence - 0.05
        world = made_up(right.tolist(), [1.0] * 400, confidence)
        low, high = intervals(world, world, documents)["student_calibration_error"]
        held += low <= 0.05 <= high
    assert held >= 80


def test_a_draw_without_hidden_tokens_does_not_spoil_the_intervals() -> None:
    model = made_up([True, False], [1.0, 2.0])
    cosines = torch.tensor([[6.0, 12.0], [9.0, 12.0]], dtype=torch.float64)
    found = intervals(model, model, torch.tensor([0, 0]), (cosines, torch.tensor([0, 1])))  # 1 draw in 4 is 1 and 1
    assert found["student_accuracy"] == (0.5, 0.5)
    assert found["hidden_cosine"] == (0.5, 0.625)


def test_a_figure_that_some_draw_lacks_has_no_interval() -> None:
    teacher, student = made_up([True, False], [1.0, 2000.0]), made_up([True, True], [1.0, 1.0])
    found = intervals(teacher, student, torch.tensor([0, 1]))  # 1 draw in 4 is twice the document with nothing right
    assert {"retention", "teacher_perplexity"}.isdisjoint(found)
    assert all(math.isfinite(end) for ends in found.values() for end in ends)
    assert found["teacher_accuracy"] == (0.0, 1.0)
