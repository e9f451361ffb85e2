"""Chapter 6. The losses of DistilBERT.

Sanh et al. (2019), "DistilBERT, a distilled version of BERT", section 2; soft targets and the factor T^2:
Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", section 2. The fourth
loss, on logits, is an option of DistilBERT's distillation script, off in the published command.

Each loss is a mean over the positions that it is given, L_mlm over those of them with a label. Padding is
not recognised here: leave it out, `logits[attention_mask.bool()]`. A mean over no position at all is NaN.
The teacher is a constant: no gradient flows to it, whatever it was computed with.

Letters in shapes: V vocabulary, D width, N positions; "..." any number of dimensions of positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minidistil.arguments import require_kind, require_weights
from minidistil.ch04_encoder.inputs import whole_labels
from minidistil.ch05_weights.heads import class_loss


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 2.0) -> Tensor:
    """L_ce: T^2 KL(teacher || student) in nats, with both softened by the temperature T.

    T^2 makes up for the factor 1 / T^2 by which the temperature shrinks the gradient. KL is the cross-entropy
    less the teacher's entropy, which no student can change.

    >>> teacher, student = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()
    >>> soft_target_loss(student, teacher, temperature=1.0)  # ln(2) / 4
    tensor(0.1733)

    Args:
        student_logits, teacher_logits: (..., V).
        temperature: T, the same for both.

    Returns:
        Scalar: the sum over the vocabulary, mean over the positions.

    Raises:
        TypeError: no tensors, or the temperature is no number.
        ValueError: the temperature is not positive, or the shapes differ.
    """
    _require_temperature(temperature)
    _require_same_vocabulary(student_logits, teacher_logits)
    log_q = (_rows(student_logits) / temperature).log_softmax(-1)  # (N, V)
    log_p = (_rows(teacher_logits.detach()) / temperature).log_softmax(-1)  # (N, V)
    divergence = (log_p.exp() * (log_p - log_q)).sum() / len(log_p)
    return divergence * temperature**2


def masked_lm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """L_mlm: mean cross-entropy in nats of logits (..., V) at the positions whose label (...) is not -100.

    >>> logits = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]).log()
    >>> masked_lm_loss(logits, torch.tensor([1, -100]))  # -ln(0.2)
    tensor(1.6094)

    Raises:
        TypeError: no tensors.
        ValueError: the labels do not have the shape of the positions, or are not numbers of words.
    """
    require_kind(Tensor, logits=logits)
    labels = whole_labels("labels", labels, tuple(logits.shape[:-1]))
    return class_loss(_rows(logits), labels.flatten())  # chapter 5: `nn.functional.cross_entropy` that ignores -100


def cosine_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """L_cos: mean of 1 - cosine between the last hidden states (..., D) of student and teacher, from 0 to 2.

    >>> cosine_loss(torch.tensor([[5.0, 0.0]]), torch.tensor([[3.0, 4.0]]))  # 1 - 3 / 5
    tensor(0.4000)

    Raises:
        TypeError: no tensors.
        ValueError: the shapes differ; student and teacher must have the same width.
    """
    require_kind(Tensor, student_hidden=student_hidden, teacher_hidden=teacher_hidden)
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

    >>> logits_mse_loss(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    tensor(7.)

    Raises:
        ValueError: the shapes differ.
    """
    _require_same_vocabulary(student_logits, teacher_logits)
    return (student_logits.float() - teacher_logits.detach().float()).square().sum(-1).mean()


@dataclass(frozen=True)
class DistillationLoss:
    """The weighted sum and its terms before weighting, all scalars; None for a term that was left out."""

    total: Tensor
    ce: Tensor
    mlm: Tensor
    cos: Tensor | None
    mse: Tensor | None

    def terms(self) -> dict[str, Tensor]:
        """The terms that were computed, by name."""
        return {name: value for name, value in vars(self).items() if name != "total" and value is not None}


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

    Sanh et al. (2019), section 2. A term of weight 0 is not in the sum and gives no gradient. It is returned all
    the same, for logging, except for L_cos between states of different widths and L_mse, which are then None.

    >>> logits, hidden = torch.zeros(1, 3), torch.ones(1, 2)
    >>> distillation_loss(logits, logits, torch.tensor([0]), hidden, -hidden).total  # 5 * 0 + 2 * ln(3) + 1 * 2
    tensor(4.1972)

    Args:
        student_logits, teacher_logits: (..., V) at the positions that L_ce and L_mse count.
        labels: (...) int64 at the same positions, -100 where L_mlm does not count.
        student_hidden, teacher_hidden: (..., D) at the positions that L_cos counts.
        temperature: T, of both softmaxes in L_ce.

    Returns:
        Scalars: `total`, and before weighting `ce` and `mlm` (nats), `cos` (0 to 2) and `mse` (squared logits).

    Raises:
        TypeError: an argument is something else.
        ValueError: an alpha is negative or all are 0, or the arguments of a loss do not fit.
    """
    alphas = {"alpha_ce": alpha_ce, "alpha_mlm": alpha_mlm, "alpha_cos": alpha_cos, "alpha_mse": alpha_mse}
    require_weights(alphas)
    require_kind(Tensor, student_hidden=student_hidden, teacher_hidden=teacher_hidden)
    ce = soft_target_loss(student_logits, teacher_logits, temperature)
    mlm = masked_lm_loss(student_logits, labels)
    comparable = student_hidden.shape == teacher_hidden.shape
    cos = cosine_loss(student_hidden, teacher_hidden) if alpha_cos or comparable else None
    mse = logits_mse_loss(student_logits, teacher_logits) if alpha_mse else None
    terms = zip(alphas.values(), (ce, mlm, cos, mse), strict=True)
    weighted = [alpha * term for alpha, term in terms if alpha and term is not None]
    return DistillationLoss(torch.stack(weighted).sum(), ce, mlm, cos, mse)


def _rows(logits: Tensor) -> Tensor:
    """(..., V) -> (N, V) in fp32: half precision is too coarse for sums over a vocabulary."""
    return logits.float().reshape(-1, logits.shape[-1])


def _require_temperature(temperature: float) -> None:
    require_kind(int, float, temperature=temperature)
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}: expected a number above 0.")


def _require_same_vocabulary(student_logits: Tensor, teacher_logits: Tensor) -> None:
    require_kind(Tensor, student_logits=student_logits, teacher_logits=teacher_logits)
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
