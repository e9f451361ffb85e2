"""Questions and names another way: searches and generators."""

import bisect
import heapq
import itertools
import re
import string

from minidistil.answers import Span
from minidistil.conll import Entity


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


def normalize_answer(text):
    kept = text.lower().translate({ord(mark): None for mark in string.punctuation})
    return " ".join(re.sub(r"\b(?:the|an?)\b", " ", kept).split())


def token_f1(prediction, answer):
    one, other = sorted(normalize_answer(prediction).split()), sorted(normalize_answer(answer).split())
    words, total, common = list(other), len(one) + len(other), 0
    for word in one:
        place = bisect.bisect_left(words, word)
        if place < len(words) and words[place] == word:
            del words[place]
            common += 1
    return 2 * common / total if common else 0.0


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
