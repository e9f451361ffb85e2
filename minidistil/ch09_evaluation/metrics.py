"""Chapter 9. Figures that say how good a model is and how like its teacher, and how far each can be trusted.

Perplexity as in language modelling; intervals by the bootstrap (Efron and Tibshirani, 1993, chapters 6 and 13), drawn
over whole documents: tokens of one text succeed and fail together, so a token is no independent witness.

Letters in shapes: B sequences, L tokens, M real tokens, N hidden tokens, D width, G documents, C columns, R draws.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def perplexity(losses: Sequence[Tensor]) -> float:
    """exp of the mean negative log-probability, every token counting once, however the batches were cut.

    Args:
        losses: negative log-probabilities of the right tokens in nats, one tensor of any length a batch.

    Raises:
        ValueError: there is no token.
    """
    count = sum(batch.numel() for batch in losses)
    if not count:
        raise ValueError("There are no losses: expected those of at least one token.")
    mean = sum(float(batch.double().sum()) for batch in losses) / count
    return float(torch.tensor(mean, dtype=torch.float64).exp())  # infinite beyond 709 nats, where math.exp gives up


def token_cosines(student_states: Tensor, teacher_states: Tensor, attention_mask: Tensor) -> Tensor:
    """The cosine between the two models' vectors of each real token.

    Args:
        student_states: (B, L, D).
        teacher_states: (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding.

    Returns:
        (M,), in reading order.

    Raises:
        ValueError: the shapes differ.
    """
    if student_states.shape != teacher_states.shape:
        raise ValueError(
            f"The hidden states have shapes {tuple(student_states.shape)} and {tuple(teacher_states.shape)}: "
            "expected the same input and the same width, for a cosine compares feature with feature."
        )
    real = attention_mask.bool()  # (B, L)
    return nn.functional.cosine_similarity(student_states[real].float(), teacher_states[real].float(), dim=-1)


def document_totals(values: Tensor, documents: Tensor) -> Tensor:
    """Sums of the values over each document.

    Args:
        values: (N, C) what was counted at each hidden token.
        documents: (N,) the number of its document; in any order, with any gaps.

    Returns:
        (G, C) float64, a row for each number that occurs, from the lowest on.
    """
    numbers, places = documents.unique(return_inverse=True)  # (G,), (N,)
    totals = torch.zeros(len(numbers), values.shape[1], dtype=torch.float64)
    return totals.index_add_(0, places, values.double())


def resampled_sums(totals: Tensor, draws: int = 1000, generator: torch.Generator | None = None) -> Tensor:
    """What the sums over all documents might have been, had other documents been held out.

    A draw takes as many documents as there are, with replacement, and adds up their rows. All columns of a draw
    belong to the same documents: a ratio or difference of two columns compares two models on the same text.

    Args:
        totals: (G, C), a row for each document.

    Returns:
        (R, C) float64, a row for each draw.
    """
    count = len(totals)
    chosen = torch.randint(count, (draws, count), generator=generator)  # (R, G)
    often = torch.zeros(draws, count, dtype=torch.float64)
    often.scatter_add_(1, chosen, torch.ones_like(often))  # how many times each document was drawn
    return often @ totals.double()  # (R, G) @ (G, C)


def interval(samples: Tensor, level: float = 0.95) -> tuple[float, float]:
    """The range that holds the middle `level` of the samples: as many lie below it as above.

    Args:
        samples: (R,) a figure of each draw.

    Raises:
        ValueError: level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: expected a share between 0 and 1, such as 0.95.")
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = samples.double().quantile(ends).tolist()
    return low, high


def reliability(confidence: Tensor, right: Tensor, bins: int = 10) -> tuple[Tensor, Tensor, Tensor]:
    """How often guesses of each confidence are right: (0, 0.1], (0.1, 0.2] … (0.9, 1] for 10 bins.

    Guo et al. (2017), section 2.

    Args:
        confidence: (N,) probability of the guess. An exact 0 falls into the first bin.
        right: (N,) whether it was right.

    Returns:
        Three tensors (bins,): number of guesses (int64), mean confidence and share of right ones (float64, NaN in an
        empty bin).
    """
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    places = torch.bucketize(confidence.double(), edges)  # (N,); equal to an edge: the bin below
    counts = torch.bincount(places, minlength=bins)
    sums = [
        torch.bincount(places, weights=values.double(), minlength=bins).double() / counts
        for values in (confidence, right)
    ]
    return counts, sums[0], sums[1]


def expected_calibration_error(confidence: Tensor, right: Tensor, bins: int = 10) -> float:
    """Mean distance between confidence and share of right guesses, each bin weighing as much as it holds.

    0: of the guesses made with 70 % confidence, 70 % are right. Guo et al. (2017), equation 3. Arguments as in
    `reliability`.
    """
    counts, mean_confidence, accuracy = reliability(confidence, right, bins)
    gaps = (accuracy - mean_confidence).abs()  # (bins,)
    return float((counts / counts.sum() * gaps).nansum())
