"""Chapter 9. What distillation keeps and what it buys, measured on text that neither model has seen.

The published goals (Sanh et al., 2019, abstract): 97 % of the teacher's ability at 60 % of its size and
1.6 times its speed.

Letters in shapes: B sequences, L tokens, N masked positions, D width, V vocabulary.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minidistil.corpus import pad
from minidistil.heads import MaskedLM
from minidistil.masking import IGNORE, choose_positions
from minidistil.training import autocast, device_of
from minidistil.wordpiece import WordPiece


@dataclass(frozen=True)
class MaskedText:
    """Held-out sequences in batches, 15 % of their tokens hidden behind [MASK], always the same ones."""

    batches: list[tuple[Tensor, Tensor, Tensor]]  # input_ids, attention_mask, labels, (B, L) each

    @property
    def count(self) -> int:
        """Number of hidden tokens."""
        return sum(int((labels != IGNORE).sum()) for _, _, labels in self.batches)


def masked_text(sequences: Sequence[Tensor], tokenizer: WordPiece, batch_size: int = 32, seed: int = 0) -> MaskedText:
    """Hide 15 % of the ordinary tokens, each as likely as any other, all behind [MASK].

    Unlike in training no token stays and none is random: every position that counts is a true guess.
    """
    generator = torch.Generator().manual_seed(seed)
    batches = []
    ordered = sorted(sequences, key=len)
    for start in range(0, len(ordered), batch_size):
        input_ids, attention_mask = pad(ordered[start : start + batch_size], tokenizer.pad_token_id)
        chosen = choose_positions(input_ids, tokenizer.special_ids, generator=generator)
        labels = torch.where(chosen, input_ids, IGNORE)
        batches.append((input_ids.masked_fill(chosen, tokenizer.mask_token_id), attention_mask, labels))
    return MaskedText(batches)


@dataclass(frozen=True)
class Scores:
    """Guesses of a model at the hidden tokens."""

    accuracy: float  # share guessed right
    perplexity: float  # exp of the mean negative log-probability of the hidden token


@dataclass(frozen=True)
class Comparison:
    """Teacher and student on the same hidden tokens."""

    teacher: Scores
    student: Scores
    agreement: float  # share of hidden tokens where both guess the same
    hidden_cosine: float | None  # mean cosine of the last hidden states at real tokens; None: of different widths

    @property
    def retention(self) -> float:
        """Share of the teacher's accuracy that the student keeps."""
        return self.student.accuracy / self.teacher.accuracy if self.teacher.accuracy else math.nan


@torch.no_grad()
def _guess(model: MaskedLM, batch: tuple[Tensor, Tensor, Tensor], precision: str) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states (B, L, D), best guesses (N,) and negative log-probabilities (N,) at the hidden tokens."""
    device = device_of(model)
    input_ids, attention_mask, labels = (part.to(device) for part in batch)
    chosen = labels != IGNORE
    with autocast(device, precision):
        hidden = model.encoder(input_ids, attention_mask).last_hidden_state
        logits = model.head(hidden[chosen]).float()  # (N, V)
    loss = nn.functional.cross_entropy(logits, labels[chosen], reduction="none")
    return hidden, logits.argmax(-1), loss


def score(model: MaskedLM, text: MaskedText, precision: str = "fp32") -> Scores:
    """Masked accuracy and perplexity of one model."""
    right, loss = 0, 0.0
    for batch in text.batches:
        _, guesses, losses = _guess(model, batch, precision)
        right += int((guesses.cpu() == batch[2][batch[2] != IGNORE]).sum())
        loss += float(losses.double().sum())
    return Scores(right / text.count, math.exp(loss / text.count))


def compare(teacher: MaskedLM, student: MaskedLM, text: MaskedText, precision: str = "fp32") -> Comparison:
    """Both models' scores, their agreement and how alike their last hidden states are."""
    right, loss = [0, 0], [0.0, 0.0]
    agreed, cosine, tokens = 0, 0.0, 0
    comparable = teacher.config.hidden_size == student.config.hidden_size
    for batch in text.batches:
        labels, real = batch[2][batch[2] != IGNORE], batch[1].bool()
        results = [_guess(model, batch, precision) for model in (teacher, student)]
        for index, (_, guesses, losses) in enumerate(results):
            right[index] += int((guesses.cpu() == labels).sum())
            loss[index] += float(losses.double().sum())
        (teacher_hidden, teacher_guess, _), (student_hidden, student_guess, _) = results
        agreed += int((teacher_guess == student_guess).sum())
        tokens += int(real.sum())
        if comparable:
            alike = nn.functional.cosine_similarity(teacher_hidden.float(), student_hidden.float(), dim=-1)  # (B, L)
            cosine += float(alike.cpu()[real].double().sum())
    count = text.count
    scores = [Scores(right[index] / count, math.exp(loss[index] / count)) for index in (0, 1)]
    return Comparison(scores[0], scores[1], agreed / count, cosine / tokens if comparable else None)


def parameters(model: nn.Module) -> int:
    """Number of weights, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def speedup(teacher: MaskedLM, student: MaskedLM, text: MaskedText, repeats: int = 5) -> float:
    """Teacher's time for a batch of masked text over the student's: fp32, medians, taken in turn."""
    batch = text.batches[-1]
    times: dict[MaskedLM, list[float]] = {teacher: [], student: []}
    for _ in range(repeats + 1):  # the first round warms up
        for model in times:
            start = time.perf_counter()
            _, guesses, _ = _guess(model, batch, "fp32")
            guesses.cpu()  # waits for a GPU
            times[model].append(time.perf_counter() - start)
    median = {model: sorted(seconds[1:])[repeats // 2] for model, seconds in times.items()}
    return median[teacher] / median[student]
