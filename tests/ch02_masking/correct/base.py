"""A whole solution in plain Python, one position at a time."""

import math
import random

import torch


def chunks(document, tokenizer, max_length):
    if max_length < 3:
        raise ValueError(f"max_length={max_length}, but at least 3 are needed")
    rest = list(tokenizer.ids(document))
    while rest:
        text, rest = rest[: max_length - 2], rest[max_length - 2 :]
        unknown = sum(1 for index in text if index == tokenizer.unk_token_id)
        length = len(text) + 2
        if length < 12 and length < max_length:
            continue
        if unknown / length >= 0.5:
            continue
        yield torch.tensor([tokenizer.cls_token_id, *text, tokenizer.sep_token_id])


def pad(batch, pad_token_id):
    width = max(len(sequence) for sequence in batch)
    ids, mask = [], []
    for sequence in batch:
        missing = width - len(sequence)
        ids.append(sequence.tolist() + [pad_token_id] * missing)
        mask.append([1] * len(sequence) + [0] * missing)
    return torch.tensor(ids), torch.tensor(mask)


def epoch_batches(lengths, batch_size, seed):
    draw = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index] // 4, draw.random()))
    batches = []
    while order:
        batches.append(order[:batch_size])
        order = order[batch_size:]
    draw.shuffle(batches)
    return batches


def token_weights(sequences, vocab_size, smoothing=0.7):
    counts = [0] * vocab_size
    for sequence in sequences:
        for token in sequence.tolist():
            counts[token] += 1
    return torch.tensor([1 / max(count, 1) ** smoothing for count in counts], dtype=torch.double)


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if not (share >= 0 and share <= 1):
        raise ValueError(f"share is {share}, not in the range 0 to 1")
    chosen = torch.zeros(input_ids.shape, dtype=torch.bool)
    left = [
        (row, column, 1.0 if weights is None else float(weights[token]))
        for row, line in enumerate(input_ids.tolist())
        for column, token in enumerate(line)
        if token not in special_ids
    ]
    count = math.ceil(share * len(left))
    draws = torch.rand(len(left), generator=generator, dtype=torch.double).tolist()
    # Each position waits for an exponential time at the rate of its weight; the first ones are chosen.
    waits = [(-math.log(1 - draw) / weight, row, column) for draw, (row, column, weight) in zip(draws, left)]
    for _, row, column in sorted(waits)[:count]:
        chosen[row, column] = True
    return chosen


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if mask_token_id not in range(vocab_size):
        raise ValueError(f"{mask_token_id} is no id in the vocabulary of {vocab_size}")
    masked, labels = input_ids.tolist(), torch.full_like(input_ids, -100).tolist()
    places = chosen.nonzero().tolist()
    draws = torch.rand(len(places), generator=generator).tolist()
    others = torch.randint(vocab_size - 1, (len(places),), generator=generator).tolist()
    for (row, column), draw, other in zip(places, draws, others):
        original = masked[row][column]
        labels[row][column] = original
        if draw < 0.1:
            masked[row][column] = other if other < original else other + 1
        elif draw < 0.9:
            masked[row][column] = mask_token_id
    return torch.tensor(masked), torch.tensor(labels)
