"""NumPy where it can, drawing one position after the other."""

import math

import numpy as np
import torch

from tests.ch02_masking.correct.base import *  # noqa: F403


def chunks(document, tokenizer, max_length):
    if max_length <= 2:
        raise ValueError(f"with max_length={max_length} there is no room: 3 is the least")
    ids = np.array(tokenizer.ids(document), dtype=np.int64)
    made = []
    for part in np.array_split(ids, range(max_length - 2, len(ids), max_length - 2)) if len(ids) else []:
        framed = np.concatenate([[tokenizer.cls_token_id], part, [tokenizer.sep_token_id]])
        too_short = len(framed) < 12 and len(framed) < max_length
        if not too_short and 2 * np.count_nonzero(framed == tokenizer.unk_token_id) < len(framed):
            made.append(torch.from_numpy(framed))
    return iter(made)


def pad(batch, pad_token_id):
    lengths = np.array([len(sequence) for sequence in batch])
    inside = np.arange(lengths.max())[None, :] < lengths[:, None]
    ids = np.full(inside.shape, pad_token_id, dtype=np.int64)
    ids[inside] = np.concatenate([sequence.numpy() for sequence in batch])
    return torch.from_numpy(ids), torch.from_numpy(inside.astype(np.int64))


def token_weights(sequences, vocab_size, smoothing=0.7):
    counts = np.zeros(vocab_size)
    for sequence in sequences:
        np.add.at(counts, sequence.numpy(), 1)
    return torch.from_numpy(np.exp(-smoothing * np.log(np.maximum(counts, 1))))


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}: it must be in 0 to 1")
    tokens = input_ids.numpy().ravel()
    places = np.flatnonzero(~np.isin(tokens, list(special_ids)))
    left = np.ones(len(places)) if weights is None else weights.numpy()[tokens[places]].astype(float)
    chosen = np.zeros(tokens.shape, dtype=bool)
    draws = torch.rand(math.ceil(share * len(places)), generator=generator, dtype=torch.double).tolist()
    for draw in draws:  # one after the other, from what is left
        sums = left.cumsum()
        drawn = min(int(np.searchsorted(sums, draw * sums[-1], side="right")), len(places) - 1)
        chosen[places[drawn]] = True
        places, left = np.delete(places, drawn), np.delete(left, drawn)
    return torch.from_numpy(chosen.reshape(input_ids.shape))


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if not -1 < mask_token_id < vocab_size:
        raise ValueError(f"id {mask_token_id} of [MASK] is outside a vocabulary of {vocab_size}")
    original, where = input_ids.numpy(), chosen.numpy()
    draw = torch.rand(original.shape, generator=generator).numpy()
    shift = torch.randint(1, vocab_size, original.shape, generator=generator).numpy()
    kinds = [where & (draw < 0.8), where & (draw >= 0.8) & (draw < 0.9)]
    masked = np.select(kinds, [np.full_like(original, mask_token_id), (original - shift) % vocab_size], original)
    return torch.from_numpy(masked), torch.from_numpy(np.where(where, original, -100))
