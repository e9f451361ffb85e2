"""Questions and names another way: plain loops."""

import string

from minidistil.answers import Span
from minidistil.conll import Entity


def token_span(offsets, start, end):
    first = last = None
    for index, (begin, stop) in enumerate(offsets):
        if stop <= start or begin >= end:
            continue
        if first is None:
            first = index
        last = index
    return None if first is None else (first, last)


def answer_positions(span, begin, end, context_start):
    if span is not None:
        first, last = span
        if begin <= first and last < end:
            return context_start + (first - begin), context_start + (last - begin)
    return 0, 0


def best_spans(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    found = []
    for first in range(*context):
        for last in range(first, min(first + max_answer_length, context[1])):
            found.append(Span(first, last, start_logits[first].item() + end_logits[last].item()))
    found.sort(key=lambda span: span.score, reverse=True)
    return found[:n_best]


def normalize_answer(text):
    words = "".join(char for char in text.lower() if char not in string.punctuation)
    kept, word = [], ""
    for char in words + " ":
        if char.isalnum() or char == "_":
            word += char
            continue
        kept.append(" " if word in ("a", "an", "the") else word)
        kept.append(char)
        word = ""
    return " ".join("".join(kept).split())


def token_f1(prediction, answer):
    words, rest = normalize_answer(prediction).split(), normalize_answer(answer).split()
    total, common = len(words) + len(rest), 0
    for word in words:
        if word in rest:
            rest.remove(word)
            common += 1
    return 2 * common / total if common else 0.0


def label_pieces(words, labels, tokenizer):
    input_ids, piece_labels = [], []
    for number, word in enumerate(words):
        pieces = tokenizer.ids(word)
        if len(pieces) == 0:
            pieces = [tokenizer.unk_token_id]
        for place, piece in enumerate(pieces):
            input_ids.append(piece)
            piece_labels.append(labels[number] if place == 0 else -100)
    return input_ids, piece_labels


def entities(tags):
    found, place = [], 0
    while place < len(tags):
        if tags[place] == "O":
            place += 1
            continue
        kind, first = tags[place][2:], place
        place += 1
        while place < len(tags) and tags[place] == f"I-{kind}":
            place += 1
        found.append(Entity(kind, first, place - 1))
    return found
