"""Chapter 2, corpus and masking: write the way from a document to a riddle yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments.
Your functions are put into the package in place of its own, and the package's own
tests run on them, with chi-square tests of everything that is drawn at random:

    minidistil check ch02                    what is right, what is not, and what it looks like
    minidistil hint ch02 1                   a hint for the first exercise that is not written yet
    minidistil hint ch02 2 choose_positions  the second hint for that one

The tokenizer of chapter 1 is given. From the package you may use what is imported below.
Letters in shapes: B sequences of a batch, L tokens of its longest one, V vocabulary.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import LENGTH_BIN
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch02_masking.sequences import MAX_UNKNOWN, MIN_TOKENS


def chunks(document: str, tokenizer: WordPiece, max_length: int) -> Iterator[Tensor]:
    """The sequences [CLS] … [SEP] of one document, int64 tensors of at most `max_length` ids each.

    The text is cut into stretches that leave room for a frame, and every stretch gets a frame of its
    own. Dropped are sequences shorter than MIN_TOKENS (or than `max_length`, if that is
    smaller), and those of whose tokens a share of MAX_UNKNOWN or more are [UNK].

    Args:
        document: a text.
        tokenizer: has `ids(text)`, the ids without a frame, and `cls_token_id`, `sep_token_id`, `unk_token_id`.
        max_length: of a sequence, its frame included.

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
    """One rectangle out of sequences of several lengths, filled up on the right.

    Returns:
        input_ids (B, L), and attention_mask (B, L) int64, 1 for a token of a sequence and 0 for filling. A token of
        a sequence counts as one even where its id happens to be that of padding.

    >>> pad([torch.tensor([2, 5, 3]), torch.tensor([2, 3])], 0)
    (tensor([[2, 5, 3],
            [2, 3, 0]]), tensor([[1, 1, 1],
            [1, 1, 0]]))
    """
    raise NotImplementedError


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int) -> list[list[int]]:
    """The batches of one epoch, as lists of indices into `lengths`: every index once, neighbours in length together.

    Shuffle the indices, sort them by length in bins of LENGTH_BIN tokens (0-3, 4-7, …) so that within a bin
    the shuffle decides, cut the row into batches of `batch_size`, and shuffle the batches. Only one batch may be
    smaller. The same seed gives the same batches, another seed others.

    >>> sorted(map(sorted, epoch_batches([12, 50, 13, 51], batch_size=2, seed=0)))
    [[0, 2], [1, 3]]
    """
    raise NotImplementedError


def token_weights(sequences: Iterable[Tensor], vocab_size: int, smoothing: float = 0.7) -> Tensor:
    """(V,) double: the weight with which each token is chosen, max(count, 1) to the power of minus `smoothing`.

    >>> token_weights([torch.tensor([2, 5, 5, 3])], vocab_size=6, smoothing=1.0).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    raise NotImplementedError


def choose_positions(
    input_ids: Tensor,
    special_ids: Collection[int],
    share: float = 0.15,
    weights: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(B, L) bool: exactly `share` of the batch's ordinary tokens, rounded up, drawn without repetition.

    Args:
        input_ids: (B, L) int64.
        special_ids: tokens never chosen and not counted; padding is one of them.
        share: between 0 and 1.
        weights: (V,) relative weight of each token: of the positions left, the next one is drawn in
            proportion to the weight of its token. None weighs all alike.
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

    The random token is any of the vocabulary but the one that it replaces, all equally likely. The tensors that
    were given are left as they are.

    Args:
        input_ids: (B, L) int64.
        chosen: (B, L) bool.
        mask_token_id: id of [MASK].
        vocab_size: V.
        generator: every random number comes from it (None: from PyTorch's own).

    Returns:
        The masked input_ids (B, L), and labels (B, L): the original token at chosen positions, IGNORE elsewhere.

    Raises:
        ValueError: mask_token_id is not in the vocabulary; the message says its value and "vocabulary of V".

    >>> mask_tokens(torch.tensor([[2, 5, 6, 3]]), torch.tensor([[False, True, False, False]]), 4, 8)[1]
    tensor([[-100,    5, -100, -100]])
    """
    raise NotImplementedError
