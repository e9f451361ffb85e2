"""With loops over plain Python numbers."""

import math
import random

import torch


def perplexity(losses):
    flat = [value for batch in losses for value in batch.flatten().tolist()]
    if len(flat) == 0:
        raise ValueError("There are no losses.")
    return math.exp(math.fsum(flat) / len(flat))


def token_cosines(student_states, teacher_states, attention_mask):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"{tuple(student_states.shape)} and {tuple(teacher_states.shape)} differ.")
    cosines = []
    for b in range(student_states.shape[0]):
        for place in range(student_states.shape[1]):
            if attention_mask[b, place]:
                one, other = student_states[b, place], teacher_states[b, place]
                cosines.append(torch.dot(one, other) / (one.norm() * other.norm()))
    return torch.stack(cosines)


def document_totals(values, documents):
    sums = {}
    for row, document in zip(values.tolist(), documents.tolist(), strict=True):
        before = sums.get(document, [0.0] * len(row))
        sums[document] = [a + b for a, b in zip(before, row, strict=True)]
    return torch.tensor([sums[document] for document in sorted(sums)], dtype=torch.float64)


def resampled_sums(totals, draws=1000, generator=None):
    seed = int(torch.randint(2**31, (), generator=generator))
    dice, count = random.Random(seed), len(totals)
    rows = []
    for _ in range(draws):
        rows.append(totals[dice.choices(range(count), k=count)].double().sum(0))
    return torch.stack(rows)


def interval(samples, level=0.95):
    if level <= 0 or level >= 1:
        raise ValueError(f"level is {level}.")
    ordered = sorted(samples.tolist())

    def at(fraction):
        place = fraction * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    return at((1 - level) / 2), at(1 - (1 - level) / 2)


def reliability(confidence, right, bins=10):
    members = [[] for _ in range(bins)]
    for value, hit in zip(confidence.tolist(), right.tolist(), strict=True):
        members[max(0, math.ceil(value * bins) - 1)].append((value, float(hit)))
    counts = torch.tensor([len(each) for each in members])
    means = [
        [sum(pair[which] for pair in each) / len(each) if each else math.nan for each in members] for which in (0, 1)
    ]
    return counts, *(torch.tensor(each, dtype=torch.float64) for each in means)


def expected_calibration_error(confidence, right, bins=10):
    error = 0.0
    for count, mean, accuracy in zip(*(each.tolist() for each in reliability(confidence, right, bins)), strict=True):
        if count:
            error += count / len(confidence) * abs(accuracy - mean)
    return error
