"""Chapter 2. Batches of sequences of similar length: what is computed for padding is thrown away.

DistilBERT's code groups by length too, in bins of 4 tokens (huggingface/transformers, research_projects/distillation,
grouped_batch_sampler.py).

Letters in shapes: B sequences of a batch, L tokens of its longest one.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.sequences import NOTHING_LEFT, chunks
from minidistil.ch02_masking.streams import DocumentStream

LENGTH_BIN = 4  # lengths 0-3, 4-7, … count as equal when batches are made


def pad(batch: Sequence[Tensor], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """input_ids and attention_mask (1 = real token), both (B, L), of sequences padded right.

    >>> pad([torch.tensor([2, 5, 3]), torch.tensor([2, 3])], 0)[0]
    tensor([[2, 5, 3],
            [2, 3, 0]])
    """
    input_ids = torch.nn.utils.rnn.pad_sequence(list(batch), batch_first=True, padding_value=pad_token_id)
    lengths = torch.tensor([len(sequence) for sequence in batch])
    attention_mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
    return input_ids, attention_mask


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int) -> list[list[int]]:
    """The batches of one epoch, as indices into lengths: every sequence once, similar lengths together.

    The sequences are shuffled, sorted by the bin of their length (within a bin the shuffle decides) and cut into
    batches, which are shuffled again. The same seed gives the same epoch.

    >>> sorted(map(sorted, epoch_batches([12, 50, 13, 51], batch_size=2, seed=0)))
    [[0, 2], [1, 3]]
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(lengths), generator=generator).tolist()
    shuffled.sort(key=lambda index: lengths[index] // LENGTH_BIN)  # a stable sort
    batches = [shuffled[start : start + batch_size] for start in range(0, len(shuffled), batch_size)]
    return [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Fraction of all positions in the batches (lists of indices into lengths) that hold padding.

    >>> round(padding_share([2, 3, 4], [[0, 2], [1]]), 3)  # 2 of 4 + 4 + 3
    0.182
    """
    positions = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    return 1 - sum(lengths[index] for batch in batches for index in batch) / positions


class WindowedBatches:
    """Batches from a stream of documents; a saved state resumes them exactly.

    A stream cannot be sorted. So a window of documents is read, cut into sequences and batched by `epoch_batches`; when
    these batches are used up, the next window is read. One pass ends with the stream; iterating again makes another
    pass in another order. A batch is a list of sequences, for `pad`.

    Args:
        window: documents read at a time. More of them: less padding and a better shuffle, for more memory.

    Iterating raises ValueError if a whole pass gives no batch.
    """

    def __init__(
        self,
        documents: DocumentStream,
        tokenizer: WordPiece,
        batch_size: int,
        max_length: int = 128,
        seed: int = 0,
        window: int = 4096,
    ):
        self.documents = documents
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.max_length = max_length
        self.seed = seed
        self.window = window
        self._state: dict[str, Any] = {"documents": documents.state_dict(), "window": 0, "taken": 0}

    def __iter__(self) -> Iterator[list[Tensor]]:
        number, taken = self._state["window"], self._state["taken"]
        self.documents.load_state_dict(self._state["documents"])
        reader = iter(self.documents)
        while True:
            start = self.documents.state_dict()
            read = list(islice(reader, self.window))
            if not read:
                break
            sequences = [chunk for document in read for chunk in chunks(document, self.tokenizer, self.max_length)]
            batches = epoch_batches([len(sequence) for sequence in sequences], self.batch_size, self.seed + number)
            for place in range(taken, len(batches)):
                self._state = {"documents": start, "window": number, "taken": place + 1}
                yield [sequences[index] for index in batches[place]]
            number, taken = number + 1, 0
        if not self._state["window"] and not self._state["taken"]:
            raise ValueError(NOTHING_LEFT)
        self._state = {"documents": self.documents.state_dict(), "window": number, "taken": 0}

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch that was given out, as plain JSON values."""
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict()` gave under the same settings."""
        self._state = state
