"""Chapter 10's metrics against scikit-learn and scipy, and by hand."""

import random
from types import ModuleType

import pytest
import scipy.stats
import sklearn.metrics

from minidistil.ch10_tasks import task_metrics

SEEDS = pytest.mark.parametrize("seed", range(4))
TIES = pytest.mark.parametrize("ties", [False, True])


def classes_of(seed: int, classes: int = 2, count: int = 97) -> tuple[list[int], list[int]]:
    draw = random.Random(seed)
    right = [int(draw.random() < 0.7) if classes == 2 else draw.randrange(classes) for _ in range(count)]
    guessed = [each if draw.random() < 0.6 else draw.randrange(classes) for each in right]
    return right, guessed


def numbers_of(seed: int, ties: bool, count: int = 83) -> tuple[list[float], list[float]]:
    draw = random.Random(seed)
    right = [draw.uniform(0, 5) for _ in range(count)]
    guessed = [value + draw.gauss(0, 1) for value in right]
    digits = 0 if ties else 15
    return [round(value, digits) for value in right], [round(value, digits) for value in guessed]


@SEEDS
def test_accuracy_and_confusion_equal_scikit_learn(seed: int) -> None:
    right, guessed = classes_of(seed, classes=3)
    assert task_metrics.accuracy(right, guessed) == pytest.approx(sklearn.metrics.accuracy_score(right, guessed))
    assert task_metrics.confusion(right, guessed, 3) == sklearn.metrics.confusion_matrix(right, guessed).tolist()


@SEEDS
def test_f1_equals_scikit_learn(impl: ModuleType, seed: int) -> None:
    right, guessed = classes_of(seed)
    assert impl.f1(right, guessed) == pytest.approx(sklearn.metrics.f1_score(right, guessed))
    right, guessed = classes_of(seed + 9, classes=4)
    for positive in range(4):
        expected = sklearn.metrics.f1_score(right, guessed, labels=[positive], average=None)[0]
        assert impl.f1(right, guessed, positive) == pytest.approx(expected), "positive may be any class"


@pytest.mark.parametrize(("right", "guessed"), [([1, 0], [0, 0]), ([0, 0], [0, 0]), ([0, 0], [1, 1])])
def test_f1_is_zero_if_nothing_is_found(impl: ModuleType, right: list[int], guessed: list[int]) -> None:
    assert impl.f1(right, guessed) == 0.0


@SEEDS
def test_matthews_equals_scikit_learn(impl: ModuleType, seed: int) -> None:
    right, guessed = classes_of(seed)
    assert impl.matthews(right, guessed) == pytest.approx(sklearn.metrics.matthews_corrcoef(right, guessed))


def test_matthews_from_worst_to_best(impl: ModuleType) -> None:
    right = [1, 1, 1, 0, 1, 0]
    assert impl.matthews(right, right) == pytest.approx(1)
    assert impl.matthews(right, [1 - each for each in right]) == pytest.approx(-1)
    assert impl.matthews(right, [1] * 6) == 0, "always the same answer: 0, and no division by zero"
    assert impl.matthews([1] * 6, right) == 0


@TIES
@SEEDS
def test_pearson_and_ranks_equal_scipy(seed: int, ties: bool) -> None:
    right, guessed = numbers_of(seed, ties)
    assert task_metrics.pearson(right, guessed) == pytest.approx(scipy.stats.pearsonr(right, guessed).statistic)
    assert task_metrics.ranks(right) == scipy.stats.rankdata(right).tolist()


@TIES
@SEEDS
def test_spearman_equals_scipy(impl: ModuleType, seed: int, ties: bool) -> None:
    right, guessed = numbers_of(seed, ties)
    expected = scipy.stats.spearmanr(right, guessed).statistic
    assert impl.spearman(right, guessed) == pytest.approx(expected), "equal values get the mean of their ranks"


def test_spearman_depends_on_the_order_only(impl: ModuleType) -> None:
    values = [0.5, 3.0, 1.0, 2.0, 40.0]
    assert impl.spearman(values, [value**3 for value in values]) == pytest.approx(1)
    assert impl.spearman(values, [-value for value in values]) == pytest.approx(-1)


def test_correlation_with_a_constant_is_zero(impl: ModuleType) -> None:
    assert impl.spearman([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]) == 0.0
    assert task_metrics.pearson([0.1] * 3, [1.0, 2.0, 4.0]) == 0.0, "also if its mean is rounded"


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="3 right answers and 2 guesses"):
        task_metrics.accuracy([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="at least 1"):
        task_metrics.f1([], [])
    with pytest.raises(ValueError, match="got 2"):
        task_metrics.matthews([0, 2], [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        task_metrics.spearman([1.0, float("nan")], [1.0, 2.0])
