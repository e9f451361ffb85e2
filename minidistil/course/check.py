"""`minidistil check`: a chapter's own tests on the learner's file, with a verdict on each exercise.

Each exercise is judged by the tests that called it and no other exercise; tests that called several exercises count
once all of those pass alone. When an exercise fails, it is compared with the chapter's misconceptions: does the
learner's function do what a known wrong one does, on inputs on which that differs from the right answer?
"""

import dis
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.learner import STILL_RUNNING, Learner, PackageSolutionError
from minidistil.course.misconceptions import Misconception, misconceptions
from minidistil.course.stubs import leftover


def check(key: str, path: Path | None = None) -> "Verdict":
    """Run the chapter's tests on the learner's file (by default the one in exercises/).

    Raises:
        ValueError, FileNotFoundError: no such chapter, or the file cannot be loaded.
    """
    chapter = read_chapter(key)
    learner = Learner(chapter, (path or chapter.path).resolve())
    return judge(learner, run_tests(Recorder(learner)))


# --- The verdict ---


@dataclass
class Result:
    """The verdict on one exercise: "passed", "failed", "not written" or "borrowed" from the package."""

    name: str
    state: str
    failures: list[str] = field(default_factory=list)
    misconceptions: list[Misconception] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)  # exercises that it calls and that are not right yet

    def lines(self, key: str) -> Iterator[str]:
        """The verdict as text."""
        yield f"  {self.state:<11}  {self.name}"
        if self.state == "borrowed":
            yield "      This is the package's own function: write it yourself, without importing it."
        for failure in self.failures[:2]:
            yield f"      {failure}"
        if len(self.failures) > 2:
            yield f"      … and {len(self.failures) - 2} more."
        for misconception in self.misconceptions:
            yield f"      This looks like: {misconception.name}. {misconception.what}"
            yield f"      What to look at: {misconception.look}"
        if self.state == "failed" and self.waits_for:
            yield f"      It calls {' and '.join(self.waits_for)}: get that right first."
        elif self.state == "failed" and not self.misconceptions:
            yield f"      Stuck? minidistil hint {key} 1 {self.name}"


@dataclass
class Verdict:
    """The verdicts on a chapter's exercises, and failures of tests that call several of them."""

    chapter: Chapter
    path: Path
    results: list[Result]
    together: list[str]

    @property
    def passed(self) -> bool:
        """Whether all exercises are written and right."""
        return not self.together and all(result.state == "passed" for result in self.results)

    def lines(self) -> Iterator[str]:
        """The verdict as text."""
        key = self.chapter.key
        yield f"{self.chapter.title}, {self.path.name}"
        for result in self.results:
            yield from result.lines(key)
        for failure in self.together[:3]:
            yield f"  together     {failure}"
        done = sum(result.state == "passed" for result in self.results)
        if self.passed:
            yield f"Passed: all {done} exercises of {key} do what the package's own code does."
        else:
            yield f"Not yet: {done} of {len(self.results)} exercises of {key} pass."


# --- The tests ---


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test."""

    test: str
    called: frozenset[str]  # the exercises that it called
    failure: str  # "" if it passed


class Recorder:
    """A pytest plugin that has a learner's file judged and records the outcome of each test."""

    def __init__(self, learner: Learner):
        self.learner = learner
        self.outcomes: list[Outcome] = []
        self.left = 0  # tests that are still to be run
        self.stopped = False  # after an endless loop

    def pytest_configure(self, config: Any) -> None:
        """Hand over the file as it is loaded; leave out tracebacks, which take a third of the time."""
        config.learner = self.learner  # read by the tests' fixture `impl`
        config.option.tbstyle = "no"

    def pytest_collection_finish(self, session: Any) -> None:
        """Count the tests: whatever the learner's code does, all of them have to be finished."""
        self.left = len(session.items)

    def pytest_runtest_logfinish(self) -> None:
        """One test is finished."""
        self.left -= 1

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """Record one outcome, of the test or of the fixture that failed before it."""
        called = dict(item.user_properties).get("called")  # written by the fixture `impl`
        if called is None or (call.when != "call" and call.excinfo is None):
            return
        failure = "" if call.excinfo is None else f"{_sentence(item.name)}: {self._reason(call.excinfo)}"
        self.outcomes.append(Outcome(item.nodeid, frozenset(called), failure))
        late = call.excinfo is not None and call.excinfo.errisinstance(TimeoutError)
        if late and not hasattr(call.excinfo.value, "exercise"):  # no exercise to blame: each test may take as long
            item.session.shouldstop = "something does not come to an end"
            self.stopped = True

    def _reason(self, excinfo: Any) -> str:
        error, path = excinfo.value, self.learner.path
        lines = [entry.lineno + 1 for entry in excinfo.traceback if Path(str(entry.path)) == path]
        place = f" ({path.name}, line {lines[-1]})" if lines else ""
        text = in_one_line(str(error))
        if not isinstance(error, AssertionError | TimeoutError | PackageSolutionError) or lines:
            text = f"{type(error).__name__}: {text}"
        return (text if len(text) <= 300 else text[:299] + "…") + place


def run_tests(recorder: Recorder) -> list[Outcome]:
    """Run the chapter's tests on a learner's file.

    Raises:
        ValueError: no test could run, or the learner's code ended pytest.
    """
    import pytest

    chapter, path = recorder.learner.chapter, recorder.learner.path
    unused = ["cacheprovider", "faulthandler", "logging", "nbval", "terminal", "unraisableexception"]
    quiet = ["-o", "addopts=", *(word for plugin in unused for word in ("-p", f"no:{plugin}"))]
    where = [f"--rootdir={chapter.tests.parent.parent}", f"--impl={path}", str(chapter.tests)]
    code = pytest.main([*quiet, *where], plugins=[recorder])
    if not recorder.outcomes:
        raise ValueError(f"No test of {chapter.key} could run (pytest's exit code: {int(code)}): is tests/ complete?")
    if recorder.left > 0 and not recorder.stopped:
        raise ValueError(
            f"The tests of {chapter.key} were ended before their time, with {recorder.left} left to run: does the code "
            "raise KeyboardInterrupt, or call pytest.exit()?"
        )
    return recorder.outcomes


def in_one_line(message: str) -> str:
    """pytest's explanation of a failed assertion, with functions named and without their addresses in memory."""
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


# --- From outcomes to the verdict ---


def judge(learner: Learner, outcomes: Sequence[Outcome]) -> Verdict:
    """The verdict on a learner's file, given the outcomes of the chapter's tests."""
    results = [_judge(name, learner, outcomes) for name in learner.own]
    ready = {result.name for result in results if result.state == "passed"}
    for result in results:
        if result.state == "failed":
            used = names_used(learner.functions[result.name])
            result.waits_for = sorted(used & (learner.own.keys() - ready - {result.name}))
            if result.waits_for:  # its failures may be theirs
                result.misconceptions = []
    together = [outcome.failure for outcome in outcomes if outcome.failure and outcome.called <= ready]
    return Verdict(learner.chapter, learner.path, results, together)


def _judge(name: str, learner: Learner, outcomes: Sequence[Outcome]) -> Result:
    if name in learner.unsolved:
        line = leftover(learner.path, name) if learner.unsolved[name] == "not written" else None
        said = (
            [f"line {line} still raises NotImplementedError: delete it, if the code beside it is yours"] if line else []
        )
        return Result(name, learner.unsolved[name], said)
    alone = [outcome.failure for outcome in outcomes if outcome.called == {name}]
    if not alone:
        return Result(name, "failed", ["no test called it: does another function fail before it?"])
    failures = [failure for failure in alone if failure]
    if not failures:
        return Result(name, "passed")
    if any(STILL_RUNNING in failure for failure in failures):  # calling it again would take as long again
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
