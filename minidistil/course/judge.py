"""What follows from the tests of a chapter for each exercise of a learner's file.

Each exercise is judged by the tests that called it and no other exercise; tests that called several exercises count
once all of those pass alone. If such a test fails, it runs again with the package's function in place of each of the
learner's in turn: the one that mends it is to blame.

When an exercise fails, it is compared with the chapter's misconceptions. One is named if the learner's function does
what the wrong one does on the inputs of the bank and of the failed tests, and if the wrong one fails the same tests.
"""

import builtins
import dis
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, GeneratorType
from typing import Any

from torch import Tensor

from minidistil.course.diagnosis import RANDOM, of_call
from minidistil.course.docstring_example import example
from minidistil.course.learner import Learner
from minidistil.course.misconceptions import Misconception, misconceptions, outcome, plain, same
from minidistil.course.peers import missing
from minidistil.course.stubs import leftovers
from minidistil.course.verdict import Mistake, Result, Verdict
from minidistil.course.watch import (
    NOT_TRIED,
    STILL_RUNNING,
    Call,
)

NAMED = 2  # misconceptions of one exercise, at most
BLAMED = 3  # failed tests of several exercises that are run again, at most


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test."""

    test: str
    called: frozenset[str]  # the exercises that it called
    failure: str  # "" if it passed
    calls: Sequence[Call] = ()  # of the exercises, if it failed


Again = Callable[[Sequence[str], dict[str, Any]], list[Outcome]]


def judge(
    learner: Learner,
    outcomes: Sequence[Outcome],
    wrong: Mapping[str, list[str]] | None = None,
    again: Again | None = None,
    stopped: bool = False,
) -> Verdict:
    """The verdict on a learner's file, given the outcomes of the chapter's tests.

    Args:
        learner: the file.
        outcomes: of the tests.
        wrong: what is wrong with exercises whatever the tests say.
        again: runs tests again with other functions; None: nobody is blamed, and misconceptions are not tried.
        stopped: whether the tests were stopped early.
    """
    results = {name: _judge(name, learner, outcomes, (wrong or {}).get(name, []), stopped) for name in learner.own}
    ready = {name for name, result in results.items() if result.state == "passed"}
    together = [outcome for outcome in outcomes if outcome.failure and outcome.called <= ready]
    blamed: dict[str, list[Outcome]] = {}
    if again:
        for outcome in together[:BLAMED]:
            menders = [each for each in sorted(outcome.called) if _mends(each, learner, outcome, again)]
            if len(menders) == 1:
                blamed.setdefault(menders[0], []).append(outcome)
    for name, its in blamed.items():
        results[name] = Result(name, "failed", [each.failure for each in its])
        together = [each for each in together if name not in each.called]
    for name, result in results.items():
        if result.state == "failed":
            used = names_used(learner.functions[name])
            result.waits_for = sorted(used & (learner.own.keys() - ready - {name}))
            failed = blamed.get(name) or [each for each in outcomes if each.failure and each.called == {name}]
            _explain(result, learner, failed, again)
    return Verdict(learner.chapter, learner.path, list(results.values()), [each.failure for each in together])


def _judge(name: str, learner: Learner, outcomes: Sequence[Outcome], wrong: list[str], stopped: bool) -> Result:
    """The state of an exercise, with the tests that it fails."""
    twice = _defined_twice(name, learner)
    if name in learner.unsolved:
        still = leftovers(learner.path, name) if learner.unsolved[name] == "not written" else []
        return Result(name, learner.unsolved[name], still, facts=twice)
    alone = [outcome.failure for outcome in outcomes if outcome.called == {name}]
    failures = [failure for failure in alone if failure]
    tried = [failure for failure in failures if NOT_TRIED not in failure]
    if wrong or tried:
        return Result(name, "failed", tried, facts=twice + wrong, not_run=len(failures) - len(tried))
    if not alone and (stopped or learner.endless or missing()):
        return Result(name, "not checked")
    if not alone or failures:
        return Result(name, "failed", failures or ["no test called it: does another function fail before it?"])
    return Result(name, "passed")


def _defined_twice(name: str, learner: Learner) -> list[str]:
    lines = learner.places.get(name, [])
    return [f"defined in lines {' and '.join(map(str, lines))}: the last one counts"] if len(lines) > 1 else []


def _mends(name: str, learner: Learner, outcome: Outcome, again: Again) -> bool:
    return not any(each.failure for each in again([outcome.test], {name: learner.own[name]}))


def _explain(result: Result, learner: Learner, failed: Sequence[Outcome], again: Again | None) -> None:
    """Add what the example gives, what is wrong with the calls, and the misconceptions, if they are the exercise's."""
    name = result.name
    if result.not_run or any(STILL_RUNNING in failure for failure in result.failures):
        return  # calling it again would take as long again
    if again is None:
        if not result.waits_for:
            result.misconceptions = [_mistake(each) for each in _candidates(name, learner, failed)]
        return
    others = {each: learner.own[each] for each in result.waits_for}
    with learner.with_other(others):
        if others:  # its failures may be theirs: what remains with the package's own in their place is its own
            failed = [each for each in again([outcome.test for outcome in failed], {}) if each.failure]
            if not failed:
                return
            result.failures, result.waits_for = [each.failure for each in failed], []
        _describe(result, learner, failed, again)


def _describe(result: Result, learner: Learner, failed: Sequence[Outcome], again: Again) -> None:
    name = result.name
    said = [example(name, learner)]
    said += [of_call(call, learner.own[name]) for each in failed for call in each.calls if call.name == name]
    if any("not callable" in failure for failure in result.failures):
        said += _shadowed(learner, name)
    result.facts += dict.fromkeys(filter(None, said))
    for each in _candidates(name, learner, failed):
        outcomes = again([outcome.test for outcome in failed], {name: each.wrong})
        if outcomes and all(outcome.failure for outcome in outcomes):
            result.misconceptions.append(_mistake(each))
        if len(result.misconceptions) == NAMED:
            return


def _mistake(each: Misconception) -> Mistake:
    return Mistake(each.name, each.what, each.look)


def _candidates(name: str, learner: Learner, failed: Sequence[Outcome]) -> Iterator[Misconception]:
    """The misconceptions that do what the learner's function does, on the bank's inputs and in the failed tests."""
    for each in misconceptions(learner.chapter.key):
        if each.exercise == name and each.shows_in(learner.functions[name]):
            calls = [call for outcome in failed for call in outcome.calls if call.name == name]
            if all(_does_the_same(each, call) for call in calls if each.symptom is None or _only_numbers(each, call)):
                yield each


def _only_numbers(wrong: Misconception, call: Call) -> bool:
    """Whether a call makes numbers from numbers, without chance: then even a symptom must not be all that is known."""
    given = [call.result, *call.arguments, *call.named.values()]
    return not (isinstance(wrong.wrong, type) or RANDOM & inspect.signature(wrong.wrong).parameters.keys()) and all(
        isinstance(each, Tensor | str | int | float | None) for each in given
    )


def _does_the_same(wrong: Misconception, call: Call) -> bool:
    """Whether the wrong function returns what the learner's did; True where that cannot be tried."""
    if not call.returned or isinstance(call.result, GeneratorType) or not call.intact():
        return True
    other = outcome(wrong.wrong, call.arguments, call.named)
    return other is TypeError or same(plain(call.result), other)


def _shadowed(learner: Learner, name: str) -> list[str]:
    """Python's own functions for which the file has taken the name, and which the exercise uses."""
    return [
        f"the name {each} is a value of your own file, no longer Python's function: give it another name"
        for each in sorted(names_used(learner.functions[name]) & vars(builtins).keys() & learner.namespace.keys())
        if not callable(learner.namespace[each])
    ]


def names_used(function: Any) -> set[str]:
    """The global names in a function's code and in the functions inside it, or in a class's methods."""
    if isinstance(function, type):
        return set().union(*map(names_used, vars(function).values())) - {function.__name__}
    code = getattr(function, "__code__", function)
    if not isinstance(code, CodeType):
        return set()
    own = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}  # no attributes
    return own.union(*map(names_used, code.co_consts)) - {getattr(function, "__name__", "")}
