"""Chapter 10 with NumPy, regular expressions and padded sequences, where that differs from the loops of base.py."""

import re
import string

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from minidistil.ch05_weights.classifiers import SequenceClassifier, TokenClassifier
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import TaskBatch
from tests.ch10_tasks.correct.base import *  # noqa: F403


def f1(right, guessed, positive=1):
    right, guessed = np.asarray(right) == positive, np.asarray(guessed) == positive
    both = int(np.sum(right & guessed))
    return 2 * both / int(right.sum() + guessed.sum()) if both else 0.0


def matthews(right, guessed):
    if len(set(right)) < 2 or len(set(guessed)) < 2:
        return 0.0
    return float(np.corrcoef(right, guessed)[0, 1])


def spearman(right, guessed):
    columns = []
    for values in (right, guessed):
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        if len(counts) == 1:
            return 0.0
        columns.append((np.cumsum(counts) - (counts - 1) / 2)[places])
    return float(np.corrcoef(columns)[0, 1])


def collate(features, pad_token_id, model_class):
    def padded(rows, value):
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)

    labels = [feature.label for feature in features]
    return TaskBatch(
        padded([feature.input_ids for feature in features], pad_token_id),
        padded([np.ones(len(feature.input_ids), dtype=int) for feature in features], 0),
        padded(labels, -100) if model_class is TokenClassifier else torch.tensor(labels),
        padded([feature.token_type_ids for feature in features], 0),
    )


def imitation_loss(model_class, student, teacher, batch, temperature):
    if model_class is SequenceClassifier:
        if student.size(1) == 1:
            return torch.nn.functional.mse_loss(student, teacher.detach())
        return soft_target_loss(student, teacher, temperature)
    if model_class is TokenClassifier:
        chosen = batch.labels.flatten().ne(-100).nonzero().squeeze(1)
        pair = (scores.flatten(0, 1).index_select(0, chosen) for scores in (student, teacher))
        return soft_target_loss(*pair, temperature)
    lowest = torch.finfo(torch.float16).min
    real = batch.attention_mask.bool()
    ends = [
        soft_target_loss(*(scores[..., end].where(real, lowest) for scores in (student, teacher)), temperature)
        for end in (0, 1)
    ]
    return sum(ends) / 2


def token_span(offsets, start, end):
    touched = [index for index, offset in enumerate(offsets) if max(offset[0], start) < min(offset[1], end)]
    return (min(touched), max(touched)) if touched else None


def best_spans(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    starts, ends = (logits[slice(*context)].double().numpy() for logits in (start_logits, end_logits))
    sums = np.add.outer(starts, ends)
    places = np.arange(len(starts))
    length = places[None] - places[:, None] + 1
    first, last = np.nonzero((length >= 1) & (length <= max_answer_length))
    order = np.argsort(-sums[first, last], kind="stable")[:n_best]
    pairs = zip(first[order].tolist(), last[order].tolist())
    return [Span(context[0] + i, context[0] + j, float(sums[i, j])) for i, j in pairs]


def normalize_answer(text):
    kept = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower())
    return re.sub(r"\s+", " ", re.sub(r"\b(?:an?|the)\b", " ", kept)).strip()


def token_f1(prediction, answer):
    one, other = (normalize_answer(text).split() for text in (prediction, answer))
    common = sum(min(one.count(word), other.count(word)) for word in {*one})
    if common == 0:
        return 0.0
    precision, recall = common / len(one), common / len(other)
    return 2 / (1 / precision + 1 / recall)


def entities(tags):
    code = "".join({"O": "O", "B": "B", "I": "I"}[tag[0]] for tag in tags)
    kinds, found = [tag[2:] for tag in tags], []
    for match in re.finditer(r"[BI]I*", code):
        first = match.start()
        for place in range(first + 1, match.end() + 1):
            if place == match.end() or kinds[place] != kinds[first]:
                found.append(Entity(kinds[first], first, place - 1))
                first = place
    return found
