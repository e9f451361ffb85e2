"""Chapter 10. Question and text as windows that a model can read, with the positions of the answer in them.

Devlin et al. (2019), section 4.2, with the sizes of BERT's run_squad.py: windows of at most 384 tokens, which begin 128
tokens apart, with at most 64 tokens of the question. (The `stride` of the `tokenizers` library is something else: the
number of tokens that two neighbours have in common.)

A span of characters is [start, end), where `end` is the character after the last one. A span of tokens is
(first, last), where `last` is the last one itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks.tasks import Feature

STRIDE = 128
MAX_QUESTION_LENGTH = 64
CLS_SPAN = (0, 0)  # the label of a window without the answer: its [CLS]


class Answer(NamedTuple):
    """A part of the context, and the character at which it begins."""

    text: str
    start: int


@dataclass(frozen=True)
class Question:
    """A question, the text that contains the answer, and the answers that people marked there."""

    id: str
    title: str  # of the article
    question: str
    context: str
    answers: tuple[Answer, ...]  # empty only if the question is neither trained on nor evaluated


@dataclass(frozen=True, kw_only=True)
class Window(Feature):
    """[CLS] question [SEP] part of the context [SEP]; the label is the first and the last token of the answer."""

    context_start: int  # position of the context's first token
    offsets: list[tuple[int, int]]  # of the context's tokens, in characters of the whole context

    @property
    def context_end(self) -> int:
        """Position after the context's last token: that of the last [SEP]."""
        return self.context_start + len(self.offsets)


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that has a character of [start, end); None if there is no such token.

    Args:
        offsets: the characters [start, end) of each token, in order.
        start, end: the characters of the answer.

    >>> token_span([(0, 5), (6, 9), (9, 10)], 6, 10)
    (1, 2)
    """
    inside = [index for index, (first, stop) in enumerate(offsets) if first < end and stop > start]
    return (inside[0], inside[-1]) if inside else None


def window_starts(length: int, room: int, stride: int = STRIDE) -> list[int]:
    """Where windows of `room` tokens begin, `stride` tokens apart, until one reaches the end of `length` tokens.

    Raises:
        ValueError: the stride is below 1, or so large that tokens between two windows are left out.

    >>> window_starts(300, room=128, stride=100)
    [0, 100, 200]
    """
    if not 0 < stride <= room:
        raise ValueError(f"stride must be from 1 to {room}, the tokens for which a window has room, got {stride}.")
    starts = [0]
    while starts[-1] + room < length:
        starts.append(starts[-1] + stride)
    return starts


def answer_positions(span: tuple[int, int] | None, begin: int, end: int, context_start: int) -> tuple[int, int]:
    """The positions of the answer's first and last token in a window; (0, 0), its [CLS], unless both are in it.

    Args:
        span: the answer's first and last token, counted in the whole context; None if there is no such token.
        begin, end: the window has the context's tokens from `begin` to before `end`.
        context_start: the position of token `begin` in the window.

    >>> answer_positions((14, 16), begin=10, end=30, context_start=5)
    (9, 11)
    """
    if span is None or span[0] < begin or span[1] >= end:
        return CLS_SPAN
    shift = context_start - begin
    return span[0] + shift, span[1] + shift


def windows(
    questions: Sequence[Question], tokenizer: WordPiece, max_length: int = 384, stride: int = STRIDE
) -> list[Window]:
    """All windows of all questions. If a question has several answers, the first one is the label.

    A question of more than 64 tokens loses its end; the lost tokens are the `cut` of its first window. If max_length
    leaves little room, the stride is smaller, so that neighbours have at least half of their tokens in common.

    Raises:
        ValueError: max_length leaves no room beside the question, or the stride is below 1.
    """
    contexts = dict.fromkeys(question.context for question in questions)  # one has about five questions
    encoded = {context: tokenizer.encode(context) for context in contexts}
    result = []
    for number, question in enumerate(questions):
        ids, offsets = encoded[question.context].ids[1:-1], encoded[question.context].offsets[1:-1]
        span = None
        if question.answers:
            text, first = question.answers[0]
            span = token_span(offsets, first, first + len(text))
        question_ids = tokenizer.ids(question.question)
        head = [tokenizer.cls_token_id, *question_ids[:MAX_QUESTION_LENGTH], tokenizer.sep_token_id]
        room = max_length - len(head) - 1  # for tokens of the context; the last [SEP] takes 1
        if room < 2:
            raise ValueError(
                f"max_length={max_length} leaves room for {max(room, 0)} tokens of the text beside the question "
                f"{question.question!r:.60}: expected {len(head) + 3} or more."
            )
        for begin in window_starts(len(ids), room, min(stride, room // 2)):
            part = ids[begin : begin + room]
            window = Window(
                input_ids=[*head, *part, tokenizer.sep_token_id],
                token_type_ids=[0] * len(head) + [1] * (len(part) + 1),
                label=list(answer_positions(span, begin, begin + len(part), len(head))),
                example=number,
                cut=0 if begin else max(0, len(question_ids) - MAX_QUESTION_LENGTH),
                context_start=len(head),
                offsets=offsets[begin : begin + room],
            )
            result.append(window)
    return result
