"""One tensor filled by indices: scatter, index_add, bucketize, the largest of random keys."""

import math

import torch

from tests.ch02_masking.correct.base import *  # noqa: F403


def chunks(document, tokenizer, max_length):
    if max_length < 3:
        raise ValueError(f"max_length={max_length} has no room for 3 tokens")
    ids = torch.tensor(tokenizer.ids(document), dtype=torch.long)
    framed = []
    for part in ids.split(max_length - 2) if len(ids) else ():
        row = torch.full((len(part) + 2,), tokenizer.cls_token_id)
        row[1:-1], row[-1] = part, tokenizer.sep_token_id
        framed.append(row)
    short = min(12, max_length)
    return [row for row in framed if len(row) >= short and 2 * (row == tokenizer.unk_token_id).sum() < len(row)]


def pad(batch, pad_token_id):
    shape = len(batch), max(map(len, batch))
    ids, mask = torch.full(shape, pad_token_id), torch.zeros(shape, dtype=torch.long)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask


def epoch_batches(lengths, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(len(lengths), dtype=torch.double, generator=generator)
    order = (torch.tensor(lengths) // 4 + noise).argsort()  # the whole number is the bin, the rest the shuffle
    batches = [batch.tolist() for batch in order.split(batch_size)]
    places = torch.randperm(len(batches), generator=generator)
    return [batches[place] for place in places.tolist()]


def token_weights(sequences, vocab_size, smoothing=0.7):
    tokens = torch.cat(list(sequences))
    counts = torch.zeros(vocab_size, dtype=torch.double).index_add(
        0, tokens, torch.ones(len(tokens), dtype=torch.double)
    )
    return 1 / counts.maximum(torch.tensor(1.0)).pow(smoothing)


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if math.isnan(share) or min(share, 1 - share) < 0:
        raise ValueError(f"share is {share}, expected 0 to 1")
    ordinary = torch.tensor([[token not in special_ids for token in row] for row in input_ids.tolist()])
    rates = torch.ones(input_ids.shape, dtype=torch.double) if weights is None else weights.double()[input_ids]
    waits = torch.empty(input_ids.shape, dtype=torch.double).exponential_(generator=generator) / rates
    waits[~ordinary] = torch.inf
    first = waits.flatten().topk(math.ceil(share * int(ordinary.sum())), largest=False).indices
    return torch.zeros(input_ids.numel(), dtype=torch.bool).index_fill(0, first, True).view_as(input_ids)


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if mask_token_id < 0 or mask_token_id > vocab_size - 1:
        raise ValueError(f"[MASK], {mask_token_id}, is not in the vocabulary of {vocab_size}")
    kind = torch.bucketize(torch.rand(input_ids.shape, generator=generator), torch.tensor([0.8, 0.9]))
    other = (input_ids + torch.randint(vocab_size - 1, input_ids.shape, generator=generator) + 1) % vocab_size
    candidates = torch.stack([torch.full_like(input_ids, mask_token_id), input_ids, other])
    masked = candidates.gather(0, kind[None]).squeeze(0)
    return torch.where(chosen, masked, input_ids), input_ids * chosen - 100 * ~chosen
