"""Chapter 10 written another way: plain loops. The other variants begin with these functions."""

import math
import string

import torch

from minidistil.ch05_weights.classifiers import TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import TaskBatch


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


def f1(right, guessed, positive=1):
    found = missed = false_alarms = 0
    for answer, guess in zip(right, guessed):
        if answer == positive and guess == positive:
            found += 1
        elif answer == positive:
            missed += 1
        elif guess == positive:
            false_alarms += 1
    if found == 0:
        return 0.0
    precision, recall = found / (found + false_alarms), found / (found + missed)
    return 2 * precision * recall / (precision + recall)


def matthews(right, guessed):
    counts = {(answer, guess): 0 for answer in (0, 1) for guess in (0, 1)}
    for pair in zip(right, guessed):
        counts[pair] += 1
    h, f, m, r = counts[1, 1], counts[0, 1], counts[1, 0], counts[0, 0]
    below = (h + f) * (h + m) * (r + f) * (r + m)
    return (h * r - f * m) / math.sqrt(below) if below else 0.0


def spearman(right, guessed):
    def ranks(values):
        return [sum(v < x for v in values) + (1 + sum(v == x for v in values)) / 2 for x in values]

    a, b = ranks(right), ranks(guessed)
    middle = (len(a) + 1) / 2
    products = sum((x - middle) * (y - middle) for x, y in zip(a, b))
    below = math.sqrt(sum((x - middle) ** 2 for x in a) * sum((y - middle) ** 2 for y in b))
    return products / below if below else 0.0


def collate(features, pad_token_id, model_class):
    longest = max(len(feature.input_ids) for feature in features)
    ids, mask, types, labels = [], [], [], []
    for feature in features:
        length = len(feature.input_ids)
        gap = longest - length
        ids.append(list(feature.input_ids) + [pad_token_id] * gap)
        mask.append([1] * length + [0] * gap)
        types.append(list(feature.token_type_ids) + [0] * gap)
        labels.append(feature.label + [-100] * gap if model_class is TokenClassifier else feature.label)
    return TaskBatch(torch.tensor(ids), torch.tensor(mask), torch.tensor(labels), torch.tensor(types))


def imitation_loss(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        losses = []
        for row, length in enumerate(batch.attention_mask.sum(1).tolist()):
            for end in (0, 1):
                pair = (each[row, :length, end][None] for each in (student, teacher))
                losses.append(soft_target_loss(*pair, temperature))
        return torch.stack(losses).mean()
    if model_class is TokenClassifier:
        chosen = [(i, j) for i, row in enumerate(batch.labels.tolist()) for j, label in enumerate(row) if label != -100]
        pair = (torch.stack([each[place] for place in chosen]) for each in (student, teacher))
        return soft_target_loss(*pair, temperature)
    if student.shape[1] == 1:
        return (student - teacher.detach()).square().mean()
    return soft_target_loss(student, teacher, temperature)
