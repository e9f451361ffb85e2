"""Recursion over the text, and masking in two draws, as transformers' data collator does it."""

import math

import torch

from minidistil.ch02_masking.batching import LENGTH_BIN
from minidistil.ch02_masking.masking import IGNORE
from tests.ch02_masking.correct.base import *  # noqa: F403


def _pieces(ids, room):
    if ids:
        yield ids[:room]
        yield from _pieces(ids[room:], room)


def chunks(document, tokenizer, max_length):
    if max_length < 3:
        raise ValueError(f"max_length={max_length}; 3 is the least")
    for text in _pieces(tokenizer.ids(document), max_length - 2):
        sequence = torch.tensor([tokenizer.cls_token_id, *text, tokenizer.sep_token_id])
        unknown = float((sequence == tokenizer.unk_token_id).float().mean())
        if not (len(sequence) < min(12, max_length) or unknown >= 0.5):
            yield sequence


def pad(batch, pad_token_id):
    longest = max(sequence.shape[0] for sequence in batch)

    def padded(sequence, value):
        return torch.nn.functional.pad(sequence, (0, longest - sequence.shape[0]), value=value)

    ids = torch.stack([padded(sequence, pad_token_id) for sequence in batch])
    return ids, torch.stack([padded(torch.ones_like(sequence), 0) for sequence in batch])


def epoch_batches(lengths, batch_size, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    order = torch.randperm(len(lengths), generator=generator)
    bins = torch.tensor(lengths)[order].div(LENGTH_BIN, rounding_mode="floor")
    order = order[torch.sort(bins, stable=True, descending=True).indices].tolist()
    batches = []
    for place, index in enumerate(order):
        if place % batch_size == 0:
            batches.append([])
        batches[-1].append(index)
    mixed = []
    while batches:
        mixed.append(batches.pop(int(torch.randint(len(batches), (1,), generator=generator))))
    return mixed


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share={share}: 0 to 1 is allowed")
    places = [
        (row, column)
        for row, line in enumerate(input_ids)
        for column, token in enumerate(line)
        if int(token) not in special_ids
    ]
    chosen = torch.zeros(input_ids.shape, dtype=torch.bool)
    number = math.ceil(share * len(places))
    if number == 0:
        return chosen
    of_each = (
        torch.ones(len(places)) if weights is None else torch.stack([weights[input_ids[place]] for place in places])
    )
    for drawn in of_each.multinomial(number, generator=generator):
        chosen[places[drawn]] = True
    return chosen


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if mask_token_id not in range(vocab_size):
        raise ValueError(f"{mask_token_id} is no token of a vocabulary of {vocab_size}")
    labels = input_ids.clone()
    labels[~chosen] = IGNORE
    masked = input_ids.clone()
    becomes_mask = torch.full(labels.shape, 0.8).bernoulli(generator=generator).bool() & chosen
    masked[becomes_mask] = mask_token_id
    becomes_random = torch.full(labels.shape, 0.5).bernoulli(generator=generator).bool() & chosen & ~becomes_mask
    shift = torch.randint(1, vocab_size, labels.shape, generator=generator)
    masked[becomes_random] = ((input_ids + shift) % vocab_size)[becomes_random]
    return masked, labels
