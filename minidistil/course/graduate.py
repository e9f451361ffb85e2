"""`minidistil graduate`: the learner's own functions, put together, run the official weights and fill a mask.

What is not written yet comes from the package. While the model runs, it is recorded whose functions are called.
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
from minidistil.course.judge import names_used
from minidistil.course.learner import Learner, in_place_of, replaced
from minidistil.course.watch import Watch, time_limit

SENTENCE = "The caf\u00e9 returns a [MASK] of the elements in the list."
# The guesses of the package's own code with the offline teacher, for copies of the course without solutions.
KNOWN = (
    (2862, "list", 0.761628),
    (6100, "copy", 0.05771),
    (2193, "number", 0.026849),
    (5537, "sequence", 0.019168),
    (2275, "set", 0.010593),
)
TOLERANCE = 1e-4  # of a probability: sums in another order differ in the last digits
SECONDS = 300.0


@dataclass
class Pieces:
    """A chapter's part in the run: which exercises ran, the learner's or the package's."""

    chapter: Chapter
    written: dict[str, Any] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)  # filled while the model runs
    problem: str = ""  # why the learner's file could not be loaded

    def yours(self) -> list[str]:
        """The learner's functions that ran: those that the package called, and those that these use."""
        ran = self.called & self.written.keys()
        while more := {used for name in ran for used in names_used(self.written[name]) & self.written.keys()} - ran:
            ran |= more
        return [name for name in self.written if name in ran]

    def unused(self) -> list[str]:
        """The learner's functions that did not run."""
        return [name for name in self.written if name not in self.yours()]

    def packages(self) -> list[str]:
        """The package's functions that ran."""
        return [name for name in self.chapter.hints if name in self.called and name not in self.written]


@dataclass
class Graduation:
    """The guesses of the learner's code and those of the package's code, for the same sentence."""

    text: str
    model: str
    pieces: list[Pieces]
    expected: list[Guess] | None  # None where no solutions of the package are left to compare with
    guesses: list[Guess] | None  # None where the learner's code raised an error
    error: str = ""

    @property
    def equal(self) -> bool:
        """Whether words, order and scores are those of the package (scores up to TOLERANCE)."""
        if self.guesses is None or self.expected is None or len(self.guesses) != len(self.expected):
            return False
        return all(
            mine["token"] == own["token"] and abs(mine["score"] - own["score"]) <= TOLERANCE
            for mine, own in zip(self.guesses, self.expected, strict=True)
        )

    def lines(self) -> Iterator[str]:
        """As text: which functions are the learner's, the guesses, and whether they are those of the package."""
        for each in self.pieces:
            needed = self.guesses is not None and (each.yours() or each.packages())
            yield each.chapter.title + ("" if needed or self.guesses is None else ": not needed to fill a mask")
            if needed:
                yield f"  yours      {', '.join(each.yours()) or '-'}"
                yield f"  package's  {', '.join(each.packages()) or '-'}"
                if each.unused():
                    yield f"  not used   {', '.join(each.unused())}"
            elif self.guesses is None and each.written:
                called = [name for name in each.written if name in each.called]
                yield f"  called before the error  {', '.join(called) or '-'}"
            if each.problem:
                yield f"  {each.problem}"
        yield f"\n{self.text}  ({self.model})"
        if self.guesses is None:
            yield f"Your code stopped: {self.error}. minidistil check says more."
            return
        for guess in self.guesses:
            yield f"{guess['score']:.4f}  {guess['token_str']:<16} {guess['sequence']}"
        if self.expected is None:
            yield f"A copy without solutions can only compare the guesses for {SENTENCE!r} with minilm."
            return
        if not self.equal:
            words = ", ".join(f"{guess['token_str']} {guess['score']:.4f}" for guess in self.expected)
            yield f"Not the same: the package's own code gives {words}. minidistil check finds what differs."
            return
        yield "The package's own code gives the same words, and the same scores to four digits."
        yours, missing = (sum(len(part(each)) for each in self.pieces) for part in (Pieces.yours, Pieces.packages))
        if yours and not missing:
            yield f"Graduated: all {yours} exercises that this needs are yours."
        elif yours:
            yield f"{yours} of the {yours + missing} exercises that this needs are yours."
        else:
            yield "None of the code is yours yet: minidistil progress shows where to begin."


def graduate(text: str = SENTENCE, name: str = "minilm") -> Graduation:
    """Fill a mask twice: with the package's code, then with the learner's in its place.

    Args:
        text: a sentence with one [MASK].
        name: model name, hub id or folder.

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
    written = learner.solved()
    for name in learner.own.keys() - written.keys():  # what is not written may be called by what is
        learner.namespace[name] = learner.own[name]
    watch = Watch(str(chapter.path))
    stack.enter_context(in_place_of(learner.own, learner.own | written, watch))
    return Pieces(chapter, written, watch.called)


def _expected(text: str, name: str) -> list[Guess] | None:
    """The package's guesses; None in a copy without solutions, except for what is known."""
    if not replaced:
        return _fill(text, name)
    if (text, name) != (SENTENCE, "minilm"):
        return None
    return [
        {"sequence": text.replace("[MASK]", word), "score": score, "token": token, "token_str": word}
        for token, word, score in KNOWN
    ]


def _fill(text: str, name: str) -> list[Guess]:
    """The guesses, with their types checked, since fill_mask may be the learner's too."""
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
    """The error with the line of the learner's file."""
    files = {str(each.chapter.path) for each in pieces}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"
