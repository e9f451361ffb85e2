"""Sorting in place of drawing positions, and one draw from a list of three kinds."""

import math
from collections import defaultdict

import torch

from minidistil.ch02_masking.sequences import MAX_UNKNOWN, MIN_TOKENS
from tests.ch02_masking.correct.base import *  # noqa: F403


def chunks(document, tokenizer, max_length):
    if max_length < 3:
        raise ValueError(f"max_length={max_length} is below 3")
    shortest = min(MIN_TOKENS, max_length)
    cls, sep = torch.tensor([tokenizer.cls_token_id]), torch.tensor([tokenizer.sep_token_id])
    parts = torch.tensor(tokenizer.ids(document), dtype=torch.int64).split(max_length - 2)
    framed = (torch.cat([cls, part, sep]) for part in parts)
    return (
        ids for ids in framed if len(ids) >= shortest and (ids == tokenizer.unk_token_id).double().mean() < MAX_UNKNOWN
    )


def epoch_batches(lengths, batch_size, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    bins = defaultdict(list)
    for index in torch.randperm(len(lengths), generator=generator).tolist():
        bins[lengths[index] // 4].append(index)
    row = [index for number in sorted(bins, reverse=True) for index in bins[number]]
    batches = torch.tensor(row).split(batch_size)
    order = torch.rand(len(batches), generator=generator).argsort()
    return [[int(index) for index in batches[place]] for place in order]


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if share != share or share < 0 or share > 1:
        raise ValueError(f"share is {share}: it is not in 0 to 1")
    special = torch.zeros_like(input_ids, dtype=torch.bool)
    for token in special_ids:
        special |= input_ids == token
    count = math.ceil(share * (special.numel() - int(special.sum())))
    # Gumbel's trick: the largest of log(weight) + noise are a weighted draw without replacement.
    logs = torch.zeros(input_ids.shape, dtype=torch.double) if weights is None else weights.log()[input_ids]
    uniform = torch.rand(input_ids.shape, generator=generator, dtype=torch.double)
    scores = (logs - torch.log(-torch.log(uniform))).masked_fill(special, -math.inf)
    ranks = scores.flatten().argsort(descending=True).argsort().view(input_ids.shape)
    return ranks < count


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if mask_token_id < 0 or mask_token_id >= vocab_size:
        raise ValueError(f"[MASK] is {mask_token_id}, outside the vocabulary of {vocab_size}")
    labels = input_ids.masked_fill(~chosen, -100)
    originals = input_ids[chosen]  # (N,)
    kinds = torch.multinomial(torch.tensor([0.8, 0.1, 0.1]), len(originals), replacement=True, generator=generator)
    others = torch.randint(vocab_size - 1, originals.shape, generator=generator)
    others += (others >= originals).long()  # skips the original
    choices = torch.stack([torch.full_like(originals, mask_token_id), others, originals])  # (3, N)
    return input_ids.masked_scatter(chosen, choices.gather(0, kinds[None])[0]), labels
