"""Chapter 10 written another way: sets, searches and generators."""

import bisect
import heapq
import itertools
import re
import string

import torch

from minidistil.ch05_weights.classifiers import TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import TaskBatch


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


def f1(right, guessed, positive=1):
    real = {place for place, answer in enumerate(right) if answer == positive}
    said = {place for place, guess in enumerate(guessed) if guess == positive}
    return 2 * len(real & said) / (len(real) + len(said)) if real & said else 0.0


def matthews(right, guessed):
    count, ones, said = len(right), sum(right), sum(guessed)
    both = sum(answer * guess for answer, guess in zip(right, guessed))
    below = (ones * (count - ones) * said * (count - said)) ** 0.5
    return (both * count - ones * said) / below if below else 0.0


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


def imitation_loss(model_class, student, teacher, batch, temperature):
    teacher = teacher.detach()
    if model_class is QuestionAnswering:
        pairs = []
        for mask, ours, theirs in zip(batch.attention_mask.bool(), student, teacher):
            pairs += zip(ours[mask].T, theirs[mask].T)
        return sum(soft_target_loss(*(each.unsqueeze(0) for each in pair), temperature) for pair in pairs) / len(pairs)
    if model_class is TokenClassifier:
        asked = batch.labels.flatten() >= 0
        return soft_target_loss(student.flatten(0, 1)[asked], teacher.flatten(0, 1)[asked], temperature)
    return (
        (student - teacher).pow(2).mean() if student.size(-1) == 1 else soft_target_loss(student, teacher, temperature)
    )
