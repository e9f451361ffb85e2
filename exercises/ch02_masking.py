"""Chapter 2, corpus and masking: write the way from a document to a masked batch yourself.

Replace each `raise NotImplementedError` with your code; keep the names and the arguments.
The package then uses your functions in place of its own, and its tests run on them, with chi-square tests of
everything that is drawn at random:

    minidistil check ch02                    which ones are right, and what may be wrong with the others
    minidistil hint ch02 1                   a hint for the first exercise that is not written yet
    minidistil hint ch02 2 choose_positions  the second hint for that one

The tokenizer is the package's own. From the package you may use what is imported below.
Letters in shapes: B sequences of a batch, L tokens of its longest one, V vocabulary.
"""

import math
import random
from collections.abc import Collection, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import LENGTH_BIN
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch02_masking.sequences import MAX_UNKNOWN, MIN_TOKENS


def chunks(document: str, tokenizer: WordPiece, max_length: int) -> Iterator[Tensor]:
    """The sequences [CLS] … [SEP] of one document, int64 tensors of at most `max_length` ids each.

    The ids are cut into chunks, and every chunk gets a [CLS] and a [SEP] of its own. Two kinds of sequences are
    dropped: those shorter than MIN_TOKENS (or than `max_length`, if that is smaller), and those of which a fraction of
    MAX_UNKNOWN or more is [UNK]; [CLS] and [SEP] count as tokens in both.

    Args:
        document: a text.
        tokenizer: has `ids(text)`, without [CLS] and [SEP], and `cls_token_id`, `sep_token_id`, `unk_token_id`.
        max_length: the most tokens of a sequence, [CLS] and [SEP] included.

    Raises:
        ValueError: max_length is below 3; the message says "max_length=2" and that 3 are needed.

    >>> tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    >>> [chunk.tolist() for chunk in chunks("a b c a", tokenizer, 4)]
    [[2, 5, 6, 3], [2, 7, 5, 3]]
    >>> [chunk.tolist() for chunk in chunks("a b c", tokenizer, 4)]
    [[2, 5, 6, 3]]
    """
    raise NotImplementedError


def pad(batch: Sequence[Tensor], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Sequences of different lengths as one tensor, padded on the right.

    Returns:
        input_ids (B, L), and attention_mask (B, L) int64, 1 for a token of a sequence and 0 for padding. A token of a
        sequence has 1 even if its id happens to be that of padding.

    >>> pad([torch.tensor([2, 5, 3]), torch.tensor([2, 3])], 0)
    (tensor([[2, 5, 3],
            [2, 3, 0]]), tensor([[1, 1, 1],
            [1, 1, 0]]))
    """
    raise NotImplementedError


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int) -> list[list[int]]:
    """The batches of one epoch, as lists of indices into `lengths`: every index once, similar lengths together.

    Shuffle the indices, sort them by length in bins of LENGTH_BIN tokens (0-3, 4-7, …) so that within a bin the shuffle
    decides, cut them into batches of `batch_size`, and shuffle the batches. Only one batch may be smaller. The same
    seed gives the same batches, another seed others; draw from a generator of your own, so that the random numbers of
    the rest of the program do not change.

    >>> sorted(map(sorted, epoch_batches([12, 50, 13, 51], batch_size=2, seed=0)))
    [[0, 2], [1, 3]]
    """
    raise NotImplementedError


def choose_positions(
    input_ids: Tensor,
    special_ids: Collection[int],
    share: float = 0.15,
    weights: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(B, L) bool: the positions to mask, drawn without replacement from the batch's ordinary tokens.

    Args:
        input_ids: (B, L) int64.
        special_ids: tokens that are never chosen and not counted; padding is one of them.
        share: the fraction of the ordinary tokens that is chosen, rounded up to a whole number, which may be 0.
        weights: (V,) relative weight of each token: of the positions that are left, the next one is drawn with a
            probability proportional to the weight of its token. None: all weigh the same.
        generator: every random number comes from it (None: from PyTorch's own).

    Raises:
        ValueError: share is outside 0 to 1, or NaN; the message says its value and "0 to 1".

    >>> choose_positions(torch.tensor([[2, 5, 6, 3], [2, 5, 3, 0]]), {0, 2, 3}, share=1.0)
    tensor([[False,  True,  True, False],
            [False,  True, False, False]])
    """
    raise NotImplementedError


def mask_tokens(
    input_ids: Tensor,
    chosen: Tensor,
    mask_token_id: int,
    vocab_size: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Replace the chosen tokens: each becomes [MASK] with probability 0.8, a random other token with 0.1, or stays.

    The random token is any token of the vocabulary but the one that it replaces, all with the same probability. The
    tensors that were given are not changed.

    Args:
        input_ids: (B, L) int64.
        chosen: (B, L) bool.
        mask_token_id: id of [MASK].
        vocab_size: V.
        generator: every random number comes from it (None: from PyTorch's own).

    Returns:
        The masked input_ids (B, L), and labels (B, L): the original token at chosen positions, IGNORE elsewhere.

    Raises:
        ValueError: mask_token_id is not in the vocabulary, 0 to V - 1; the message has its value and "vocabulary of V".

    >>> mask_tokens(torch.tensor([[2, 5, 6, 3]]), torch.tensor([[False, True, False, False]]), 4, 8)[1]
    tensor([[-100,    5, -100, -100]])
    """
    raise NotImplementedError


def token_weights(sequences: Iterable[Tensor], vocab_size: int, smoothing: float = 0.7) -> Tensor:
    """(V,) double: the weight with which each token is chosen, max(count, 1) to the power of minus `smoothing`.

    >>> token_weights([torch.tensor([2, 5, 5, 3])], vocab_size=6, smoothing=1.0).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    raise NotImplementedError
