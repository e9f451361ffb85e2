"""The files of every chapter that has exercises: stubs, worked examples, hints, and whole solutions that pass."""

import doctest
import inspect
import sys
from pathlib import Path

import pytest

from minidistil.course.chapters import HINTS, chapter_keys, read_chapter
from minidistil.course.learner import Learner
from minidistil.course.misconceptions import misconceptions
from minidistil.course.progress import hint
from minidistil.course.session import judge_file

KEYS = chapter_keys()
CORRECT = [(key, path) for key in KEYS for path in sorted((read_chapter(key).tests / "correct").glob("*.py"))]


@pytest.fixture(params=KEYS)
def learner(request: pytest.FixtureRequest) -> Learner:
    chapter = read_chapter(request.param)
    return Learner(chapter, chapter.path)


def test_stubs_have_the_signatures_of_the_package(learner: Learner) -> None:
    for name, own in learner.own.items():
        assert inspect.signature(learner.functions[name]) == inspect.signature(own), name
        assert learner.unsolved[name] == "not written"


def test_the_worked_examples_of_the_stubs_are_true(learner: Learner) -> None:
    modules = {own.__module__ for own in learner.own.values()}
    helpers = {name: value for module in modules for name, value in vars(sys.modules[module]).items()}
    for name, stub in learner.functions.items():
        tests = doctest.DocTestFinder().find(stub, name, module=False, globs=helpers | learner.own)
        assert sum(len(test.examples) for test in tests) > 0, f"{name} has no worked example"
        for test in tests:
            assert doctest.DocTestRunner(verbose=False).run(test).failed == 0, name


@pytest.mark.parametrize("key", KEYS)
def test_every_exercise_has_three_hints_that_open_one_at_a_time(key: str) -> None:
    for name, hints in read_chapter(key).hints.items():
        shown = [hint(key, number, name) for number in range(1, HINTS + 1)]
        assert len(hints) == len(set(shown)) == HINTS
        for number, text in enumerate(hints):
            assert [text in each for each in shown] == [number == place for place in range(HINTS)]


@pytest.mark.parametrize("key", KEYS)
def test_an_untouched_stub_fails(key: str) -> None:
    verdict = judge_file(key)
    assert not verdict.passed
    assert {result.state for result in verdict.results} == {"not written"}


@pytest.mark.parametrize("key", KEYS)
def test_there_are_enough_of_both(key: str) -> None:
    assert len(misconceptions(key)) >= 8
    assert [each for each, _ in CORRECT].count(key) >= 3


@pytest.mark.parametrize(("key", "path"), CORRECT, ids=lambda value: getattr(value, "stem", value))
def test_correct_solutions_pass(key: str, path: Path) -> None:
    verdict = judge_file(key, path)
    assert verdict.passed, "\n".join(verdict.lines())
