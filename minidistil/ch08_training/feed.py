"""Micro-batches by number: what a run reads, with its masks in place.

Two sources, one interface. `MemoryFeed` holds all sequences in memory; `StreamFeed` reads a corpus that is
too large for that, one process's part of it. In both the masks of micro-batch n depend on the seed and on n alone: it
makes no difference which process prepares it, and when, so workers may do it in advance.

Letters in shapes: B sequences, L tokens, M real tokens, N masked ones.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import WindowedBatches
from minidistil.ch02_masking.corpus import Corpus, HubCorpus, epoch_batches, pad
from minidistil.ch02_masking.masking import IGNORE, choose_positions, mask_tokens, token_weights
from minidistil.ch08_training.settings import TrainingConfig

SAMPLE = 500  # batches from which a stream's lengths and tokens are estimated


@dataclass(frozen=True)
class Batch:
    """A micro-batch."""

    input_ids: Tensor  # (B, L)
    attention_mask: Tensor  # (B, L)
    labels: Tensor  # (B, L) or as a task has them; -100 where nothing is to be guessed


@dataclass(frozen=True)
class MaskedBatch(Batch):
    """A micro-batch with masks in place.

    Places are found here, on the CPU: a GPU that had to look for them would keep the program waiting, as the size of
    what it finds is not known before.
    """

    masked: Tensor = field(default=None)  # type: ignore[assignment]  # (N,) places in the flattened labels, found if None
    unmasked: Tensor = field(default=None)  # type: ignore[assignment]  # (M - N,) of the other real tokens, likewise

    def __post_init__(self) -> None:
        if self.masked is None:
            guessed, real = self.labels.flatten() != IGNORE, self.attention_mask.flatten() != 0  # (B L,)
            object.__setattr__(self, "masked", (guessed & real).nonzero().flatten())
            object.__setattr__(self, "unmasked", (~guessed & real).nonzero().flatten())

    @property
    def padding(self) -> Tensor | None:
        """The attention mask, or None where all tokens are real: attention is faster without a mask."""
        return None if len(self.masked) + len(self.unmasked) == self.labels.numel() else self.attention_mask


class Feed(Protocol):
    """What a run reads from."""

    batch_class: type[Batch]
    in_order: bool  # micro-batches can only be read one after another

    @property
    def tokens_per_batch(self) -> float:
        """On average."""

    @property
    def batches_per_epoch(self) -> float:
        """How many there are in the text; infinite if the text has not been counted."""

    def __getitem__(self, number: int) -> Batch: ...

    def typical(self, count: int) -> list[Batch]:
        """`count` batches spread evenly over the lengths that occur: a fair sample of the work."""

    def token_counts(self) -> Tensor:
        """(V,) how often each token occurs, in all the text or in a sample of it."""

    def state_dict(self) -> dict[str, Any] | None:
        """The position behind the last micro-batch, for `load_state_dict`; None if its number is enough."""

    def load_state_dict(self, position: Any) -> None:
        """Go on from a position."""


class MemoryFeed:
    """The micro-batches of a run by number: number n is the same whenever it is read.

    Raises:
        ValueError: one step would read more sequences than there are.
    """

    batch_class: type[Batch] = MaskedBatch
    in_order = False

    def __init__(self, sequences: Sequence[Tensor], tokenizer: WordPiece, config: TrainingConfig, world_size: int = 1):
        if (needed := config.batch_size * config.accumulate * world_size) > len(sequences):
            raise ValueError(
                f"One step reads {needed} sequences, the corpus has {len(sequences)}: expected a smaller --batch-size "
                "or --accumulate, or more text."
            )
        self.sequences = sequences
        self.tokenizer = tokenizer
        self.config = config
        self.lengths: list[int] = [len(sequence) for sequence in sequences]
        self.weights: Tensor = token_weights(sequences, len(tokenizer), config.mask_smoothing)
        self.batches_per_epoch: int = math.ceil(len(sequences) / config.batch_size)
        self.tokens_per_batch: float = sum(self.lengths) / self.batches_per_epoch
        self._epoch = -1
        self._order: list[list[int]] = []

    def __getitem__(self, number: int) -> Batch:
        epoch, place = divmod(number, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order = epoch_batches(self.lengths, self.config.batch_size, mix(self.config.seed, -1 - epoch))
            self._epoch = epoch
        return self._batch(self._order[place], number)

    def typical(self, count: int) -> list[Batch]:
        """As `Feed.typical`."""
        order = epoch_batches(self.lengths, self.config.batch_size, self.config.seed)
        order.sort(key=lambda batch: self.lengths[batch[0]])
        return [self._batch(batch, number) for number, batch in enumerate(_spread(order, count))]

    def token_counts(self) -> Tensor:
        """As `Feed.token_counts`."""
        return _count(self.sequences, self.tokenizer)

    def state_dict(self) -> None:
        """None: the number of a micro-batch is enough."""

    def load_state_dict(self, position: None) -> None:
        """Nothing to do."""

    def _batch(self, indices: list[int], number: int) -> Batch:
        """Micro-batch `number`, of these sequences."""
        return masked([self.sequences[i] for i in indices], self.tokenizer, self.config, self.weights, number)


class StreamFeed:
    """The micro-batches of one process from its part of a streamed corpus, in order, without an end.

    How often a token occurs, and so how likely it is masked (`mask_smoothing`), is counted at the beginning of the
    part.
    """

    batch_class: type[Batch] = MaskedBatch
    batches_per_epoch: float = math.inf
    in_order = True

    def __init__(
        self,
        corpus: Corpus | HubCorpus,
        tokenizer: WordPiece,
        config: TrainingConfig,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.tokenizer = tokenizer
        self.config = config

        def batches() -> WindowedBatches:
            documents = corpus.stream("train", rank, world_size)
            return WindowedBatches(documents, tokenizer, config.batch_size, config.max_length, config.seed)

        self._sample = list(islice(batches(), SAMPLE))
        self.tokens_per_batch: float = sum(map(_tokens, self._sample)) / len(self._sample)
        counted = (sequence for batch in self._sample for sequence in batch)
        self.weights: Tensor = token_weights(counted, len(tokenizer), config.mask_smoothing)
        self._batches = batches()
        self._reader: Iterator[list[Tensor]] = iter(())

    def __getitem__(self, number: int) -> Batch:
        while (sequences := next(self._reader, None)) is None:
            self._reader = iter(self._batches)
        return masked(sequences, self.tokenizer, self.config, self.weights, number)

    def typical(self, count: int) -> list[Batch]:
        """As `Feed.typical`."""
        batches = _spread(sorted(self._sample, key=_tokens), count)
        return [masked(batch, self.tokenizer, self.config, self.weights, n) for n, batch in enumerate(batches)]

    def token_counts(self) -> Tensor:
        """As `Feed.token_counts`."""
        return _count([sequence for batch in self._sample for sequence in batch], self.tokenizer)

    def state_dict(self) -> dict[str, Any]:
        """Behind the last batch that was handed out."""
        return self._batches.state_dict()

    def load_state_dict(self, position: dict[str, Any]) -> None:
        """Go on from a position in the same part."""
        self._batches.load_state_dict(position)
        self._reader = iter(())


def masked(
    sequences: Sequence[Tensor], tokenizer: WordPiece, config: TrainingConfig, weights: Tensor, number: int
) -> MaskedBatch:
    """The sequences as micro-batch `number`: padded, and masked by draws that depend on seed and number alone."""
    generator = torch.Generator().manual_seed(mix(config.seed, number))
    input_ids, attention_mask = pad(sequences, tokenizer.pad_token_id)
    chosen = choose_positions(input_ids, tokenizer.special_ids, config.mask_share, weights, generator)
    input_ids, labels = mask_tokens(input_ids, chosen, tokenizer.mask_token_id, len(tokenizer), generator)
    return MaskedBatch(input_ids, attention_mask, labels)


def numbers_of_step(step: int, accumulate: int, rank: int, world_size: int) -> range:
    """The micro-batches that process `rank` reads in a step (from 0): of those of all, every `world_size`-th.

    >>> list(numbers_of_step(step=1, accumulate=2, rank=0, world_size=3))
    [6, 9]
    """
    together = accumulate * world_size
    return range(step * together + rank, (step + 1) * together, world_size)


def mix(seed: int, number: int) -> int:
    """A seed for draw `number` of a run; the seeds of neighbouring numbers have nothing in common."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**64
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    return (mixed ^ mixed >> 31) % 2**63


def _count(sequences: Sequence[Tensor], tokenizer: WordPiece) -> Tensor:
    return torch.bincount(torch.cat(list(sequences)), minlength=len(tokenizer))


def _spread(ordered: Sequence[Any], count: int) -> list[Any]:
    return [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]


def _tokens(batch: Sequence[Tensor]) -> int:
    return sum(map(len, batch))
