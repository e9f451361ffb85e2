"""TODO docstring."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import pad
from minidistil.ch02_masking.masking import IGNORE, choose_positions
from minidistil.ch02_masking.sequences import NOTHING_LEFT, chunks, require_several


@dataclass(frozen=True)
class MaskedText:
    """Held-out sequences in batches, 15 % of their tokens hidden behind [MASK], always the same ones."""

    batches: list[tuple[Tensor, Tensor, Tensor]]  # input_ids, attention_mask, labels, (B, L) each
    origins: list[Tensor]  # one a batch, (B,): which document each sequence is from

    @property
    def documents(self) -> Tensor:
        """Which document each hidden token is from, (N,)."""
        hidden = [(labels != IGNORE).sum(1) for _, _, labels in self.batches]  # (B,) each
        return torch.cat([origin.repeat_interleave(count) for origin, count in zip(self.origins, hidden, strict=True)])

    @property
    def count(self) -> int:
        """Number of hidden tokens."""
        return len(self.documents)


def masked_text(
    sequences: Sequence[Tensor],
    tokenizer: WordPiece,
    batch_size: int = 32,
    seed: int = 0,
    documents: Sequence[int] | None = None,
) -> MaskedText:
    """Hide 15 % of the ordinary tokens, each as likely as any other, all behind [MASK].

    Unlike in training no token stays and none is random: every position that counts is a true guess.

    Args:
        sequences: (L,) int64 each, [CLS] … [SEP], as of `corpus.sequences`.
        seed: which tokens are hidden; the same ones for the same seed.
        documents: the number of each sequence's document; None: each sequence is a document of its own.

    Raises:
        ValueError: no sequence, or not as many documents as sequences.
    """
    if not sequences:
        raise ValueError("There is no sequence to hide tokens in: expected one at least, as of corpus.sequences.")
    if documents is not None and len(documents) != len(sequences):
        raise ValueError(f"{len(sequences)} sequences, {len(documents)} numbers of documents: expected one for each.")
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.arange(len(sequences)) if documents is None else torch.tensor(documents)
    batches, origins = [], []
    order = sorted(range(len(sequences)), key=lambda place: len(sequences[place]))
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        input_ids, attention_mask = pad([sequences[place] for place in places], tokenizer.pad_token_id)
        chosen = choose_positions(input_ids, tokenizer.special_ids, generator=generator)
        labels = torch.where(chosen, input_ids, IGNORE)
        batches.append((input_ids.masked_fill(chosen, tokenizer.mask_token_id), attention_mask, labels))
        origins.append(numbers[places])
    return MaskedText(batches, origins)


def masked_documents(documents: Iterable[str], tokenizer: WordPiece, max_length: int = 128) -> MaskedText:
    """Documents as `masked_text`, cut into sequences, with a note of which document each is from.

    Raises:
        TypeError, ValueError: as `corpus.sequences`.
    """
    require_several(documents)
    pairs = [
        (chunk, number)
        for number, document in enumerate(documents)
        for chunk in chunks(document, tokenizer, max_length)
    ]
    if not pairs:
        raise ValueError(NOTHING_LEFT)
    sequences, numbers = zip(*pairs, strict=True)
    return masked_text(sequences, tokenizer, documents=numbers)
