"""Chapter 9. Intervals by the bootstrap: how much would the figures change with other held-out documents?

Efron and Tibshirani (1993), chapters 6 and 13. Whole documents are drawn, not tokens: the tokens of one document are
easy or hard together, so intervals over single tokens would be too narrow.

Letters in shapes: N hidden tokens, S sequences of all batches, G documents, C columns, R draws.
"""

import torch
from torch import Tensor

from minidistil.ch09_evaluation.held_out import Answers
from minidistil.ch09_evaluation.metrics import reliability

BINS = 10  # of confidence, for the calibration error

Interval = tuple[float, float]


def document_totals(values: Tensor, documents: Tensor) -> Tensor:
    """Sums of the values over each document.

    Args:
        values: (N, C) what was counted at each hidden token.
        documents: (N,) the number of its document, in any order and with any gaps.

    Returns:
        (G, C) float64, a row for each number that occurs, in ascending order.

    >>> document_totals(torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([8, 2, 8])).tolist()
    [[1.0, 0.0], [2.0, 2.0]]
    """
    numbers, places = documents.unique(return_inverse=True)  # (G,), (N,)
    totals = torch.zeros(len(numbers), values.shape[1], dtype=torch.float64)
    return totals.index_add_(0, places, values.double())


def interval(samples: Tensor, level: float = 0.95) -> Interval:
    """The range that holds the middle `level` of the samples: as many lie below it as above.

    Args:
        samples: (R,) a figure of each draw.

    Raises:
        ValueError: level is not between 0 and 1.

    >>> [round(end, 3) for end in interval(torch.arange(101.0), level=0.9)]
    [5.0, 95.0]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, such as 0.95; got {level}.")
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = samples.double().quantile(ends).tolist()
    return low, high


def _resampled_slowly(totals: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """`resampled_sums`, one draw after another."""
    count = len(totals)
    drawn = [totals[torch.randint(count, (count,), generator=generator)] for _ in range(draws)]  # (G, C) each
    return torch.stack([rows.double().sum(0) for rows in drawn])


# --- The same, faster ---


def resampled_sums(totals: Tensor, draws: int = 1000, generator: torch.Generator | None = None) -> Tensor:
    """What the sums over all documents might have been with other held-out documents.

    Each draw takes as many documents as there are, with replacement, and adds up their rows. All columns of a draw
    are from the same documents, so a ratio or a difference of two columns compares two models on the same text.

    Args:
        totals: (G, C), a row for each document.

    Returns:
        (R, C) float64, a row for each draw.

    >>> resampled_sums(torch.tensor([[1.0, 10.0], [1.0, 10.0], [1.0, 10.0]]), draws=2).tolist()
    [[3.0, 30.0], [3.0, 30.0]]
    """
    count = len(totals)
    chosen = torch.randint(count, (draws, count), generator=generator)  # (R, G)
    times = torch.zeros(draws, count, dtype=torch.float64)
    times.scatter_add_(1, chosen, torch.ones_like(times))  # how many times each document was drawn
    return times @ totals.double()  # (R, G) @ (G, C)


# --- The intervals of a comparison ---


def intervals(
    teacher: Answers, student: Answers, documents: Tensor, cosines: tuple[Tensor, Tensor] | None = None
) -> dict[str, Interval]:
    """95 % intervals of two models' figures over the documents, both models always on the same ones.

    Those of the calibration errors are `reflected`. A figure that some draw does not have, such as the retention where
    the teacher has nothing right in the documents drawn, has no interval.

    Args:
        documents: (N,) as in `MaskedText`.
        cosines: for each sequence the sum of the cosines of its real tokens and their number, (S, 2), and the number of
            its document, (S,); None: no interval of the hidden cosine.
    """
    tables = [(_counted(teacher, student), documents), _calibration_gaps(teacher, student, documents)]
    if cosines is not None:
        tables.append(cosines)
    values, numbers = zip(*tables, strict=True)
    totals = document_totals(torch.block_diag(*values), torch.cat(numbers))  # (G, C), each table in its own columns
    sums = resampled_sums(totals, generator=torch.Generator().manual_seed(0))  # (R, C)
    samples = _figures(sums[sums[:, 0] > 0])  # a draw of documents that are all without a hidden token has no figures
    found = {name: interval(each) for name, each in samples.items() if each.isfinite().all()}
    measured = _figures(totals.sum(0, keepdim=True))
    for name in ("teacher_calibration_error", "student_calibration_error"):
        found[name] = reflected(found[name], float(measured[name]))
    return found


def reflected(ends: Interval, measured: float) -> Interval:
    """A percentile interval mirrored at the measured value (the basic bootstrap: Davison and Hinkley, 1997, sec. 5.2).

    A calibration error is a sum of absolute values, so noise makes it larger: once in the measured text, and once more
    in each resampled one. The second increase is an estimate of the first, and mirroring subtracts it. With true errors
    of 0.013 and 0.016, 3 in 4 percentile intervals over 700 documents held the truth, and 9 in 10 mirrored ones; over
    116 documents it was 1 in 10 and 9 in 10. With few documents and a small error, the whole interval may be below the
    measured value.
    """
    low, high = ends
    return max(0.0, 2 * measured - high), max(0.0, 2 * measured - low)


def _counted(teacher: Answers, student: Answers) -> Tensor:
    """What counts at each hidden token, in the order in which `_figures` reads its sums: (N, 6) float64."""
    columns = (
        torch.ones(len(teacher.labels)), teacher.right, student.right, teacher.losses, student.losses,
        teacher.guesses == student.guesses,
    )  # fmt: skip
    return torch.stack([column.double() for column in columns], 1)


def _calibration_gaps(teacher: Answers, student: Answers, documents: Tensor) -> tuple[Tensor, Tensor]:
    """The number of right guesses minus the sum of their confidences, for each document and bin of confidence.

    Added up over documents they give the calibration error: the sum of the absolute values over the number of guesses.

    Returns:
        (G, 2 * bins) float64, first the teacher's bins, then the student's; and (G,) the documents' numbers.
    """
    numbers = documents.unique()  # (G,)
    rows = []
    for number in numbers:
        own = documents == number  # (N,)
        for each in (teacher, student):
            counts, confidence, accuracy = reliability(each.confidence[own], each.right[own], BINS)
            rows.append((counts * (accuracy - confidence)).nan_to_num())  # NaN: an empty bin
    return torch.stack(rows).view(len(numbers), 2 * BINS), numbers


def _figures(sums: Tensor) -> dict[str, Tensor]:
    """The figures that follow from each row of sums, (R,) each."""
    count, taught, learned, teacher_loss, student_loss, same = sums[:, :6].unbind(1)
    gaps = sums[:, 6 : 6 + 2 * BINS].unflatten(1, (2, BINS)).abs().sum(2)  # (R, 2)
    cosines = sums[:, 6 + 2 * BINS :]  # (R, 2), or (R, 0) without a hidden cosine
    return {
        "teacher_accuracy": taught / count,
        "student_accuracy": learned / count,
        "accuracy_difference": (learned - taught) / count,
        "retention": learned / taught,
        "agreement": same / count,
        "teacher_perplexity": (teacher_loss / count).exp(),
        "student_perplexity": (student_loss / count).exp(),
        "teacher_calibration_error": gaps[:, 0] / count,
        "student_calibration_error": gaps[:, 1] / count,
    } | ({"hidden_cosine": cosines[:, 0] / cosines[:, 1]} if cosines.numel() else {})
