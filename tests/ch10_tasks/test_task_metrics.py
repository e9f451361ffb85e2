"""Chapter 10's metrics against scikit-learn and scipy, and by hand."""

import random
from types import ModuleType

import pytest
import scipy.stats
import sklearn.metrics

from minidistil.ch10_tasks import task_metrics


def answers(seed: int, classes: int = 2, count: int = 97) -> tuple[list[int], list[int]]:
    draw = random.Random(seed)
    right = [int(draw.random() < 0.7) if classes == 2 else draw.randrange(classes) for _ in range(count)]
    guessed = [each if draw.random() < 0.6 else draw.randrange(classes) for each in right]
    return right, guessed


def numbers(seed: int, ties: bool, count: int = 83) -> tuple[list[float], list[float]]:
    draw = random.Random(seed)
    right = [draw.uniform(0, 5) for _ in range(count)]
    guessed = [value + draw.gauss(0, 1) for value in right]
    return (
        ([round(value) / 1 for value in right], [round(value) / 1 for value in guessed]) if ties else (right, guessed)
    )


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_and_confusion_are_those_of_scikit_learn(seed: int) -> None:
    right, guessed = answers(seed, classes=3)
    assert task_metrics.accuracy(right, guessed) == pytest.approx(sklearn.metrics.accuracy_score(right, guessed))
    assert task_metrics.confusion(right, guessed, 3) == sklearn.metrics.confusion_matrix(right, guessed).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_f1_is_that_of_scikit_learn(impl: ModuleType, seed: int) -> None:
    right, guessed = answers(seed)
    assert impl.f1(right, guessed) == pytest.approx(sklearn.metrics.f1_score(right, guessed))
    flipped = sklearn.metrics.f1_score(right, guessed, pos_label=0)
    assert impl.f1(right, guessed, positive=0) == pytest.approx(flipped), "the positive class may be another one"


def test_f1_of_one_class_among_several(impl: ModuleType) -> None:
    right, guessed = answers(9, classes=4)
    for positive in range(4):
        expected = sklearn.metrics.f1_score(right, guessed, labels=[positive], average=None)[0]
        assert impl.f1(right, guessed, positive) == pytest.approx(expected)


def test_f1_by_hand(impl: ModuleType) -> None:
    # two found, one missed, two false alarms: precision 2/4, recall 2/3
    right, guessed = [1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0]
    assert impl.f1(right, guessed) == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))


@pytest.mark.parametrize(("right", "guessed"), [([1, 0], [0, 0]), ([0, 0], [0, 0]), ([0, 0], [1, 1])])
def test_f1_without_a_find_is_zero(impl: ModuleType, right: list[int], guessed: list[int]) -> None:
    assert impl.f1(right, guessed) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_matthews_is_that_of_scikit_learn(impl: ModuleType, seed: int) -> None:
    right, guessed = answers(seed)
    assert impl.matthews(right, guessed) == pytest.approx(sklearn.metrics.matthews_corrcoef(right, guessed))


def test_matthews_by_hand(impl: ModuleType) -> None:
    # 4 hits, 1 false alarm, 2 misses, 3 rightly left: (4 * 3 - 1 * 2) / sqrt(5 * 6 * 4 * 5)
    right, guessed = [1] * 4 + [0] + [1] * 2 + [0] * 3, [1] * 4 + [1] + [0] * 2 + [0] * 3
    assert impl.matthews(right, guessed) == pytest.approx(10 / 600**0.5)


def test_matthews_from_worst_to_best(impl: ModuleType) -> None:
    right = [1, 1, 1, 0, 1, 0]
    assert impl.matthews(right, right) == pytest.approx(1)
    assert impl.matthews(right, [1 - each for each in right]) == pytest.approx(-1)
    assert impl.matthews(right, [1] * 6) == 0, "one answer to everything is worth nothing, and no division by zero"
    assert impl.matthews([1] * 6, right) == 0


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_correlations_are_those_of_scipy(seed: int, ties: bool) -> None:
    right, guessed = numbers(seed, ties)
    assert task_metrics.pearson(right, guessed) == pytest.approx(scipy.stats.pearsonr(right, guessed).statistic)
    assert task_metrics.ranks(right) == scipy.stats.rankdata(right).tolist()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_that_of_scipy(impl: ModuleType, seed: int, ties: bool) -> None:
    right, guessed = numbers(seed, ties)
    expected = scipy.stats.spearmanr(right, guessed).statistic
    assert impl.spearman(right, guessed) == pytest.approx(expected), "equal values share the mean of their places"


def test_spearman_asks_for_the_order_alone(impl: ModuleType) -> None:
    values = [0.5, 3.0, 1.0, 2.0, 40.0]
    assert impl.spearman(values, [value**3 for value in values]) == pytest.approx(1)
    assert impl.spearman(values, [-value for value in values]) == pytest.approx(-1)


def test_spearman_of_a_constant_is_zero(impl: ModuleType) -> None:
    assert impl.spearman([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]) == 0.0


def test_a_constant_has_no_correlation_even_where_its_mean_is_rounded() -> None:
    assert task_metrics.pearson([0.1] * 3, [1.0, 2.0, 4.0]) == 0.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="3 answers and 2 guesses"):
        task_metrics.accuracy([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="0 answers"):
        task_metrics.f1([], [])
    with pytest.raises(ValueError, match="class 2"):
        task_metrics.matthews([0, 2], [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        task_metrics.spearman([1.0, float("nan")], [1.0, 2.0])
