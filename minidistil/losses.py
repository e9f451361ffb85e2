"""Chapter 6. The three losses of DistilBERT.

Sanh et al. (2019), "DistilBERT, a distilled version of BERT", section 2; soft targets and the
factor T^2: Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", section 2.

Every loss is in nats or a cosine distance, and a mean over positions. Which positions: L_ce those
whose logits are given, L_mlm those with a label, L_cos those whose hidden states are given.

Letters in shapes: V vocabulary, D width; "..." any number of positions.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from minidistil.masking import IGNORE


@dataclass(frozen=True)
class DistillationLoss:
    """The weighted sum and its three terms before weighting, scalars each."""

    total: Tensor
    ce: Tensor
    mlm: Tensor
    cos: Tensor


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 2.0) -> Tensor:
    """L_ce: T^2 KL(teacher || student), both softened by the temperature T; logits (..., V).

    T^2 undoes the 1 / T^2 by which the temperature shrinks the gradient. The teacher's
    entropy, which no student can change, is what KL leaves out of a plain cross-entropy.

    Raises:
        ValueError: the temperature is not positive, or the shapes differ.
    """
    if temperature <= 0:
        raise ValueError(f"The temperature is {temperature}: expected a number above 0.")
    _require_same_shape("logits", student_logits, teacher_logits)
    student = (student_logits.float() / temperature).log_softmax(-1).flatten(0, -2)  # (N, V)
    teacher = (teacher_logits.float() / temperature).log_softmax(-1).flatten(0, -2)  # (N, V)
    divergence = nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def masked_lm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """L_mlm: mean cross-entropy of logits (..., V) at the positions whose label (...) is not -100."""
    return nn.functional.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORE)


def cosine_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """L_cos: mean of 1 - cosine between the last hidden states (..., D) of student and teacher.

    Raises:
        ValueError: the shapes differ (the student must be as wide as its teacher).
    """
    _require_same_shape("hidden states", student_hidden, teacher_hidden)
    return (1 - nn.functional.cosine_similarity(student_hidden.float(), teacher_hidden.float(), dim=-1)).mean()


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    student_hidden: Tensor,
    teacher_hidden: Tensor,
    temperature: float = 2.0,
    alpha_ce: float = 5.0,
    alpha_mlm: float = 2.0,
    alpha_cos: float = 1.0,
) -> DistillationLoss:
    """alpha_ce L_ce + alpha_mlm L_mlm + alpha_cos L_cos; the weights are those of the published command.

    Args:
        student_logits, teacher_logits: (..., V) at the positions that L_ce counts.
        labels: (...) int64 at the same positions, -100 where L_mlm does not count.
        student_hidden, teacher_hidden: (..., D) at the positions that L_cos counts.
    """
    ce = soft_target_loss(student_logits, teacher_logits, temperature)
    mlm = masked_lm_loss(student_logits, labels)
    cos = cosine_loss(student_hidden, teacher_hidden)
    return DistillationLoss(alpha_ce * ce + alpha_mlm * mlm + alpha_cos * cos, ce, mlm, cos)


def _require_same_shape(what: str, student: Tensor, teacher: Tensor) -> None:
    if student.shape != teacher.shape:
        raise ValueError(
            f"The {what} of student and teacher differ in shape, {tuple(student.shape)} and {tuple(teacher.shape)}: "
            "expected the same positions and the same last dimension."
        )
