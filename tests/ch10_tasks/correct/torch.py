"""Chapter 10 with tensors and masks, where that differs from the loops of base.py."""

import torch

from minidistil.ch05_weights.classifiers import TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import TaskBatch
from tests.ch10_tasks.correct.base import *  # noqa: F403


def token_span(offsets, start, end):
    if not offsets:
        return None
    begins, stops = torch.tensor(offsets).T
    places = ((begins < end) & (stops > start)).nonzero().flatten().tolist()
    return (places[0], places[-1]) if places else None


def best_spans(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    length = len(start_logits)
    places = torch.arange(length)
    first, last = places[:, None], places[None]
    allowed = (first >= context[0]) & (last < context[1]) & (last >= first) & (last - first < max_answer_length)
    sums = (start_logits[:, None] + end_logits[None])[allowed]
    pairs = allowed.nonzero()
    order = torch.argsort(sums, descending=True, stable=True)[:n_best]
    return [Span(*pairs[index].tolist(), sums[index].item()) for index in order.tolist()]


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


def _correlation(columns):
    centred = columns - columns.mean(dim=1, keepdim=True)
    centred[(columns == columns[:, :1]).all(dim=1)] = 0
    (xx, xy), (_, yy) = (centred @ centred.T).tolist()
    return xy / (xx * yy) ** 0.5 if xx * yy else 0.0


def matthews(right, guessed):
    return _correlation(torch.tensor([right, guessed], dtype=torch.float64))


def spearman(right, guessed):
    columns = torch.tensor([right, guessed], dtype=torch.float64)  # (2, N)
    smaller = (columns[:, None] < columns[:, :, None]).sum(-1)
    equal = (columns[:, None] == columns[:, :, None]).sum(-1)
    return _correlation(smaller + (equal + 1) / 2)


def collate(features, pad_token_id, model_class):
    lengths = torch.tensor([len(feature.input_ids) for feature in features])
    shape = (len(features), int(lengths.max()))
    mask = (torch.arange(shape[1]) < lengths[:, None]).long()
    ids, types = torch.full(shape, pad_token_id), torch.zeros(shape, dtype=torch.int64)
    ids[mask.bool()] = torch.tensor([index for feature in features for index in feature.input_ids])
    types[mask.bool()] = torch.tensor([index for feature in features for index in feature.token_type_ids])
    if model_class is TokenClassifier:
        labels = torch.full(shape, -100)
        labels[mask.bool()] = torch.tensor([label for feature in features for label in feature.label])
    else:
        labels = torch.tensor([feature.label for feature in features])
    return TaskBatch(ids, mask, labels, types)


def imitation_loss(model_class, student, teacher, batch, temperature):
    teacher = teacher.detach()
    if model_class is QuestionAnswering:
        hidden = batch.attention_mask[:, None] == 0
        student, teacher = (each.transpose(1, 2).masked_fill(hidden, -1e9) for each in (student, teacher))
    elif model_class is TokenClassifier:
        student, teacher = student[batch.labels != -100], teacher[batch.labels != -100]
    elif student.shape[-1] == 1:
        return torch.nn.functional.mse_loss(student, teacher)
    log_q, log_p = (torch.log_softmax(each / temperature, -1) for each in (student, teacher))
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()
