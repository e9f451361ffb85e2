"""`minidistil check`: a chapter's own tests against the learner's file, with a verdict that can be read.

Each exercise is judged by the tests that called it and no other exercise; tests that called
several count once all of those pass alone. When an exercise fails, the bank of misconceptions
is asked: does the learner's function do what a known wrong one does, where that differs from
the right answer?
"""

import dis
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.learner import STILL_RUNNING, Learner, PackageSolutionError
from minidistil.course.misconceptions import Misconception, misconceptions


@dataclass
class Result:
    """What became of one exercise: "passed", "failed", "not written" or "borrowed" from the package."""

    name: str
    state: str
    failures: list[str] = field(default_factory=list)
    misconceptions: list[Misconception] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)  # exercises that it calls and that are not right yet


@dataclass
class Verdict:
    """What `check` found, an exercise at a time, and failures of several exercises together."""

    chapter: Chapter
    path: Path
    results: list[Result]
    together: list[str]

    @property
    def passed(self) -> bool:
        """Whether everything is written and right."""
        return not self.together and all(result.state == "passed" for result in self.results)

    def lines(self) -> Iterator[str]:
        """The verdict for people."""
        key = self.chapter.key
        yield f"{self.chapter.title}, {self.path.name}"
        for result in self.results:
            yield f"  {result.state:<11}  {result.name}"
            if result.state == "borrowed":
                yield "      This is the package's own function: write it yourself, without importing it."
            for failure in result.failures[:2]:
                yield f"      {failure}"
            if len(result.failures) > 2:
                yield f"      … and {len(result.failures) - 2} more."
            for misconception in result.misconceptions:
                yield f"      This looks like: {misconception.name}. {misconception.what}"
                yield f"      What to look at: {misconception.look}"
            if result.state == "failed" and result.waits_for:
                yield f"      It calls {' and '.join(result.waits_for)}: get that right first."
            elif result.state == "failed" and not result.misconceptions:
                yield f"      Stuck? minidistil hint {key} 1 {result.name}"
        for failure in self.together[:3]:
            yield f"  together     {failure}"
        done = sum(result.state == "passed" for result in self.results)
        if self.passed:
            yield f"Passed: all {done} exercises of {key} do what the package's own code does."
        else:
            yield f"Not yet: {done} of {len(self.results)} exercises of {key} pass."


def check(key: str, path: Path | None = None) -> Verdict:
    """Run the chapter's tests against the learner's file (by default the one in exercises/).

    Raises:
        ValueError, FileNotFoundError: no such chapter, or the file cannot be loaded.
    """
    chapter = read_chapter(key)
    learner = Learner(chapter, (path or chapter.path).resolve())
    return judge(learner, run_tests(learner))


@dataclass(frozen=True)
class Outcome:
    """What became of one test."""

    test: str
    called: frozenset[str]  # the exercises that it called
    failure: str  # "" if it passed


def judge(learner: Learner, outcomes: Sequence[Outcome]) -> Verdict:
    """The verdict on a learner's file, given what became of the chapter's tests."""
    results = [_judge(name, learner, outcomes) for name in learner.own]
    ready = {result.name for result in results if result.state == "passed"}
    for result in results:
        if result.state == "failed":
            result.waits_for = sorted(
                names_used(learner.functions[result.name]) & (learner.own.keys() - ready - {result.name})
            )
            if result.waits_for:  # what it does may be their mistake
                result.misconceptions = []
    together = [outcome.failure for outcome in outcomes if outcome.failure and outcome.called <= ready]
    return Verdict(learner.chapter, learner.path, results, together)


def _judge(name: str, learner: Learner, outcomes: Sequence[Outcome]) -> Result:
    if learner.borrowed[name]:
        return Result(name, "borrowed")
    if not learner.written[name]:
        return Result(name, "not written")
    alone = [outcome.failure for outcome in outcomes if outcome.called == {name}]
    if not alone:
        return Result(name, "failed", ["no test came to call it: does another function keep it from running?"])
    failures = [failure for failure in alone if failure]
    if not failures:
        return Result(name, "passed")
    if any(STILL_RUNNING in failure for failure in failures):  # asking it more would take as long again
        return Result(name, "failed", failures)
    known = [each for each in misconceptions(learner.chapter.key) if each.exercise == name]
    return Result(name, "failed", failures, [each for each in known if each.shows_in(learner.functions[name])])


def names_used(function: Any) -> set[str]:
    """The global names in a function's code and in the functions inside it, or in a class's methods."""
    if isinstance(function, type):
        return set().union(*map(names_used, vars(function).values())) - {function.__name__}
    code = getattr(function, "__code__", function)
    if not isinstance(code, CodeType):
        return set()
    own = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}  # no attributes
    return own.union(*map(names_used, code.co_consts)) - {getattr(function, "__name__", "")}


class _Recorder:
    """A pytest plugin that notes what becomes of each test."""

    def __init__(self, path: Path, only: Collection[str] | None):
        self.path, self.only = path, only
        self.outcomes: list[Outcome] = []

    def pytest_configure(self, config: Any) -> None:
        config.option.tbstyle = "no"  # tracebacks with source take a third of the time, and nobody sees them

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.only is not None:
            items[:] = [item for item in items if item.nodeid in self.only]

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        called = dict(item.user_properties).get("called")
        if called is None or (call.when != "call" and call.excinfo is None):
            return
        failure = "" if call.excinfo is None else f"{_sentence(item.name)}: {self._reason(call.excinfo)}"
        self.outcomes.append(Outcome(item.nodeid, frozenset(called), failure))
        late = call.excinfo is not None and call.excinfo.errisinstance(TimeoutError)
        if late and not hasattr(call.excinfo.value, "exercise"):  # no exercise is to blame: the next may take as long
            item.session.shouldstop = "something does not come to an end"

    def _reason(self, excinfo: Any) -> str:
        error = excinfo.value
        lines = [entry.lineno + 1 for entry in excinfo.traceback if Path(str(entry.path)) == self.path]
        place = f" ({self.path.name}, line {lines[-1]})" if lines else ""
        text = _without_addresses(str(error))
        if not isinstance(error, AssertionError | TimeoutError | PackageSolutionError) or lines:
            text = f"{type(error).__name__}: {text}"
        return (text if len(text) <= 300 else text[:299] + "…") + place


def _without_addresses(message: str) -> str:
    """pytest's explanation in one line: functions by their names, and not where they lie in memory."""
    named = re.sub(r"<function ([\w.]+) at 0x[0-9a-f]+>", r"\1", message)
    lines = [
        line for line in named.splitlines() if not re.match(r"\s*\+\s+(where|and)\s+[\w.]+ = (<module |bool\()", line)
    ]
    one_line = " ".join(" ".join(lines).split()).removesuffix(" Use -v to get more diff")
    return re.sub(r" \+ (where|and) ", r", \1 ", one_line)


def _sentence(test_name: str) -> str:
    """ "test_accents_are_stripped[café]" as "accents are stripped [café]"."""
    name, _, parameters = test_name.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" [{parameters}" if parameters else "")


def run_tests(learner: Learner, only: Collection[str] | None = None) -> list[Outcome]:
    """Run the chapter's tests, or `only` those of these names, on a learner's file.

    Raises:
        ValueError: no test could run.
    """
    import pytest

    tests = learner.chapter.tests
    recorder = _Recorder(learner.path, only)
    unused = ["cacheprovider", "terminal", "nbval", "logging", "unraisableexception"]  # the last collects garbage
    quiet = ["-o", "addopts=", *(word for plugin in unused for word in ("-p", f"no:{plugin}"))]
    where = [f"--rootdir={tests.parent.parent}", f"--impl={learner.path}"]
    code = pytest.main([*quiet, *where, str(tests)], plugins=[recorder])
    if not recorder.outcomes:
        raise ValueError(
            f"No test of {learner.chapter.key} could run (pytest ended with code {int(code)}): is tests/ complete?"
        )
    return recorder.outcomes
