"""A chapter's tests on a learner's file, in this process; `judge` says what follows from them for each exercise."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from minidistil.course.chapters import Chapter, read_chapter
from minidistil.course.diagnosis import given, without_addresses
from minidistil.course.faults import faults
from minidistil.course.judge import Outcome, judge
from minidistil.course.learner import Learner
from minidistil.course.peers import missing, require_pytest
from minidistil.course.verdict import Verdict
from minidistil.course.watch import (
    NOT_TRIED,
    ChangedArgumentError,
    PackageSolutionError,
    ProgramEndError,
)

SAID_IN_FULL = (AssertionError, ChangedArgumentError, PackageSolutionError, ProgramEndError, TimeoutError)


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
        first = self.outcomes
        with self.learner.with_other(functions):
            found = self.run([self.items[test] for test in tests])
        self.outcomes = first
        return found

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
        if lines and "in-place operation" in text:
            place += ": it changes a tensor of its caller; make a new one"
        if lines and type(error) is NameError:
            place += f": {path.name} does not import or define it; do so inside the function"
        place += self._call(error) if lines else ""
        return (text if len(text) <= 300 else text[:299] + "…") + place

    def _call(self, error: BaseException) -> str:
        """The call of an exercise that raised this, with the shapes of what it was given."""
        for call in reversed(self.learner.watch.calls):
            if call.error is error:
                arguments = call.arguments[isinstance(self.learner.own[call.name], type) :]  # without self
                words = [*map(given, arguments), *(f"{name}={given(each)}" for name, each in call.named.items())]
                return f", in {call.method}({', '.join(words)})"
        return ""


def run_tests(session: Session) -> list[Outcome]:
    """Run the chapter's tests on a learner's file.

    Raises:
        ValueError: no test could run, or the learner's code ended pytest.
    """
    chapter = session.learner.chapter
    code = pytest_main(pytest_arguments(chapter, session.learner.path), [session])
    if session.left > 0:
        raise ValueError(
            f"The tests of {chapter.key} were ended before their time, with {session.left} left to run: does the code "
            "raise KeyboardInterrupt, or call pytest.exit()?"
        )
    if not session.outcomes:
        raise ValueError(f"No test of {chapter.key} could run (pytest's exit code: {code}): is tests/ complete?")
    return session.outcomes


def pytest_main(arguments: list[str], plugins: Sequence[Any] = ()) -> int:
    """Run pytest on these arguments alone, whatever the environment adds to every call; its exit code."""
    require_pytest()
    import pytest

    with patch.dict(os.environ):
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            os.environ.pop(name, None)
        return int(pytest.main(arguments, plugins))


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
