"""Chapter 9. How good a model's answers are, how similar its hidden states are to its teacher's, and its calibration.

Letters in shapes: B sequences, L tokens, M real tokens, N hidden tokens, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def perplexity(losses: Sequence[Tensor]) -> float:
    """exp of the mean negative log-probability; each token counts once, however the text is split into batches.

    Args:
        losses: negative log-probabilities of the correct tokens in nats, one tensor of any shape for each batch.

    Raises:
        ValueError: there is no token.

    >>> round(perplexity([torch.tensor([0.0, 0.0, 0.0]), torch.tensor([4.0])]), 3)  # exp(1), not (exp(0) + exp(4)) / 2
    2.718
    """
    count = sum(batch.numel() for batch in losses)
    if not count:
        raise ValueError("The losses of at least one token are needed, got none.")
    mean = sum(float(batch.cpu().double().sum()) for batch in losses) / count
    return float(torch.tensor(mean, dtype=torch.float64).exp())  # math.exp raises OverflowError above 709


def token_cosines(student_states: Tensor, teacher_states: Tensor, attention_mask: Tensor) -> Tensor:
    """The cosine similarity of the two models' vectors at each real token.

    Args:
        student_states: (B, L, D).
        teacher_states: (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding.

    Returns:
        (M,), in reading order.

    Raises:
        ValueError: the shapes differ.

    >>> student, teacher = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]]), torch.tensor([[[1.0, 0.0], [0.0, -3.0]]])
    >>> token_cosines(student, teacher, torch.tensor([[1, 1]]))
    tensor([ 1., -1.])
    """
    shapes = tuple(student_states.shape), tuple(teacher_states.shape)
    if shapes[0] != shapes[1]:
        raise ValueError(f"The states of both models must have the same shape, got {shapes[0]} and {shapes[1]}.")
    real = attention_mask.bool()  # (B, L)
    return nn.functional.cosine_similarity(student_states[real].float(), teacher_states[real].float(), dim=-1)


def reliability(confidence: Tensor, right: Tensor, bins: int = 10) -> tuple[Tensor, Tensor, Tensor]:
    """How often guesses are right, by their confidence: (0, 0.1], (0.1, 0.2] … (0.9, 1] for 10 bins.

    Guo et al. (2017), section 2.

    Args:
        confidence: (N,) probability of each guess. An exact 0 is counted in the first bin.
        right: (N,) whether it was right.

    Returns:
        Three tensors (bins,): number of guesses (int64), mean confidence and fraction of right guesses (float64, NaN
        in an empty bin).

    >>> counts, mean_confidence, accuracy = reliability(torch.tensor([0.5, 0.75, 1.0]), torch.tensor([0, 1, 0]), bins=2)
    >>> counts.tolist(), mean_confidence.tolist(), accuracy.tolist()
    ([1, 2], [0.5, 0.875], [0.0, 0.5])
    """
    confidence, right = confidence.cpu().double(), right.cpu().double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    places = torch.bucketize(confidence, edges)  # (N,); a value on an edge goes into the bin below
    counts = torch.bincount(places, minlength=bins)
    mean_confidence, accuracy = (
        torch.bincount(places, weights=values, minlength=bins).double() / counts for values in (confidence, right)
    )
    return counts, mean_confidence, accuracy


def expected_calibration_error(confidence: Tensor, right: Tensor, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy, each bin weighted by its number of guesses.

    0 means: of the guesses made with 70 % confidence, 70 % are right. Guo et al. (2017), equation 3. Arguments as in
    `reliability`.

    >>> round(expected_calibration_error(torch.tensor([0.5, 0.75, 1.0]), torch.tensor([0, 1, 0]), bins=2), 4)
    0.4167
    """
    counts, mean_confidence, accuracy = reliability(confidence, right, bins)
    gaps = (accuracy - mean_confidence).abs()  # (bins,)
    return float((counts / counts.sum() * gaps).nansum())
