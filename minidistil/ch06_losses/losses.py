"""Chapter 6. The losses of DistilBERT.

Sanh et al. (2019), "DistilBERT, a distilled version of BERT", section 2; soft targets and the factor T^2:
Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", section 2. The fourth
loss, on logits, is an option of DistilBERT's distillation script, off in the published command.

Each loss is a mean over positions, and a position counts if the caller hands it in: L_ce and L_mse compare the
logits that they get, L_mlm those of them that have a label, L_cos the hidden states. Nothing here knows
of padding: leave it out, `logits[attention_mask.bool()]`. A mean over no position at all is NaN.

The teacher is a constant: no gradient flows to it, whatever it was computed with.

Letters in shapes: V vocabulary, D width; "..." any number of positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minidistil.ch02_masking.masking import IGNORE


@dataclass(frozen=True)
class DistillationLoss:
    """The weighted sum and its terms before weighting, scalars each; None where a term was left out."""

    total: Tensor
    ce: Tensor
    mlm: Tensor
    cos: Tensor | None
    mse: Tensor | None

    def terms(self) -> dict[str, Tensor]:
        """The terms that were computed, by name."""
        return {name: value for name, value in vars(self).items() if name != "total" and value is not None}


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 2.0) -> Tensor:
    """L_ce: T^2 KL(teacher || student) in nats, both softened by the temperature T.

    T^2 undoes the 1 / T^2 by which the temperature shrinks the gradient. The teacher's
    entropy, which no student can change, is what KL leaves out of a plain cross-entropy.

    Args:
        student_logits, teacher_logits: (..., V).
        temperature: T, the same for both.

    Returns:
        Scalar: the sum over the vocabulary, mean over the positions.

    Raises:
        ValueError: the temperature is not positive, or the shapes differ.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}: expected a number above 0.")
    _require_same_vocabulary(student_logits, teacher_logits)
    student = (_rows(student_logits) / temperature).log_softmax(-1)  # (N, V)
    teacher = (_rows(teacher_logits.detach()) / temperature).log_softmax(-1)  # (N, V)
    divergence = nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def masked_lm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """L_mlm: mean cross-entropy in nats of logits (..., V) at the positions whose label (...) is not -100.

    Raises:
        ValueError: not one label for each position.
    """
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"The labels have shape {tuple(labels.shape)}, the logits {tuple(logits.shape)}: expected one label "
            "for each position, -100 where there is nothing to guess."
        )
    return nn.functional.cross_entropy(_rows(logits), labels.flatten(), ignore_index=IGNORE)


def cosine_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """L_cos: mean of 1 - cosine between the last hidden states (..., D) of student and teacher, from 0 to 2.

    Raises:
        ValueError: the shapes differ; a student must be as wide as its teacher.
    """
    if student_hidden.shape[-1] != teacher_hidden.shape[-1]:
        raise ValueError(
            f"The hidden states of the student are {student_hidden.shape[-1]} wide, its teacher's "
            f"{teacher_hidden.shape[-1]}: L_cos compares them number by number. Give both the same width, or "
            "leave L_cos out with alpha_cos=0."
        )
    _require_same_positions("hidden states", student_hidden, teacher_hidden)
    cosine = nn.functional.cosine_similarity(student_hidden.float(), teacher_hidden.detach().float(), dim=-1)  # (...)
    return (1 - cosine).mean()


def logits_mse_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """L_mse: squared difference of the logits (..., V), summed over the vocabulary, mean over the positions.

    Raises:
        ValueError: the shapes differ.
    """
    _require_same_vocabulary(student_logits, teacher_logits)
    return (student_logits.float() - teacher_logits.detach().float()).square().sum(-1).mean()


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
    alpha_mse: float = 0.0,
) -> DistillationLoss:
    """The sum of the losses, each times its alpha; the default alphas are those of the published command.

    Sanh et al. (2019), section 2. A term of weight 0 has no part in the sum and no gradient. It is returned all
    the same, to be watched, but for L_cos between states of different widths and L_mse: these are then None.

    Args:
        student_logits, teacher_logits: (..., V) at the positions that L_ce and L_mse count.
        labels: (...) int64 at the same positions, -100 where L_mlm does not count.
        student_hidden, teacher_hidden: (..., D) at the positions that L_cos counts.
        temperature: T, of both softmaxes in L_ce.

    Returns:
        Scalars: `total`, and before weighting `ce` and `mlm` (nats), `cos` (0 to 2) and `mse` (squared logits).

    Raises:
        ValueError: an alpha is negative or all are 0, or a term refuses its input.
    """
    alphas = {"alpha_ce": alpha_ce, "alpha_mlm": alpha_mlm, "alpha_cos": alpha_cos, "alpha_mse": alpha_mse}
    require_weights(alphas)
    ce = soft_target_loss(student_logits, teacher_logits, temperature)
    mlm = masked_lm_loss(student_logits, labels)
    comparable = student_hidden.shape == teacher_hidden.shape
    cos = cosine_loss(student_hidden, teacher_hidden) if alpha_cos or comparable else None
    mse = logits_mse_loss(student_logits, teacher_logits) if alpha_mse else None
    terms = zip(alphas.values(), (ce, mlm, cos, mse), strict=True)
    weighted = [alpha * term for alpha, term in terms if alpha and term is not None]
    return DistillationLoss(torch.stack(weighted).sum(), ce, mlm, cos, mse)


def require_weights(alphas: dict[str, float]) -> None:
    """Raise ValueError unless no weight of a loss, given by name, is negative and at least one is positive."""
    for name, alpha in alphas.items():
        if not alpha >= 0:
            raise ValueError(f"{name} is {alpha}: expected 0 or more.")
    if not any(alphas.values()):
        raise ValueError(f"{', '.join(alphas)} are all 0: there is nothing to minimise; give one of them a weight.")


def _rows(logits: Tensor) -> Tensor:
    """(..., V) -> (N, V), a row a position, in fp32: half precision is too coarse for sums over a vocabulary."""
    return logits.float().reshape(-1, logits.shape[-1])


def _require_same_vocabulary(student_logits: Tensor, teacher_logits: Tensor) -> None:
    if student_logits.shape[-1] != teacher_logits.shape[-1]:
        raise ValueError(
            f"The student scores {student_logits.shape[-1]} words, its teacher {teacher_logits.shape[-1]}: their "
            "logits are compared word by word. Expected two models of the same vocabulary."
        )
    _require_same_positions("logits", student_logits, teacher_logits)


def _require_same_positions(what: str, student: Tensor, teacher: Tensor) -> None:
    if student.shape != teacher.shape:
        raise ValueError(
            f"The {what} of student and teacher differ in shape, {tuple(student.shape)} and {tuple(teacher.shape)}: "
            "expected the same positions in both."
        )
