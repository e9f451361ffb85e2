"""Chapter 9. What the student keeps of its teacher, measured on text that neither model has seen.

Sanh et al. (2019, abstract) say 97 % of the teacher's ability.

Letters in shapes: B sequences of a batch, L tokens, D width, S sequences of all batches.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from minidistil.arguments import require_kind
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch09_evaluation.bootstrap import BINS, Interval, intervals
from minidistil.ch09_evaluation.held_out import Answers, MaskedText, answers, joined, read
from minidistil.ch09_evaluation.metrics import expected_calibration_error, perplexity, token_cosines


@dataclass(frozen=True)
class Scores:
    """How good a model's guesses at the hidden tokens are."""

    accuracy: float  # fraction of right guesses
    perplexity: float  # exp of the mean negative log-probability of the hidden token
    calibration_error: float  # mean distance between confidence and accuracy


@dataclass(frozen=True)
class Comparison:
    """Teacher and student at the same hidden tokens."""

    teacher: Scores
    student: Scores
    agreement: float  # fraction of hidden tokens at which both make the same guess
    hidden_cosine: float | None  # mean cosine of the last hidden states at real tokens; None: the widths differ
    intervals: dict[str, Interval]  # of 95 %, over other held-out documents

    @property
    def retention(self) -> float | None:
        """The student's accuracy divided by the teacher's; None: the teacher has nothing right."""
        return self.student.accuracy / self.teacher.accuracy if self.teacher.accuracy else None


def score(model: MaskedLM, text: MaskedText, precision: str = "fp32") -> Scores:
    """Masked accuracy, perplexity and calibration error of one model.

    Args:
        text: made by `masked_text` with the model's vocabulary.
        precision: "fp32", or "bf16" for autocast.

    Raises:
        TypeError: model or text is something else.
    """
    require_kind(MaskedLM, model=model)
    require_kind(MaskedText, text=text)
    return _scores(answers(model, text, precision))


def _scores(given: Answers) -> Scores:
    return Scores(
        float(given.right.double().mean()),
        perplexity([given.losses]),
        expected_calibration_error(given.confidence, given.right, BINS),
    )


def compare(teacher: MaskedLM, student: MaskedLM, text: MaskedText, precision: str = "fp32") -> Comparison:
    """Both models' scores, how often they agree and how similar their last hidden states are, with intervals.

    What Sanh et al. (2019, abstract) say is retained is `retention` here, for the accuracy at hidden tokens.

    Args:
        teacher, student: masked LMs with the same vocabulary.
        text: as `masked_text` makes it.
        precision: "fp32", or "bf16" for autocast.

    Raises:
        TypeError: a model or text is something else.
    """
    require_kind(MaskedLM, teacher=teacher, student=student)
    require_kind(MaskedText, text=text)
    taught, learned, sums = [], [], []
    for batch in text.batches:
        teacher_states, teacher_answers = read(teacher, batch, precision)
        student_states, student_answers = read(student, batch, precision)
        taught.append(teacher_answers)
        learned.append(student_answers)
        if teacher.config.hidden_size == student.config.hidden_size:
            sums.append(_cosine_sums(student_states.cpu(), teacher_states.cpu(), batch[1]))
    expected, given = joined(taught), joined(learned)
    cosines = (torch.cat(sums), torch.cat(text.origins)) if sums else None  # (S, 2), (S,)
    return Comparison(
        _scores(expected),
        _scores(given),
        float((expected.guesses == given.guesses).double().mean()),
        float(cosines[0][:, 0].sum() / cosines[0][:, 1].sum()) if cosines else None,
        intervals(expected, given, text.documents, cosines),
    )


def _cosine_sums(student_states: Tensor, teacher_states: Tensor, attention_mask: Tensor) -> Tensor:
    """For each sequence the sum of the cosines of its real tokens and their number: (B, 2) float64."""
    counts = attention_mask.sum(1)  # (B,)
    cosines = token_cosines(student_states, teacher_states, attention_mask)  # one sequence after the other
    sums = torch.stack([each.double().sum() for each in cosines.split(counts.tolist())])  # (B,)
    return torch.stack([sums, counts.double()], 1)
