"""Chapter 10 with sets, binary search and generators, where that differs from the loops of base.py."""

import bisect
import heapq
import itertools

import torch

from minidistil.ch05_weights.classifiers import TokenClassifier
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import TaskBatch
from tests.ch10_tasks.correct.base import *  # noqa: F403


def token_span(offsets, start, end):
    first = bisect.bisect_right([stop for _, stop in offsets], start)
    last = bisect.bisect_left([begin for begin, _ in offsets], end) - 1
    return (first, last) if first <= last else None


def answer_positions(span, begin, end, context_start):
    try:
        held = range(begin, end)
        return held.index(span[0]) + context_start, held.index(span[1]) + context_start
    except (TypeError, ValueError):
        return 0, 0


def best_spans(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    starts, ends = start_logits.tolist(), end_logits.tolist()
    pairs = itertools.combinations_with_replacement(range(*context), 2)
    spans = (Span(i, j, starts[i] + ends[j]) for i, j in pairs if j - i + 1 <= max_answer_length)
    return heapq.nsmallest(n_best, spans, key=lambda span: (-span.score, span.first, span.last))


def label_pieces(words, labels, tokenizer):
    pairs = []
    for word, label in zip(words, labels):
        pieces = tokenizer.ids(word) or [tokenizer.unk_token_id]
        pairs += list(itertools.zip_longest(pieces, [label], fillvalue=-100))
    return [piece for piece, _ in pairs], [label for _, label in pairs]


def entities(tags):
    names, open_name = [], None
    for place, tag in enumerate([*tags, "O"]):
        if open_name is not None and tag != f"I-{open_name[0]}":
            names.append(Entity(open_name[0], open_name[1], place - 1))
            open_name = None
        if open_name is None and tag != "O":
            open_name = (tag[2:], place)
    return names


def f1(right, guessed, positive=1):
    real = {place for place, answer in enumerate(right) if answer == positive}
    found = {place for place, guess in enumerate(guessed) if guess == positive}
    return 2 * len(real & found) / (len(real) + len(found)) if real & found else 0.0


def matthews(right, guessed):
    count, ones, found = len(right), sum(right), sum(guessed)
    both = sum(answer * guess for answer, guess in zip(right, guessed))
    below = (ones * (count - ones) * found * (count - found)) ** 0.5
    return (both * count - ones * found) / below if below else 0.0


def spearman(right, guessed):
    def twice_ranks(values):
        ordered = sorted(values)
        return [bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value) + 1 for value in values]

    a, b = twice_ranks(right), twice_ranks(guessed)
    middle = len(a) + 1
    a, b = [x - middle for x in a], [y - middle for y in b]
    below = (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    return sum(x * y for x, y in zip(a, b)) / below if below else 0.0


def collate(features, pad_token_id, model_class):
    def columns(rows, fill):
        return torch.tensor(list(zip(*itertools.zip_longest(*rows, fillvalue=fill))))

    ids = [feature.input_ids for feature in features]
    labels = [feature.label for feature in features]
    return TaskBatch(
        input_ids=columns(ids, pad_token_id),
        attention_mask=columns([[1] * len(row) for row in ids], 0),
        labels=columns(labels, -100) if model_class is TokenClassifier else torch.tensor(labels),
        token_type_ids=columns([feature.token_type_ids for feature in features], 0),
    )
