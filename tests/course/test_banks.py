"""The misconceptions of every chapter: `check` finds each of them, and takes none for another or for a right answer."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from minidistil.course.chapters import chapter_keys, read_chapter
from minidistil.course.judge import judge
from minidistil.course.learner import Learner
from minidistil.course.misconceptions import Misconception, misconceptions, outcome, same
from minidistil.course.session import Session, run_tests
from minidistil.course.verdict import Verdict

KEYS = chapter_keys()
WRONG = [(key, each) for key in KEYS for each in misconceptions(key)]


def named(pair: tuple[str, Misconception]) -> str:
    return f"{pair[0]}: {pair[1].name}"


class Rounds(Session):
    """Collects a chapter's tests once, then runs, for each misconception, those that call its exercise.

    The learner's file is a whole solution with the bank below it; in each round a wrong function takes the place of
    the right one. Tests that never call the exercise have the outcome that they have for the solution.
    """

    def __init__(self, learner: Learner, bank: Sequence[Misconception]):
        super().__init__(learner)
        self.bank = bank
        self.verdicts: dict[tuple[str, str], Verdict] = {}

    def pytest_runtestloop(self, session: Any) -> bool:
        functions = self.learner.namespace
        solution = self.run(session.items)
        calls = {outcome.test: outcome.called for outcome in solution}
        for wrong in self.bank:
            name = wrong.exercise
            with self.learner.with_other({name: functions[wrong.wrong.__name__]}):
                concerned = self.run([item for item in session.items if name in calls.get(item.nodeid, ())])
                others = [each for each in solution if name not in each.called]
                self.verdicts[name, wrong.name] = judge(self.learner, others + concerned)
        self.outcomes = solution
        return True


@functools.cache
def verdicts(key: str, folder: Path) -> dict[tuple[str, str], Verdict]:
    chapter = read_chapter(key)
    path = folder / f"{key}_learner.py"
    sources = [chapter.tests / "correct" / "base.py", chapter.tests / "misconceptions.py"]
    path.write_text("\n\n".join(source.read_text(encoding="utf-8") for source in sources), encoding="utf-8")
    rounds = Rounds(Learner(chapter, path), misconceptions(key))
    run_tests(rounds)
    return rounds.verdicts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("banks")


@pytest.mark.parametrize("pair", WRONG, ids=named)
def test_a_misconception_fails_and_is_named(pair: tuple[str, Misconception], folder: Path) -> None:
    key, wrong = pair
    verdict = verdicts(key, folder)[wrong.exercise, wrong.name]
    text = "\n".join(verdict.lines())
    assert all(part in text for part in (wrong.name, wrong.what, wrong.look)), text
    for result in verdict.results:
        if result.name == wrong.exercise:
            assert result.state == "failed"
        else:
            assert result.state == "passed" or wrong.exercise in result.waits_for, text


@pytest.mark.parametrize("pair", WRONG, ids=named)
def test_a_misconception_is_told_from_the_right_answer_and_from_the_others(pair: tuple[str, Misconception]) -> None:
    key, wrong = pair
    right = read_chapter(key).solutions()[wrong.exercise]
    assert not wrong.shows_in(right)
    for arguments in wrong.inputs:
        assert not same(outcome(wrong.wrong, arguments), outcome(right, arguments)), arguments
    others = [each for each in misconceptions(key) if each.exercise == wrong.exercise]
    assert [each.name for each in others if each.shows_in(wrong.wrong)] == [wrong.name]
