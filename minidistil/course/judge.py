"""A chapter's tests on a learner's file, in this process, and what follows from them for each exercise.

Each exercise is judged by the tests that called it and no other exercise; tests that called several exercises count
once all of those pass alone. If such a test fails, it runs again with the package's function in place of each of the
learner's in turn: the one that mends it is to blame.

When an exercise fails, it is compared with the chapter's misconceptions. One is named if the learner's function does
what the wrong one does on the inputs of the bank and of the failed tests, and if the wrong one fails the same tests.
"""

import builtins
import dis
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, GeneratorType
from typing import Any

from torch import Tensor

from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.diagnosis import RANDOM, example, faults, of_call, without_addresses
from minidistil.course.learner import Learner
from minidistil.course.misconceptions import Misconception, misconceptions, outcome, plain, same
from minidistil.course.peers import missing
from minidistil.course.stubs import leftover, repeated
from minidistil.course.verdict import Mistake, Result, Verdict
from minidistil.course.watch import (
    NOT_TRIED,
    STILL_RUNNING,
    Call,
    ChangedArgumentError,
    PackageSolutionError,
    ProgramEndError,
)

SAID_IN_FULL = (AssertionError, ChangedArgumentError, PackageSolutionError, ProgramEndError, TimeoutError)
NAMED = 2  # misconceptions of one exercise, at most
BLAMED = 3  # failed tests of several exercises that are run again, at most


def judge_file(key: str, path: Path | None = None, before_each: Callable[[str], None] = lambda test: None) -> Verdict:
    """Run the chapter's tests on the learner's file (by default the one in exercises/).

    Args:
        key: the chapter.
        path: the file.
        before_each: called with the name of each test before it runs.

    Raises:
        ValueError, FileNotFoundError: no such chapter, or the file cannot be loaded.
    """
    chapter = read_chapter(key)
    return judge_learner(Learner(chapter, (path or chapter.path).resolve()), before_each)


def judge_learner(learner: Learner, before_each: Callable[[str], None] = lambda test: None) -> Verdict:
    """`judge_file` on a file that is loaded already."""
    session = Session(learner, before_each)
    run_tests(session)
    assert session.verdict is not None, session.broken
    return session.verdict


# --- The tests ---


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test."""

    test: str
    called: frozenset[str]  # the exercises that it called
    failure: str  # "" if it passed
    calls: Sequence[Call] = ()  # of the exercises, if it failed


class Session:
    """A pytest plugin that has a learner's file judged, and runs tests again where the verdict needs it."""

    verdict: Verdict | None = None
    broken: str = ""  # why pytest itself stopped

    def __init__(self, learner: Learner, before_each: Callable[[str], None] = lambda test: None):
        self.learner = learner
        self.before_each = before_each
        self.outcomes: list[Outcome] = []
        self.left: int = 0  # tests that are still to be run
        self.stopped: bool = False  # after an endless loop that no exercise is to blame for
        self.items: dict[str, Any] = {}

    def pytest_configure(self, config: Any) -> None:
        """Hand over the file as it is loaded; leave out tracebacks, which take a third of the time."""
        config.learner = self.learner  # read by the tests' fixture `impl`
        config.option.tbstyle = "no"

    def pytest_internalerror(self, excinfo: Any) -> None:
        """Keep what went wrong outside of the tests."""
        self.broken = f"{excinfo.type.__name__}: {excinfo.value}"

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run the tests, then judge while they can be run again."""
        self.items = {item.nodeid: item for item in session.items}
        outcomes = self.run(session.items)
        self.verdict = judge(self.learner, outcomes, faults(self.learner), self.again, self.stopped)
        return True

    def run(self, items: Sequence[Any]) -> list[Outcome]:
        """Run some tests; fixtures of the session are kept for the next time."""
        self.outcomes, self.left = [], len(items)
        for item, following in zip(items, [*items, None][1:], strict=True):
            self.before_each(_sentence(item.name))
            item.user_properties.clear()
            after = following and following.parent  # of which the fixtures are kept; the test's own never are
            item.ihook.pytest_runtest_protocol(item=item, nextitem=after or item.session)
            self.left -= 1
            if item.session.shouldstop:
                item.session.shouldstop, self.left = False, 0
                break
        return self.outcomes

    def again(self, tests: Sequence[str], functions: dict[str, Any]) -> list[Outcome]:
        """Run some tests again, with other functions in place of the learner's own."""
        with self.learner.with_other(functions):
            return self.run([self.items[test] for test in tests])

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """Record one outcome, of the test or of the fixture that failed before it."""
        called = dict(item.user_properties).get("called")  # written by the fixture `impl`
        if called is None or (call.when != "call" and call.excinfo is None):
            return
        if call.excinfo is not None and call.excinfo.typename == "Skipped" and missing():
            return  # it compares with a library that is not installed
        failure = "" if call.excinfo is None else f"{_sentence(item.name)}: {self._reason(call.excinfo)}"
        calls = tuple(self.learner.watch.calls) if failure else ()
        self.outcomes.append(Outcome(item.nodeid, frozenset(called), failure, calls))
        late = call.excinfo is not None and call.excinfo.errisinstance(TimeoutError)
        if late and not hasattr(call.excinfo.value, "exercise"):  # no exercise to blame: each test may take as long
            self.stopped = NOT_TRIED not in failure
            item.session.shouldstop = self.stopped and "something does not come to an end"

    def _reason(self, excinfo: Any) -> str:
        error, path = excinfo.value, self.learner.path
        lines = [entry.lineno + 1 for entry in excinfo.traceback if Path(str(entry.path)) == path]
        place = f" ({path.name}, line {lines[-1]})" if lines else ""
        try:
            text = in_one_line(str(error))
        except Exception:  # an exception of the learner's own, which cannot be printed
            text = ""
        if not isinstance(error, SAID_IN_FULL) or (lines and isinstance(error, AssertionError)):
            text = f"{type(error).__name__}: {text}".removesuffix(": ")
        return (text if len(text) <= 300 else text[:299] + "…") + place


def run_tests(session: Session) -> list[Outcome]:
    """Run the chapter's tests on a learner's file.

    Raises:
        ValueError: no test could run, or the learner's code ended pytest.
    """
    import pytest

    chapter, path = session.learner.chapter, session.learner.path
    code = pytest.main(pytest_arguments(chapter, path), plugins=[session])
    if session.left > 0:
        raise ValueError(
            f"The tests of {chapter.key} were ended before their time, with {session.left} left to run: does the code "
            "raise KeyboardInterrupt, or call pytest.exit()?"
        )
    if not session.outcomes:
        raise ValueError(f"No test of {chapter.key} could run (pytest's exit code: {int(code)}): is tests/ complete?")
    return session.outcomes


def pytest_arguments(chapter: Chapter, path: Path) -> list[str]:
    """The command line that judges a learner's file, with no more of pytest than that takes."""
    unused = ["cacheprovider", "faulthandler", "logging", "nbval", "terminal", "unraisableexception"]
    quiet = ["-s", "-o", "addopts=", *(word for plugin in unused for word in ("-p", f"no:{plugin}"))]
    return [*quiet, f"--rootdir={chapter.tests.parent.parent}", f"--impl={path}", str(chapter.tests)]


def in_one_line(message: str) -> str:
    """pytest's explanation of a failed assertion, with functions named and without their addresses in memory."""
    lines = [
        line
        for line in without_addresses(message).splitlines()
        if not re.match(r"\s*\+\s+(where|and)\s+(\w+) = ((<module |bool\()|([\w.]+\.)?\2$)", line)
    ]
    one_line = " ".join(" ".join(lines).split())
    one_line = re.sub(r" \+ (where|and) ", r", \1 ", one_line.removesuffix(" Use -v to get more diff"))
    return re.sub(r"assert (not )?(True|False)( == (True|False))?, where (True|False) = (.*)", r"\6 is \5", one_line)


def _sentence(test_name: str) -> str:
    """ "test_accents_are_stripped[café]" as "accents are stripped [café]"."""
    name, _, parameters = test_name.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" [{parameters}" if parameters else "")


# --- From outcomes to the verdict ---

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
        line = leftover(learner.path, name) if learner.unsolved[name] == "not written" else None
        still = (
            [f"line {line} still raises NotImplementedError: delete it, if the code beside it is yours"] if line else []
        )
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
    lines = repeated(learner.path, name)
    return [f"defined in lines {' and '.join(map(str, lines))}: the last one counts"] if lines else []


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
    said = [example(name, learner)]
    said += [of_call(call, learner.own[name]) for each in failed for call in each.calls if call.name == name]
    if any("not callable" in failure for failure in result.failures):
        said += _shadowed(learner, name)
    result.facts += dict.fromkeys(filter(None, said))
    if result.waits_for:  # its failures may be theirs
        return
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
        f"{each} is a value of your own file, no longer Python's function: give it another name"
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
