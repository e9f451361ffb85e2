"""Chapter 9: size, and time by shape with an interval."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch09_evaluation.held_out import MaskedText
from minidistil.ch09_evaluation.speed import parameters, ratio_of_times, size_in_bytes, speedup, speedup_by_shape
from tests.conftest import TINY


def test_size(tiny_teacher: MaskedLM) -> None:
    assert size_in_bytes(tiny_teacher) == 4 * parameters(tiny_teacher)
    assert size_in_bytes(tiny_teacher.bfloat16()) == 2 * parameters(tiny_teacher)
    assert parameters(student_of(tiny_teacher)) < parameters(tiny_teacher)


class Clock:
    """A clock that only the calls themselves advance."""

    def __init__(self) -> None:
        self.now = 0.0

    def call(self, seconds: Callable[[], float]) -> Callable[[], None]:
        """A call that takes this long."""

        def take() -> None:
            self.now += seconds()

        return take


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("minidistil.ch09_evaluation.speed.time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def test_times_are_compared_round_by_round_after_a_warm_up(clock: Clock) -> None:
    teacher, student = iter([99.0, 2, 8, 9, 9]), iter([1.0, 1, 2, 3, 1])
    ratio, ends = ratio_of_times(clock.call(lambda: next(teacher)), clock.call(lambda: next(student)), 4)
    assert (ratio, ends) == (3.5, (2, 9))  # of 2, 4, 3 and 9


def test_lowest_and_highest_ratio_hold_the_median_as_often_as_computed(clock: Clock) -> None:
    computed = 1 - 2 ** (1 - 6)
    assert computed == pytest.approx(1 - binom.pmf([0, 6], 6, 0.5).sum())
    dice = np.random.default_rng(0)
    teacher = clock.call(lambda: 2 * dice.exponential() + 1e-9)  # some times are many times the others
    student = clock.call(lambda: dice.exponential() + 1e-9)
    found = [ratio_of_times(teacher, student)[1] for _ in range(2000)]
    held = sum(low <= 2 <= high for low, high in found)
    assert binom.ppf(0.001, 2000, computed) <= held <= binom.ppf(0.999, 2000, computed)


def test_a_speed_has_an_interval_around_it(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    student = student_of(tiny_teacher)
    ratio, (low, high) = speedup(tiny_teacher, student, text)
    assert 0 < low <= ratio <= high
    shapes = [(1, 8), (2, 16)]
    timed = speedup_by_shape(tiny_teacher, student, shapes)
    assert list(timed) == shapes
    assert all(0 < low <= ratio <= high for ratio, (low, high) in timed.values())


def test_texts_are_not_longer_than_the_models_can_read_and_have_only_tokens_of_their_vocabulary() -> None:
    model = MaskedLM(replace(TINY, max_position_embeddings=40, vocab_size=9)).eval()
    assert list(speedup_by_shape(model, model, repeats=1)) == [(1, 16), (1, 40), (8, 16), (8, 40)]
