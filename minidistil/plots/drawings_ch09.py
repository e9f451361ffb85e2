"""Chapter 9, drawn: retention and agreement, an interval by the bootstrap, confidence against accuracy."""

from collections.abc import Sequence
from itertools import pairwise

from minidistil.plots.drawing import ROLES, arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def retention_and_agreement(words: Sequence[str], teacher: Sequence[str], student: Sequence[str]) -> Figure:
    """Hidden words, both models' guesses (green where right), and where the two guesses are the same."""
    count, start = len(words), 11
    right = {
        name: [guess == word for guess, word in zip(said, words, strict=True)]
        for name, said in (("teacher", teacher), ("student", student))
    }
    same = [mine == its for mine, its in zip(student, teacher, strict=True)]
    colour = {True: "right", False: "dropped"}
    taught, learned = sum(right["teacher"]), sum(right["student"])
    shares = [f"{100 * share:.3g} %" for share in (learned / taught, sum(same) / count)]
    figure, axis = sheet(
        start + 7 * count + 13, 29,
        f"{count} hidden words with two guesses each. The teacher is right at {taught}, the student at {learned}: "
        f"retention {shares[0]}. Both say the same at {sum(same)}: agreement {shares[1]}.",
    )  # fmt: skip
    rows = (
        (25, "hidden", words, ["text"] * count, ""),
        (20, "teacher", teacher, [colour[hit] for hit in right["teacher"]], f"right: {taught}/{count}"),
        (15, "student", student, [colour[hit] for hit in right["student"]], f"right: {learned}/{count}"),
        (10, "same?", ["yes" if each else "no" for each in same], ["number" if each else "dropped" for each in same],
         f"same: {sum(same)}/{count}"),
    )  # fmt: skip
    for y, name, labels, roles, says in rows:
        box(axis, 0.5, y, 9, 3.4, name, name if name in ROLES else "part", size=10)
        cells(axis, start, y, labels, roles, 7, 3.4, size=10, color="black")
        write(axis, start + 7 * count + 1, y + 1.7, says, size=10)
    write(axis, 0.5, 6.6, f"retention = {learned}/{taught} = {shares[0]}", size=11, weight="bold")
    write(axis, 0.5, 3.9, f"agreement = {sum(same)}/{count} = {shares[1]}", size=11, weight="bold")
    write(axis, 0.5, 1.2, "green: right; dotted: wrong, or not the same", size=9.5)
    return figure


def bootstrap_interval(
    documents: Sequence[tuple[int, int]], shown: Sequence[Sequence[int]], figures: Sequence[float],
    ends: tuple[float, float],
) -> Figure:  # fmt: skip
    """Documents, a few draws of as many documents, and the figure of all draws with its interval.

    Args:
        documents: right guesses and hidden tokens of each.
        shown: some draws, each a list of numbers of documents.
        figures: the accuracy of every draw.
        ends: of the interval.
    """
    figure, axis = sheet(
        78, 36,
        f"{len(documents)} documents; each draw takes {len(documents)} of them, some twice, some not at all, and "
        f"computes the accuracy. Of {len(figures)} draws the middle 95 % lie from {ends[0]:.2f} to {ends[1]:.2f}.",
    )  # fmt: skip
    write(axis, 1, 34, "held-out documents", size=10.5, weight="bold")
    for place, (right, hidden) in enumerate(documents):
        box(axis, 1 + 11 * place, 27, 10, 5, f"document {place}\n{right} of {hidden}", "text", size=10)
    write(axis, 1, 23.5, "draws, with replacement", size=10.5, weight="bold")
    for row, draw in enumerate(shown):
        y = 18 - 5 * row
        cells(axis, 1, y, draw, "text", 4.2, 3.6, size=10)
        right, hidden = (sum(documents[each][part] for each in draw) for part in (0, 1))
        arrow(axis, (1 + 4.2 * len(draw), y + 1.8), (18, y + 1.8))
        write(axis, 18.5, y + 1.8, f"{right} of {hidden} = {right / hidden:.2f}", size=10)
    write(axis, 1, 18 - 5 * len(shown) + 2, "…", size=12)
    left, wide, floor = 41.0, 34.0, 8.0
    write(axis, left, 34, f"the accuracy of all {len(figures)} draws", size=10.5, weight="bold")
    axis.plot([left, left + wide], [floor - 1, floor - 1], color="#555555", linewidth=1.3)
    for value in sorted(set(figures)):
        x, inside = left + wide * value, ends[0] <= value <= ends[1]
        for height in range(figures.count(value)):
            filling, frame, _ = ROLES["right" if inside else "dropped"]
            axis.plot(x, floor + 0.4 + 2.6 * height, "o", markersize=9, color=filling, markeredgecolor=frame)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        write(axis, left + wide * tick, floor - 2.8, f"{tick:g}", ha="center", size=10)
    low, high = (left + wide * end for end in ends)
    axis.plot([low, low, high, high], [4.2, 3, 3, 4.2], color=ROLES["right"][1], linewidth=2)
    write(axis, (low + high) / 2, 1.2, f"95 %: {ends[0]:.2f} to {ends[1]:.2f}", ha="center", size=10)
    return figure


def calibration_gap(confidence: Sequence[float], right: Sequence[bool], edges: Sequence[float]) -> Figure:
    """Guesses in bins of confidence; for each bin the share of right guesses beside the mean confidence.

    Args:
        edges: of the bins, in ascending order, from 0 to 1; a guess on an edge belongs to the bin below.
    """
    bins = [
        [(sure, hit) for sure, hit in zip(confidence, right, strict=True) if low < sure <= high]
        for low, high in pairwise(edges)
    ]
    facts = [(sum(sure for sure, _ in own) / len(own), sum(hit for _, hit in own) / len(own), len(own)) for own in bins]
    error = sum(count * abs(share - mean) for mean, share, count in facts) / len(confidence)
    figure, axis = sheet(
        36 * len(bins) + 2, 38,
        "Guesses in bins of confidence. " + " ".join(
            f"{count} guesses: mean confidence {mean:.2f}, right {share:.2f}." for mean, share, count in facts
        ) + f" Weighted by the numbers of guesses, the gaps have a mean of {error:.2f}.",
    )  # fmt: skip
    for place, (own, (mean, share, count)) in enumerate(zip(bins, facts, strict=True)):
        x, floor = 1.0 + 36 * place, 11.0
        write(axis, x, 36, f"confidence {edges[place]:g} to {edges[place + 1]:g}", size=10.5, weight="bold")
        roles = ["right" if hit else "dropped" for _, hit in own]
        cells(axis, x, 30.5, [f"{sure:g}" for sure, _ in own], roles, 6, 3.4, size=10, color="black")
        box(axis, x, floor, 9, max(0.01, 16 * share), "", "right")
        write(axis, x + 4.5, floor + 8 * share, f"right\n{share:.2f}", ha="center", size=10)
        line = floor + 16 * mean
        axis.plot([x, x + 13], [line, line], color=ROLES["loss"][1], linestyle="--", linewidth=2)
        write(axis, x + 13.5, line, f"mean confidence {mean:.2f}", size=10)
        write(axis, x, 8.3, f"gap {abs(share - mean):.2f}, {count} of {len(confidence)} guesses", size=10)
    weighted = " + ".join(f"{count}/{len(confidence)} · {abs(share - mean):.3f}" for mean, share, count in facts)
    write(axis, 1, 4.5, f"expected calibration error = {weighted} = {error:.2f}", size=11, weight="bold")
    write(axis, 1, 1.3, "green: right; dotted: wrong", size=9.5)
    return figure
