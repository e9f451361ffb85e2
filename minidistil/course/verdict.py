"""The verdict on a learner's file, as data and as text."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from minidistil.course.chapters import Chapter
from minidistil.course.peers import left_out


class Mistake(NamedTuple):
    """A misconception by name: what is wrong, and what to look at."""

    name: str
    what: str
    look: str


@dataclass
class Result:
    """The verdict on one exercise.

    Its state is "passed", "failed", "not checked" (the tests were stopped before, or need what is not installed),
    "not written" or "borrowed" from the package.
    """

    name: str
    state: str
    failures: list[str] = field(default_factory=list)  # the tests that it fails
    misconceptions: list[Mistake] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)  # exercises that it calls and that are not right yet
    facts: list[str] = field(default_factory=list)  # what is wrong with it, whatever the mistake is
    not_run: int = 0  # its tests that were left out after an endless loop

    def lines(self, key: str) -> Iterator[str]:
        """The verdict as text."""
        yield f"  {self.state:<11}  {self.name}"
        if self.state == "borrowed":
            yield "      This is the package's own function: write it yourself, without importing it."
        for fact in self.facts[:3]:
            yield f"      {fact[0].upper()}{fact[1:]}{'' if fact.endswith('?') else '.'}"
        for failure in self.failures[: 1 if self.facts else 2]:
            yield f"      {failure}"
        if (more := len(self.failures) - (1 if self.facts else 2)) > 0:
            yield f"      … and {more} more."
        if self.not_run:
            yield f"      Not checked: {self.not_run} more tests of it."
        for misconception in self.misconceptions:
            yield f"      This looks like: {misconception.name}. {misconception.what}"
            yield f"      What to look at: {misconception.look}"
        if self.state == "failed" and self.waits_for:
            *others, last = self.waits_for
            names = f"{', '.join(others)} and {last}" if others else last
            yield f"      It calls {names}: get {'those' if others else 'that'} right first."
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
        if without := left_out():
            yield without
        done = sum(result.state == "passed" for result in self.results)
        if self.passed:
            yield f"Passed: all {done} exercises of {key} do what the package's own code does."
        else:
            yield f"Not yet: {done} of {len(self.results)} exercises of {key} pass."

    def to_json(self) -> dict[str, Any]:
        """What another process needs besides the chapter and the path."""
        return {"results": [asdict(result) for result in self.results], "together": self.together}

    @classmethod
    def from_json(cls, chapter: Chapter, path: Path, said: dict[str, Any]) -> "Verdict":
        """The reverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: it is no verdict on this chapter.
        """
        results = [Result(**each) for each in said["results"]]
        if [each.name for each in results] != list(chapter.hints):
            raise ValueError(f"A verdict on other exercises than those of {chapter.key}.")
        for each in results:
            each.misconceptions = [Mistake(*one) for one in each.misconceptions]
        return cls(chapter, path, results, list(said["together"]))
