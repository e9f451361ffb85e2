"""Questions and names another way: tensors and masks."""

import re
import string
from collections import Counter

import torch

from minidistil.answers import Span
from minidistil.conll import Entity


def token_span(offsets, start, end):
    if not offsets:
        return None
    begins, stops = torch.tensor(offsets).T
    places = ((begins < end) & (stops > start)).nonzero().flatten().tolist()
    return (places[0], places[-1]) if places else None


def answer_positions(span, begin, end, context_start):
    if span is None:
        return 0, 0
    inside = all(begin <= token < end for token in span)
    return tuple(token - begin + context_start for token in span) if inside else (0, 0)


def best_spans(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    length = len(start_logits)
    places = torch.arange(length)
    first, last = places[:, None], places[None]
    allowed = (first >= context[0]) & (last < context[1]) & (last >= first) & (last - first < max_answer_length)
    sums = (start_logits[:, None] + end_logits[None])[allowed]
    pairs = allowed.nonzero()
    order = torch.argsort(sums, descending=True, stable=True)[:n_best]
    return [Span(*pairs[index].tolist(), sums[index].item()) for index in order.tolist()]


def normalize_answer(text):
    text = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower())
    text = re.sub(r"\bthe\b|\ban\b|\ba\b", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def token_f1(prediction, answer):
    one, other = (Counter(normalize_answer(text).split()) for text in (prediction, answer))
    common = sum(min(one[word], other[word]) for word in one)
    if common == 0:
        return 0.0
    precision, recall = common / sum(one.values()), common / sum(other.values())
    return 2 / (1 / precision + 1 / recall)


def label_pieces(words, labels, tokenizer):
    pieces = [tokenizer.ids(word) or [tokenizer.unk_token_id] for word in words]
    ids = [piece for each in pieces for piece in each]
    result = torch.full((len(ids),), -100)
    place = 0
    for label, each in zip(labels, pieces):
        result[place] = label
        place += len(each)
    return ids, result.tolist()


def entities(tags):
    begins = [
        place
        for place, tag in enumerate(tags)
        if tag != "O" and (tag.startswith("B-") or place == 0 or tags[place - 1][2:] != tag[2:])
    ]
    found = []
    for first in begins:
        kind, last = tags[first][2:], first
        while last + 1 < len(tags) and tags[last + 1] == "I-" + kind:
            last += 1
        found.append(Entity(kind, first, last))
    return found
