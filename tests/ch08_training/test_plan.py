"""Chapter 8, the schedule: straight lines, also after a correction, and a run that keeps its time."""

import itertools
import warnings
from types import ModuleType

import pytest
import torch
import torch._dynamo  # the first optimiser brings it along, which takes seconds: not of a learner's time
from transformers import get_linear_schedule_with_warmup

from minidistil.ch08_training.plan import Plan, schedule


def factors(plan: Plan, warmup_share: float = 0.05) -> list[float]:
    return [schedule(plan.place(step), plan.steps, warmup_share) for step in range(plan.end)]


def test_the_schedule_goes_up_and_down_in_straight_lines(impl: ModuleType) -> None:
    expected = [0.2, 0.4, 0.6, 0.8, 1.0] + [(100 - step) / 95 for step in range(5, 100)]
    assert [impl.schedule(step, 100, 0.05) for step in range(100)] == pytest.approx(expected)


def test_no_step_is_wasted_and_zero_is_where_the_next_one_would_be(impl: ModuleType) -> None:
    for steps in (1, 2, 7, 40):
        assert all(impl.schedule(step, steps, 0.05) > 0 for step in range(steps)), steps
    assert impl.schedule(40, 40, 0.05) == pytest.approx(0)
    assert impl.schedule(39, 40, 0.05) == pytest.approx(1 / 38)


def test_a_warm_up_is_rounded_up_and_may_be_left_out(impl: ModuleType) -> None:
    assert [impl.schedule(step, 30, 0.05) for step in range(3)] == pytest.approx([0.5, 1.0, 1.0])  # 1.5 steps are 2
    assert [impl.schedule(step, 4, 0.0) for step in range(4)] == pytest.approx([1, 0.75, 0.5, 0.25])


def test_a_run_may_be_warm_up_from_its_first_step_to_its_last(impl: ModuleType) -> None:
    assert [impl.schedule(step, 4, 1.0) for step in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 0])


def test_between_two_steps_the_line_goes_on(impl: ModuleType) -> None:
    assert impl.schedule(52.5, 100, 0.05) == pytest.approx(0.5)


def test_from_the_warm_up_on_the_schedule_is_that_of_transformers(impl: ModuleType) -> None:
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_linear_schedule_with_warmup(theirs, num_warmup_steps=6, num_training_steps=120)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimiser step is taken
        for _ in range(120):
            rates.append(theirs.param_groups[0]["lr"])
            scheduler.step()
    ours = [impl.schedule(step, 120, 0.05) for step in range(120)]
    assert ours[6:] == pytest.approx(rates[6:])
    assert ours[:6] == pytest.approx(rates[1:7])  # their first step has rate 0, and is none


def test_a_plan_without_corrections_is_the_schedule_itself() -> None:
    assert factors(Plan(100, "fp32", 1.0)) == [schedule(step, 100, 0.05) for step in range(100)]  # to the last bit


@pytest.mark.parametrize("corrections", [[[10, 60]], [[10, 150]], [[10, 60], [24, 90], [67, 80]]])
def test_a_correction_bends_the_line_and_it_still_ends_at_zero(corrections: list[list[int]]) -> None:
    plan = Plan(100, "fp32", 1.0, corrections)
    assert plan.end == corrections[-1][1]
    line = factors(plan)
    assert line[:10] == factors(Plan(100, "fp32", 1.0))[:10]  # what was done is not changed
    bends = [0, *(after for after, _ in corrections), plan.end]
    for first, last in itertools.pairwise(bends[1:]):
        slopes = [b - a for a, b in itertools.pairwise([*line, 0.0][first : last + 1])]
        assert slopes == pytest.approx([slopes[0]] * len(slopes))
        assert slopes[0] < 0


@pytest.mark.parametrize("pace", [0.4, 0.8, 1.2, 2.0, 3.0])  # seconds a step, where 1 was guessed
@pytest.mark.parametrize("longest", [1e9, 120])
def test_a_run_keeps_its_time_whatever_was_guessed(pace: float, longest: float) -> None:
    plan, step = Plan(240, "fp32", 1.0), 0
    while step < plan.end:
        step += 1
        if plan.correction_is_due(step):
            plan.correct(step, 240 - step * pace, pace, longest)
    assert step <= longest
    assert step * pace == pytest.approx(min(240, longest * pace), rel=0.05)


def test_a_resumed_run_corrects_nothing_twice() -> None:
    plan = Plan(20, "fp32", 1.0, [[2, 3]])  # taken after step 2; the run is resumed from before
    assert not any(plan.correction_is_due(step) for step in (1, 2, 3))


def test_a_run_late_already_takes_one_more_step() -> None:
    plan = Plan(100, "fp32", 1.0)
    plan.correct(10, -5.0, 1.0)
    assert plan.end == 11
    assert not plan.correction_is_due(11)
