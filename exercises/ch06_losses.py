"""Chapter 6, the losses: write them yourself, and the true distribution of a toy language.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Values and
gradients are compared with formulas in float64:

    minidistil check ch06                       what is right, what is not, and what it looks like
    minidistil hint ch06 1                      a hint for the first exercise that is not written yet
    minidistil hint ch06 2 soft_target_loss     the second hint for that one

In all of them the teacher is a constant: no gradient may flow to it. You need not check the input.

Letters in shapes: V vocabulary, D width; "..." any number of positions. In the last exercise
B sentences, L words, S states.
"""

import torch
from torch import Tensor, nn

from minidistil.ch06_losses.losses import DistillationLoss
from minidistil.ch06_losses.toy_language import Language


def masked_lm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """L_mlm: mean of -log P(right word) over the positions that have a label; -100 means no label.

    Args:
        logits: (..., V).
        labels: (...) int64, -100 where there is nothing to predict.

    Returns:
        Scalar.

    >>> logits = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]).log()
    >>> round(masked_lm_loss(logits, torch.tensor([1, -100])).item(), 4)  # -ln(0.2)
    1.6094
    """
    raise NotImplementedError


def cosine_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """L_cos: mean over the positions of 1 - cosine similarity of the two hidden states.

    Args:
        student_hidden, teacher_hidden: (..., D).

    Returns:
        Scalar, from 0 (same direction) to 2 (opposite).

    >>> round(cosine_loss(torch.tensor([[5.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item(), 4)  # 1 - 3 / 5
    0.4
    """
    raise NotImplementedError


def logits_mse_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """L_mse: squared difference of the logits, summed over the vocabulary, mean over the positions.

    Args:
        student_logits, teacher_logits: (..., V).

    Returns:
        Scalar.

    >>> logits_mse_loss(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]])).item()
    7.0
    """
    raise NotImplementedError


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 2.0) -> Tensor:
    """L_ce: T^2 KL(teacher || student), with both softened by the temperature T.

    KL(p || q) is the sum over the vocabulary of p (log p - log q); the loss is its mean over the positions.

    Args:
        student_logits, teacher_logits: (..., V), with any number of dimensions of positions.
        temperature: T, which divides the logits of both.

    Returns:
        Scalar.

    >>> teacher, student = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()
    >>> round(soft_target_loss(student, teacher, temperature=1.0).item(), 4)  # ln(2) / 4
    0.1733
    """
    raise NotImplementedError


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
    """The sum of the losses, each times its alpha. You may call your functions above.

    With alpha_cos 0, hidden states of different widths are no error: `cos` is then None. With alpha_mse 0,
    `mse` is None.

    Args:
        student_logits, teacher_logits: (..., V) at the positions that L_ce and L_mse count.
        labels: (...) int64 at the same positions, -100 where L_mlm does not count.
        student_hidden, teacher_hidden: (..., D) at the positions that L_cos counts.

    Returns:
        DistillationLoss(total, ce, mlm, cos, mse), the terms as they are before weighting.

    >>> logits, hidden, labels = torch.zeros(1, 3), torch.ones(1, 2), torch.tensor([0])
    >>> loss = distillation_loss(logits, logits, labels, hidden, -hidden)
    >>> [round(term.item(), 4) for term in (loss.total, loss.ce, loss.mlm, loss.cos)]  # 5 * 0 + 2 * ln(3) + 1 * 2
    [4.1972, 0.0, 1.0986, 2.0]
    """
    raise NotImplementedError


def true_distribution(language: Language, word_ids: Tensor, known: Tensor) -> Tensor:
    """The probability of each word at each place, given the known words at all other places.

    The language is a hidden Markov model of S states, three tables of float64: `language.start` (S,), the
    probability of each state at the first word; `language.transition` (S, S), a row for each state: the
    probability of each next state; `language.emission` (S, V), a row for each state: the probability of each word.

    The word at a place does not count for that place itself. An unknown word has no influence on other places.
    Texts may be long: prevent underflow.

    Args:
        word_ids: (B, L) int64.
        known: (B, L) bool, False where the word is masked.

    Returns:
        (B, L, V) float64; each row sums to 1.

    >>> never, half = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> identity = torch.eye(2, dtype=torch.float64)
    >>> language = Language(("[PAD]", "[MASK]", "yes", "no"), half, identity, torch.cat([never, identity], 1))
    >>> true_distribution(language, torch.tensor([[2, 1]]), torch.tensor([[True, False]])).tolist()
    [[[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 0.0]]]
    """
    raise NotImplementedError
