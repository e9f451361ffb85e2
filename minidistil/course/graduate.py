"""`minidistil graduate`: the learner's own pieces, put together, run the official weights and fill a mask.

What is not written yet comes from the package. Whose piece ran is recorded while it runs.
"""

import contextlib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.fillmask import Guess, fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.course.chapters import Chapter, chapter_keys, read_chapter
from minidistil.course.check import names_used
from minidistil.course.learner import Learner, in_place_of, replaced, time_limit

SENTENCE = "The caf\u00e9 returns a [MASK] of the elements in the list."
# What the package's own code says of it with the offline teacher: for copies in which there is no such code.
KNOWN = (
    (2862, "list", 0.573069),
    (6100, "copy", 0.062704),
    (5537, "sequence", 0.035318),
    (2193, "number", 0.029884),
    (16745, "subset", 0.019933),
)
TOLERANCE = 1e-4  # of a probability: sums in another order differ in the last digits
SECONDS = 300.0


@dataclass
class Pieces:
    """A chapter's part in the run: which exercises ran, and whose."""

    chapter: Chapter
    written: dict[str, Any] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)  # filled while the model runs
    problem: str = ""  # why the learner's file could not be loaded

    def yours(self) -> list[str]:
        """What ran of the learner's own: called by the package, or used by what was."""
        ran = self.called & self.written.keys()
        while more := {used for name in ran for used in names_used(self.written[name]) & self.written.keys()} - ran:
            ran |= more
        return [name for name in self.written if name in ran]

    def packages(self) -> list[str]:
        """What ran of the package's."""
        names = [exercise.name for exercise in self.chapter.exercises]
        return [name for name in names if name in self.called and name not in self.written]


@dataclass
class Graduation:
    """What the learner's pieces made of a sentence, beside what the package makes of it."""

    text: str
    model: str
    pieces: list[Pieces]
    expected: list[Guess] | None  # None where no code of the package's is left to ask
    guesses: list[Guess] | None  # None where the learner's code raised
    error: str = ""

    @property
    def equal(self) -> bool:
        """Whether the words are the package's, in their order, and the scores too (to TOLERANCE)."""
        if self.guesses is None or self.expected is None or len(self.guesses) != len(self.expected):
            return False
        return all(
            mine["token"] == own["token"] and abs(mine["score"] - own["score"]) <= TOLERANCE
            for mine, own in zip(self.guesses, self.expected, strict=True)
        )

    def lines(self) -> Iterator[str]:
        """For people: what is whose, the words, and whether they are the package's own."""
        for each in self.pieces:
            needed = each.yours() or each.packages() or self.guesses is None
            yield each.chapter.title + ("" if needed else ": not needed to fill a mask")
            if needed:
                yield f"  yours      {', '.join(each.yours()) or '-'}"
                yield f"  package's  {', '.join(each.packages()) or '-'}"
            if each.problem:
                yield f"  {each.problem}"
        yield f"\n{self.text}  ({self.model})"
        if self.guesses is None:
            yield f"Your code stopped: {self.error}. minidistil check says more."
            return
        for guess in self.guesses:
            yield f"{guess['score']:.4f}  {guess['token_str']:<16} {guess['sequence']}"
        if self.expected is None:
            yield f"This copy can only compare what is known beforehand: {SENTENCE!r} with minilm."
            return
        if not self.equal:
            words = ", ".join(f"{guess['token_str']} {guess['score']:.4f}" for guess in self.expected)
            yield f"Not the same: the package's own code says {words}. minidistil check finds the piece that differs."
            return
        yield "The package's own code says the same words, and the same scores to four digits."
        yours, missing = (sum(len(part(each)) for each in self.pieces) for part in (Pieces.yours, Pieces.packages))
        if yours and not missing:
            yield f"Graduated: all {yours} exercises that this takes are yours."
        elif yours:
            yield f"{yours} of the {yours + missing} exercises that this takes are yours."
        else:
            yield "Nothing of it is yours yet: minidistil progress shows where to begin."


def graduate(text: str = SENTENCE, name: str = "minilm") -> Graduation:
    """Fill a mask twice: with the package's code, then with the learner's in its place.

    Args:
        text: with one [MASK].
        name: the model: ladder name, hub id or folder.

    Raises:
        ValueError, FileNotFoundError: no [MASK] or several, or no such model.
    """
    if text.count("[MASK]") != 1:
        raise ValueError(f"{text!r} has {text.count('[MASK]')} [MASK]: expected one.")
    expected = _expected(text, name)
    pieces = []
    with contextlib.ExitStack() as stack:
        for key in chapter_keys():  # each file is loaded with those before it in place, and may import from them
            pieces.append(_put_in_place(read_chapter(key), stack))
        try:
            with time_limit(SECONDS):
                return Graduation(text, name, pieces, expected, _fill(text, name))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # exit() too
            return Graduation(text, name, pieces, expected, None, _place(error, pieces))


def _put_in_place(chapter: Chapter, stack: contextlib.ExitStack) -> Pieces:
    try:
        learner = Learner(chapter, chapter.path)
    except (ValueError, FileNotFoundError) as error:
        return Pieces(chapter, problem=f"Your file is left out. {error}")
    written = {
        name: function
        for name, function in learner.functions.items()
        if learner.written[name] and not learner.borrowed[name]
    }
    for name in learner.own.keys() - written.keys():  # what the learner's own code calls and has not written
        learner.namespace[name] = learner.own[name]
    return Pieces(chapter, written, stack.enter_context(in_place_of(learner.own, learner.own | written)))


def _expected(text: str, name: str) -> list[Guess] | None:
    """What the package's own code says; None where the learner's has taken its place for good, and nobody knows."""
    if not replaced:
        return _fill(text, name)
    if (text, name) != (SENTENCE, "minilm"):
        return None
    return [
        {"sequence": text.replace("[MASK]", word), "score": score, "token": token, "token_str": word}
        for token, word, score in KNOWN
    ]


def _fill(text: str, name: str) -> list[Guess]:
    """The guesses; an error if what comes is none, since fill_mask may be the learner's too."""
    guesses = fill_mask(text, MaskedLM.from_pretrained(name), WordPiece.from_pretrained(name))
    return [
        {
            "sequence": str(each["sequence"]),
            "score": float(each["score"]),
            "token": int(each["token"]),
            "token_str": str(each["token_str"]),
        }
        for each in guesses
    ]


def _place(error: BaseException, pieces: list[Pieces]) -> str:
    """The error with the learner's line."""
    files = {str(each.chapter.path) for each in pieces}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"
