"""Chapter 9. Held-out text with hidden tokens, and what a model answers at them.

Whoever reads the same text with the same seed gets the same hidden tokens, so figures of different models can be
compared. Each sequence knows which document it is from: `bootstrap` needs that for its intervals.

Letters in shapes: B sequences of a batch, L tokens, N hidden tokens of all batches, D width, V vocabulary.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor, nn

from minidistil.arguments import listed, require_kind, several
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import pad
from minidistil.ch02_masking.masking import IGNORE, choose_positions
from minidistil.ch02_masking.sequences import NOTHING_LEFT, chunks
from minidistil.ch04_encoder.inputs import require_tensor
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.device import autocast, device_of


@dataclass(frozen=True)
class MaskedText:
    """Held-out sequences in batches, with 15 % of their tokens replaced by [MASK], always the same ones."""

    batches: list[tuple[Tensor, Tensor, Tensor]]  # input_ids, attention_mask, labels, (B, L) each
    origins: list[Tensor]  # one for each batch, (B,): which document each sequence is from

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
    """Hide 15 % of the ordinary tokens, each with the same probability, behind [MASK].

    Unlike in training, none of them is kept or replaced by a random token, so the model has to guess each one.

    Args:
        sequences: (L,) int64 each, [CLS] … [SEP], as `corpus.sequences` makes them.
        seed: decides which tokens are hidden.
        documents: the number of each sequence's document; None: each sequence is a document of its own.

    Raises:
        TypeError: a sequence is not a tensor, or the tokenizer is something else.
        ValueError: there is no sequence, or documents has another length than sequences.
    """
    require_kind(WordPiece, tokenizer=tokenizer)
    require_kind(Integral, batch_size=batch_size, seed=seed)
    for sequence in (sequences := listed(sequences, "several sequences")):
        require_tensor("a sequence", sequence, integers=True)
    if not sequences:
        raise ValueError("There must be at least one sequence to hide tokens in, got none: see corpus.sequences.")
    if documents is not None and len(documents) != len(sequences):
        raise ValueError(f"documents must have {len(sequences)} numbers, one for each sequence; got {len(documents)}.")
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
    """Cut documents into sequences and hide tokens in them as `masked_text` does.

    Raises:
        TypeError, ValueError: as `corpus.sequences`.
    """
    texts = enumerate(several(documents))
    pairs = [(chunk, number) for number, text in texts for chunk in chunks(text, tokenizer, max_length)]
    if not pairs:
        raise ValueError(NOTHING_LEFT)
    sequences, numbers = zip(*pairs, strict=True)
    return masked_text(sequences, tokenizer, documents=numbers)


class Answers(NamedTuple):
    """What a model answers at each hidden token."""

    labels: Tensor  # (N,) the hidden tokens
    guesses: Tensor  # (N,) the most probable tokens
    confidence: Tensor  # (N,) their probabilities
    losses: Tensor  # (N,) negative log-probabilities of the hidden tokens, in nats

    @property
    def right(self) -> Tensor:
        """Whether each guess is the hidden token, (N,)."""
        return self.guesses == self.labels


def answers(model: MaskedLM, text: MaskedText, precision: str = "fp32") -> Answers:
    """What the model answers at every hidden token of the text."""
    return joined([read(model, batch, precision)[1] for batch in text.batches])


@torch.no_grad()
def read(model: MaskedLM, batch: tuple[Tensor, Tensor, Tensor], precision: str) -> tuple[Tensor, Answers]:
    """The last hidden states (B, L, D) of one batch, on the model's device, and its answers, on the CPU."""
    device = device_of(model)
    input_ids, attention_mask, labels = (part.to(device) for part in batch)
    hidden = labels != IGNORE  # (B, L)
    with autocast(device, precision), evaluating(model):
        states = model.encoder(input_ids, attention_mask).last_hidden_state
        logits = model.head(states[hidden]).float()  # (N, V)
    losses = nn.functional.cross_entropy(logits, labels[hidden], reduction="none")
    best, guesses = logits.max(-1)
    confidence = (best - logits.logsumexp(-1)).exp()  # the softmax, at the guesses only
    return states, Answers(labels[hidden].cpu(), guesses.cpu(), confidence.cpu(), losses.cpu().double())


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several batches together."""
    return Answers(*(torch.cat(column) for column in zip(*parts, strict=True)))
