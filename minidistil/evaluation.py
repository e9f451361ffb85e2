"""Chapter 9. What distillation keeps and what it buys, measured on text that neither model has seen.

The published goals (Sanh et al., 2019, abstract): 97 % of the teacher's ability at 60 % of its size and
1.6 times its speed.

Letters in shapes: B sequences, L tokens, N masked positions, D width, V vocabulary.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minidistil.corpus import pad
from minidistil.heads import MaskedLM
from minidistil.inputs import NOTHING_LEFT, chunks, require_several
from minidistil.machine import autocast, device_of
from minidistil.masking import IGNORE, choose_positions
from minidistil.metrics import (
    document_totals,
    expected_calibration_error,
    interval,
    perplexity,
    resampled_sums,
    token_cosines,
)
from minidistil.wordpiece import WordPiece

DRAWS = 1000  # of documents, for an interval


@dataclass(frozen=True)
class MaskedText:
    """Held-out sequences in batches, 15 % of their tokens hidden behind [MASK], always the same ones."""

    batches: list[tuple[Tensor, Tensor, Tensor]]  # input_ids, attention_mask, labels, (B, L) each
    documents: Tensor  # (N,) which document each hidden token is from

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
    batches, hidden = [], []
    order = sorted(range(len(sequences)), key=lambda place: len(sequences[place]))
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        input_ids, attention_mask = pad([sequences[place] for place in places], tokenizer.pad_token_id)
        chosen = choose_positions(input_ids, tokenizer.special_ids, generator=generator)
        labels = torch.where(chosen, input_ids, IGNORE)
        batches.append((input_ids.masked_fill(chosen, tokenizer.mask_token_id), attention_mask, labels))
        hidden.append(numbers[places].repeat_interleave(chosen.sum(1)))
    return MaskedText(batches, torch.cat(hidden))


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


@dataclass(frozen=True)
class Answers:
    """What a model says at each hidden token."""

    labels: Tensor  # (N,) the hidden tokens
    guesses: Tensor  # (N,) the likeliest tokens
    confidence: Tensor  # (N,) their probabilities
    losses: Tensor  # (N,) negative log-probabilities of the hidden tokens, nats

    @property
    def right(self) -> Tensor:
        """Whether the guess is the hidden token, (N,)."""
        return self.guesses == self.labels


@dataclass(frozen=True)
class Scores:
    """Guesses of a model at the hidden tokens."""

    accuracy: float  # share guessed right
    perplexity: float  # exp of the mean negative log-probability of the hidden token
    calibration_error: float  # mean distance between confidence and share of right guesses


Interval = tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Teacher and student on the same hidden tokens."""

    teacher: Scores
    student: Scores
    agreement: float  # share of hidden tokens where both guess the same
    hidden_cosine: float | None  # mean cosine of the last hidden states at real tokens; None: of different widths
    intervals: dict[str, Interval]  # of 95 %, had other documents been held out

    @property
    def retention(self) -> float:
        """Share of the teacher's accuracy that the student keeps."""
        return self.student.accuracy / self.teacher.accuracy if self.teacher.accuracy else math.nan


@torch.no_grad()
def _read(model: MaskedLM, batch: tuple[Tensor, Tensor, Tensor], precision: str) -> tuple[Tensor, Answers]:
    """Hidden states (B, L, D) on the model's device, and the answers at the hidden tokens, on the CPU."""
    device = device_of(model)
    input_ids, attention_mask, labels = (part.to(device) for part in batch)
    chosen = labels != IGNORE
    with autocast(device, precision):
        hidden = model.encoder(input_ids, attention_mask).last_hidden_state
        logits = model.head(hidden[chosen]).float()  # (N, V)
    losses = nn.functional.cross_entropy(logits, labels[chosen], reduction="none").double()
    best, guesses = logits.max(-1)
    confidence = (best - logits.logsumexp(-1)).exp()
    return hidden, Answers(labels[chosen].cpu(), guesses.cpu(), confidence.cpu(), losses.cpu())


def _join(parts: Sequence[Answers]) -> Answers:
    fields = ("labels", "guesses", "confidence", "losses")
    return Answers(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))


def answers(model: MaskedLM, text: MaskedText, precision: str = "fp32") -> Answers:
    """What the model says at every hidden token of the text."""
    return _join([_read(model, batch, precision)[1] for batch in text.batches])


def scores_of(given: Answers) -> Scores:
    """The figures of a model's answers."""
    return Scores(
        float(given.right.double().mean()),
        perplexity([given.losses]),
        expected_calibration_error(given.confidence, given.right),
    )


def score(model: MaskedLM, text: MaskedText, precision: str = "fp32") -> Scores:
    """Masked accuracy, perplexity and calibration of one model.

    Args:
        text: as `masked_text` makes it, of the model's vocabulary.
        precision: "fp32", or "bf16" for autocast.
    """
    return scores_of(answers(model, text, precision))


def compare(teacher: MaskedLM, student: MaskedLM, text: MaskedText, precision: str = "fp32") -> Comparison:
    """Both models' scores, their agreement and how alike their last hidden states are.

    What Sanh et al. (2019, abstract) call retained is `retention` here, for accuracy at hidden tokens.

    Args:
        teacher, student: masked LMs of one vocabulary.
        text: as `masked_text` makes it.
        precision: "fp32", or "bf16" for autocast.
    """
    given: tuple[list[Answers], list[Answers]] = ([], [])
    cosines = []
    comparable = teacher.config.hidden_size == student.config.hidden_size
    for batch in text.batches:
        (teacher_hidden, taught), (student_hidden, learned) = (
            _read(each, batch, precision) for each in (teacher, student)
        )
        given[0].append(taught)
        given[1].append(learned)
        if comparable:
            cosines.append(token_cosines(student_hidden.cpu(), teacher_hidden.cpu(), batch[1]))
    theirs, ours = map(_join, given)
    return Comparison(
        scores_of(theirs),
        scores_of(ours),
        float((theirs.guesses == ours.guesses).double().mean()),
        float(torch.cat(cosines).double().mean()) if comparable else None,
        intervals(theirs, ours, text.documents),
    )


def intervals(teacher: Answers, student: Answers, documents: Tensor, seed: int = 0) -> dict[str, Interval]:
    """95 % intervals of two models' figures over the documents, both models always on the same ones.

    Args:
        documents: (N,) as in `MaskedText`.
    """
    columns = (
        torch.ones(len(documents)), teacher.right, student.right, teacher.losses, student.losses,
        teacher.guesses == student.guesses,
    )  # fmt: skip
    totals = document_totals(torch.stack([column.double() for column in columns], 1), documents)  # (G, 6)
    sums = resampled_sums(totals, DRAWS, torch.Generator().manual_seed(seed))  # (R, 6)
    count, taught, learned, teacher_loss, student_loss, same = sums.unbind(1)  # (R,) each
    figures = {
        "teacher_accuracy": taught / count,
        "student_accuracy": learned / count,
        "accuracy_difference": (learned - taught) / count,
        "retention": learned / taught,
        "agreement": same / count,
        "teacher_perplexity": (teacher_loss / count).exp(),
        "student_perplexity": (student_loss / count).exp(),
    }
    return {name: interval(samples) for name, samples in figures.items()}


def parameters(model: nn.Module) -> int:
    """Number of weights, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def size_in_bytes(model: nn.Module) -> int:
    """Bytes of the weights, shared ones counted once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def medians(calls: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """Seconds that each call takes: medians, the calls taken in turn, so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats + 1):  # the first round warms up
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: sorted(seconds[1:])[repeats // 2] for name, seconds in times.items()}


def speedup(teacher: MaskedLM, student: MaskedLM, text: MaskedText, repeats: int = 5) -> float:
    """Teacher's time for a batch of masked text over the student's, in fp32."""
    batch = max(text.batches, key=lambda batch: batch[0].numel())  # the last one may be a remainder of a few
    calls = {
        "teacher": lambda: _read(teacher, batch, "fp32"),  # the answers lie on the CPU: a GPU has finished by then
        "student": lambda: _read(student, batch, "fp32"),
    }
    seconds = medians(calls, repeats)
    return seconds["teacher"] / seconds["student"]


def speedup_by_shape(
    teacher: MaskedLM, student: MaskedLM, shapes: Sequence[tuple[int, int]], repeats: int = 5
) -> dict[tuple[int, int], float]:
    """Teacher's time over the student's for the encoder alone, on random tokens of each shape (B, L)."""
    ratios = {}
    for shape in shapes:
        ids = torch.randint(1000, 2000, shape, generator=torch.Generator().manual_seed(0))
        seconds = medians({"teacher": _reader(teacher, ids), "student": _reader(student, ids)}, repeats)
        ratios[shape] = seconds["teacher"] / seconds["student"]
    return ratios


def _reader(model: MaskedLM, input_ids: Tensor) -> Callable[[], object]:
    ids = input_ids.to(device_of(model))

    @torch.no_grad()
    def read() -> object:
        return model.encoder(ids).last_hidden_state[0, 0, 0].item()  # the value waits for a GPU

    return read
