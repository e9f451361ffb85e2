"""Chapter 10. Question and text as windows that a model can read, with the places of the answer in them.

Devlin et al. (2019), section 4.2, with the sizes of BERT's own run_squad.py: 384 tokens a window, windows 128
tokens apart, 64 tokens of a question at most. (The `stride` of the `tokenizers` library is another thing: how
many tokens two neighbours share.)

A character span is [start, end): `end` is the character after the last one. A token span names its last token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks.tasks import Feature

STRIDE = 128
MAX_QUESTION_LENGTH = 64
CLS_SPAN = (0, 0)  # what a window without the answer points at: its [CLS]


class Answer(NamedTuple):
    """A stretch of the context, and the character it begins with."""

    text: str
    start: int


@dataclass(frozen=True)
class Question:
    """A question, the text to answer it from, and what people marked there."""

    id: str
    title: str  # of the article
    question: str
    context: str
    answers: tuple[Answer, ...]  # empty only where there is nothing to learn or to measure


@dataclass(frozen=True, kw_only=True)
class Window(Feature):
    """[CLS] question [SEP] part of the context [SEP]; the label is the answer's first and last token in it."""

    context_start: int  # where the context's tokens begin
    offsets: list[tuple[int, int]]  # of the context's tokens, in characters of the whole context

    @property
    def context_end(self) -> int:
        """Where the context's tokens end: the last [SEP] stands there."""
        return self.context_start + len(self.offsets)


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that has a character of [start, end); None if none has.

    Args:
        offsets: the characters [start, end) of each token, in order.
        start, end: the answer's characters.
    """
    inside = [index for index, (first, stop) in enumerate(offsets) if first < end and stop > start]
    return (inside[0], inside[-1]) if inside else None


def window_starts(length: int, room: int, stride: int = STRIDE) -> list[int]:
    """Where windows of `room` tokens begin, `stride` tokens apart, until one reaches the end of `length` tokens.

    Raises:
        ValueError: windows would never move on, or leave tokens out between them.
    """
    if not 0 < stride <= room:
        raise ValueError(
            f"The stride is {stride} tokens, and a window has room for {room}: expected a stride from 1 to that number."
        )
    starts = [0]
    while starts[-1] + room < length:
        starts.append(starts[-1] + stride)
    return starts


def answer_positions(span: tuple[int, int] | None, begin: int, end: int, context_start: int) -> tuple[int, int]:
    """Where a window has the answer's first and last token; (0, 0), its [CLS], unless it has all of the answer.

    Args:
        span: the answer's first and last token, counted in the whole context; None if no token belongs to it.
        begin, end: the window has the context's tokens from `begin` to before `end`.
        context_start: where the first of these stands in the window.
    """
    if span is None or span[0] < begin or span[1] >= end:
        return CLS_SPAN
    shift = context_start - begin
    return span[0] + shift, span[1] + shift


def windows(
    questions: Sequence[Question], tokenizer: WordPiece, max_length: int = 384, stride: int = STRIDE
) -> list[Window]:
    """All windows of all questions. Of several answers the first is the one to learn.

    A question beyond 64 tokens loses its end, and its first window counts them as cut. Where max_length leaves
    little room, windows are closer than `stride`: neighbours share half of their tokens at least.

    Raises:
        ValueError: max_length leaves no room beside the question, or the stride is below 1.
    """
    known: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}  # a context has about five questions
    result = []
    for number, question in enumerate(questions):
        if question.context not in known:
            encoding = tokenizer.encode(question.context)
            known[question.context] = encoding.ids[1:-1], encoding.offsets[1:-1]
        result += _windows_of(question, number, *known[question.context], tokenizer, max_length, stride)
    return result


def _windows_of(
    question: Question,
    number: int,
    ids: list[int],
    offsets: list[tuple[int, int]],
    tokenizer: WordPiece,
    max_length: int,
    stride: int,
) -> list[Window]:
    asked = tokenizer.ids(question.question)
    head = [tokenizer.cls_token_id, *asked[:MAX_QUESTION_LENGTH], tokenizer.sep_token_id]
    room = _room(question, len(head), max_length)
    span = None
    if question.answers:
        text, first = question.answers[0]
        span = token_span(offsets, first, first + len(text))
    result = []
    for begin in window_starts(len(ids), room, min(stride, room // 2)):
        part = ids[begin : begin + room]
        result.append(
            Window(
                input_ids=[*head, *part, tokenizer.sep_token_id],
                token_type_ids=[0] * len(head) + [1] * (len(part) + 1),
                label=list(answer_positions(span, begin, begin + len(part), len(head))),
                example=number,
                cut=0 if begin else max(0, len(asked) - MAX_QUESTION_LENGTH),
                context_start=len(head),
                offsets=offsets[begin : begin + room],
            )
        )
    return result


def _room(question: Question, head: int, max_length: int) -> int:
    """How many tokens of the text a window has beside its `head`, [CLS] question [SEP], and the last [SEP]."""
    room = max_length - head - 1
    if room < 2:
        raise ValueError(
            f"max_length={max_length} leaves room for {max(room, 0)} tokens of the text beside the question "
            f"{question.question!r:.60}: expected {head + 3} or more."
        )
    return room
