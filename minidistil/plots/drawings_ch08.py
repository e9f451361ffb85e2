"""Chapter 8, drawn: one step, accumulation, what a checkpoint holds, several processes."""

from collections.abc import Mapping, Sequence

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def one_step(
    weights: Sequence[float], gradients: Sequence[float], clipped: Sequence[float], updated: Sequence[float]
) -> Figure:
    """Forward, backward, clip, update: the numbers of a model of a few weights through one optimiser step."""
    figure, axis = sheet(
        74, 32,
        f"One step as a circle: forward from the weights {list(weights)} to the loss, backward to the gradients "
        f"{list(gradients)}, clipping to {[round(value, 3) for value in clipped]}, and the update to "
        f"{[round(value, 3) for value in updated]}.",
    )  # fmt: skip
    box(axis, 1, 20, 12, 5, "batch", "text", size=11)
    box(axis, 55, 20, 18, 5, "loss", "loss", size=11)
    arrow(axis, (13, 22.5), (20, 22.5))
    arrow(axis, (38, 22.5), (55, 22.5))
    write(axis, 46.5, 24.5, "1. forward", ha="center", size=11)
    for x, y, values, name, role in (
        (20, 20, weights, "weights", "student"), (55, 5, gradients, "gradients", "number"),
        (28, 5, clipped, "clipped gradients", "number"), (1, 5, updated, "new weights", "student"),
    ):  # fmt: skip
        cells(axis, x, y, [f"{value:.3g}" for value in values], role, 18 / len(values), 5, size=11)
        write(axis, x + 9, y + 6.5 if y > 10 else 3, name, ha="center", size=10)
    arrow(axis, (64, 20), (64, 10))
    write(axis, 63, 15, "2. backward", ha="right", size=11)
    arrow(axis, (55, 7.5), (46, 7.5))
    write(axis, 50.5, 12, "3. clip", ha="center", size=11)
    arrow(axis, (28, 7.5), (19, 7.5))
    write(axis, 23.5, 12, "4. update", ha="center", size=11)
    arrow(axis, (10, 10), (24, 20), linestyle="--")
    write(axis, 20.5, 15.4, "next step", size=10)
    return figure


def accumulation(counts: Sequence[int], norms: Sequence[float]) -> Figure:
    """Micro-batches from left to right: each adds its gradient to what is there, then the optimiser moves once.

    Args:
        counts: masked tokens of each micro-batch.
        norms: of the accumulated gradient after each.
    """
    number = len(counts)
    figure, axis = sheet(
        15 * number + 15, 29,
        f"{number} micro-batches, one after another: each adds 1/{number} of its gradient "
        "to the sum, whose norm becomes " + ", ".join(f"{norm:.2f}" for norm in norms) + ". Then one clip and update.",
    )  # fmt: skip
    for place, (count, norm) in enumerate(zip(counts, norms, strict=True)):
        x = 1 + 15 * place
        box(axis, x, 20, 12.5, 8, f"micro-batch\n{place + 1}: {count}\nmasked tokens", "text", size=9.5)
        arrow(axis, (x + 6, 20), (x + 6, 9))
        write(axis, x + 7, 14.5, f"+ $g_{place + 1}$ / {number}", size=10.5)
        box(axis, x, 4, 12.5, 5, f"norm {norm:.2f}", "number", size=10)
        arrow(axis, (x + 12.5, 6.5), (x + 15, 6.5))
    box(axis, 1 + 15 * number, 3, 12.5, 7, "clip,\nupdate", "student", size=11)
    write(axis, 1, 1.6, "accumulated gradient (.grad), empty at first", size=10)
    return figure


def checkpoint_parts(name: str, numbers: Mapping[str, int], step: int) -> Figure:
    """What a checkpoint file holds, as wide as it is large, and what is drawn anew instead of being stored.

    Args:
        numbers: how many there are in "model", "exp_avg" and "exp_avg_sq".
        step: at which it was written.
    """
    figure, axis = sheet(
        74, 33,
        f"The file {name} holds the weights, {numbers['model']:,} numbers, AdamW's two moments of the same size, the "
        f"step {step} and a hash. Masks, dropout and order of the text are not stored: seed and number give them.",
    )  # fmt: skip
    box(axis, 1, 11, 72, 21, "", "part")
    write(axis, 3, 30, name, size=11, weight="bold")
    x = 3.0
    meanings = {
        "model": ("weights", "student"),
        "exp_avg": ("moment m", "number"),
        "exp_avg_sq": ("moment v", "number"),
    }
    for kind, (meaning, role) in meanings.items():
        width = 68 * numbers[kind] / sum(numbers.values())
        box(axis, x, 19.5, width, 8.5, f"{meaning}\n{kind}\n{numbers[kind]:,} numbers", role, size=10)
        x += width
    for x, width, label in ((3, 14, f"step {step}"), (18, 26, "time, tokens, log so far"), (45, 26, "settings, hash")):
        box(axis, x, 13, width, 4, label, "text", size=10)
    drawn = "not stored: masks, dropout, order of the text;\nseed and micro-batch number give them again"
    box(axis, 1, 1, 72, 8, drawn, "dropped", size=10, color="black")
    return figure


def data_parallel(shares: Sequence[Sequence[int]]) -> Figure:
    """One step of several processes: the same weights, other micro-batches, one mean of the gradients.

    Args:
        shares: for each process, the numbers of its micro-batches.
    """
    high = 11 * len(shares)
    figure, axis = sheet(
        74, high + 3,
        "; ".join(f"process {rank} reads micro-batches {list(share)}" for rank, share in enumerate(shares))
        + ". Each has the same weights; their gradients are averaged, so all make the same update.",
    )  # fmt: skip
    box(axis, 46, 1, 10, high - 3, "mean\nof all", "right", size=11)
    for rank, share in enumerate(shares):
        y = high - 9 - 11 * rank
        write(axis, 1, y + 8.5, f"process {rank}", size=11, weight="bold")
        box(axis, 1, y, 11, 6, "weights", "student", size=10.5)
        arrow(axis, (12, y + 3), (15, y + 3))
        cells(axis, 15, y + 1, share, "text", 12 / len(share), 4, size=11)
        write(axis, 21, y + 6.5, "micro-batches", ha="center", size=10)
        arrow(axis, (27, y + 3), (31, y + 3))
        box(axis, 31, y, 10.5, 6, "gradients", "number", size=10)
        arrow(axis, (41.5, y + 3), (46, y + 3))
        arrow(axis, (56, y + 3), (60, y + 3))
        box(axis, 60, y, 13, 6, "the same\nupdate", "student", size=10.5)
    return figure
