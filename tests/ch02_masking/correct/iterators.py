"""Iterators and counters; Python's random numbers, seeded from the generator that is given."""

import itertools
import math
import random
from collections import Counter

import torch

from tests.ch02_masking.correct.base import *  # noqa: F403


def chunks(document, tokenizer, max_length):
    if max_length < 3:
        raise ValueError(f"got max_length={max_length}, at least 3 are needed")
    ids = iter(tokenizer.ids(document))
    for text in iter(lambda: list(itertools.islice(ids, max_length - 2)), []):
        ids_of_chunk = [tokenizer.cls_token_id, *text, tokenizer.sep_token_id]
        enough = len(ids_of_chunk) >= 12 or len(ids_of_chunk) == max_length
        if enough and Counter(ids_of_chunk)[tokenizer.unk_token_id] / len(ids_of_chunk) < 0.5:
            yield torch.LongTensor(ids_of_chunk)


def pad(batch, pad_token_id):
    columns = itertools.zip_longest(*(sequence.tolist() for sequence in batch))
    rows = list(zip(*columns))
    ids = [[pad_token_id if token is None else token for token in row] for row in rows]
    return torch.tensor(ids), torch.tensor([[int(token is not None) for token in row] for row in rows])


def epoch_batches(lengths, batch_size, seed):
    draw = random.Random(seed)
    order = draw.sample(range(len(lengths)), k=len(lengths))
    grouped = itertools.chain.from_iterable(
        [index for index in order if lengths[index] // 4 == number] for number in range(max(lengths) // 4 + 1)
    )
    batches = list(iter(lambda: list(itertools.islice(grouped, batch_size)), []))
    return draw.sample(batches, k=len(batches))


def token_weights(sequences, vocab_size, smoothing=0.7):
    counts = Counter(itertools.chain.from_iterable(sequence.tolist() for sequence in sequences))
    return torch.tensor([max(counts[token], 1) ** -smoothing for token in range(vocab_size)], dtype=torch.float64)


def _random(generator):
    return random.Random(int(torch.randint(2**62, (), generator=generator)))


def choose_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {share} is not from 0 to 1")
    draw = _random(generator)
    tokens = input_ids.flatten().tolist()
    places = [place for place, token in enumerate(tokens) if token not in special_ids]
    left = {place: 1.0 if weights is None else weights[tokens[place]].item() for place in places}
    chosen = torch.zeros(len(tokens), dtype=torch.bool)
    for _ in range(math.ceil(share * len(places))):
        (place,) = draw.choices(list(left), list(left.values()))
        del left[place]
        chosen[place] = True
    return chosen.view_as(input_ids)


def mask_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    if not 0 <= mask_token_id < vocab_size:
        raise ValueError(f"id {mask_token_id} is outside the vocabulary of {vocab_size} tokens")
    draw = _random(generator)

    def replaced(token):
        other = (token + draw.randrange(1, vocab_size)) % vocab_size
        return draw.choices([mask_token_id, other, token], [8, 1, 1])[0]

    pairs = list(zip(input_ids.flatten().tolist(), chosen.flatten().tolist()))
    masked = [replaced(token) if here else token for token, here in pairs]
    labels = [token if here else -100 for token, here in pairs]
    return torch.tensor(masked).view_as(input_ids), torch.tensor(labels).view_as(input_ids)
