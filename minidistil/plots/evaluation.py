"""Chapter 9 in pictures: numbers with their uncertainty, calibration, ablations."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Figure, new_figure, row_names


def reliability_diagram(models: Mapping[str, tuple[Any, Any, Any]], title: str) -> Figure:
    """Accuracy by confidence; the area of a dot is proportional to the number of guesses in its bin.

    Args:
        models: name -> counts, mean confidence and accuracy of each bin, as returned by `metrics.reliability`.
    """
    figure, (axis,) = new_figure(5.6, 4.4)
    axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="as often right as it says")
    for (name, bins), colour in zip(models.items(), (BLUE, ORANGE, GREEN), strict=False):
        counts, confidence, accuracy = (each.tolist() for each in bins)
        used = [place for place, count in enumerate(counts) if count]
        x, y = [confidence[place] for place in used], [accuracy[place] for place in used]
        axis.plot(x, y, color=colour, linewidth=1.5, label=name)
        axis.scatter(x, y, s=[900 * counts[place] / sum(counts) for place in used], color=colour, alpha=0.6)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence of the guess", ylabel="share of them right", title=title)
    axis.legend(frameon=False, loc="upper left")
    return figure


def with_intervals(rows: Mapping[str, tuple[float, float, float]], xlabel: str, title: str) -> Figure:
    """A dot for each value and a line for its interval.

    Args:
        rows: name -> value, low, high.
    """
    figure, (axis,) = new_figure(7.5, 1.0 + 0.4 * len(rows))
    for row, (value, low, high) in enumerate(rows.values()):
        axis.plot([low, high], [row, row], color=BLUE, linewidth=3, alpha=0.5, solid_capstyle="butt")
        axis.plot([value], [row], "o", color=BLUE)
        axis.text(high, row, f"  {value:.1f}  ({low:.1f} to {high:.1f})", va="center", fontsize=9)
    row_names(axis, list(rows))
    lowest, highest = min(low for _, low, _ in rows.values()), max(high for _, _, high in rows.values())
    axis.set_xlim(lowest - 0.08 * (highest - lowest), highest + 0.45 * (highest - lowest))
    axis.set(xlabel=xlabel, title=title)
    return figure


def ablation(
    ours: Mapping[str, Sequence[float]], published: Mapping[str, float] | None, shown_from: float, title: str
) -> Figure:
    """What each row of an ablation changes: a bar for the mean, a dot for each seed; beside it the paper's numbers.

    Args:
        ours: row -> difference from the full recipe for each seed, in points of masked accuracy.
        published: row -> difference in the paper, in points of GLUE; rows may be missing. None: without the paper.
        shown_from: where the axis of `ours` begins; longer bars are cut there.
    """
    columns = 2 if published else 1
    figure, (left, *beside) = new_figure(5.5 + 2.0 * columns, 1.2 + 0.42 * len(ours), columns, title=title)
    names = list(ours)
    for row, differences in enumerate(ours.values()):
        mean = sum(differences) / len(differences)
        left.barh(row, mean, color=BLUE, alpha=0.55)
        left.plot(differences, [row] * len(differences), "o", color="black", markersize=4)
        if mean < shown_from:
            left.text(shown_from, row, f" ◀ {mean:+.1f}", va="center", ha="left")
        else:
            left.text(min(mean, *differences, 0), row, f"{mean:+.1f}  ", va="center", ha="right")
    for axis in (left, *beside):
        axis.axvline(0, color="black", linewidth=0.8)
        row_names(axis, names)
    left.set_xlim(shown_from, max(0.5, *(max(each) for each in ours.values())) + 0.3)
    left.set(xlabel="masked accuracy, points against the whole recipe", title="this course, 3 of 6 layers")
    if published:
        _as_published(beside[0], names, published)
    return figure


def _as_published(axis: Any, names: Sequence[str], published: Mapping[str, float]) -> None:
    """The column of the paper, with the same rows."""
    for row, name in enumerate(names):
        if name in published:
            axis.barh(row, published[name], color=PURPLE, alpha=0.55)
            axis.text(published[name], row, f"{published[name]:+.2f} ", va="center", ha="right")
        else:
            axis.text(0, row, "not in the paper ", va="center", ha="right", color=GREY)
    axis.set_yticklabels([])
    axis.set_xlim(1.3 * min(published.values()), 0.3)
    axis.set(xlabel="GLUE macro score, points", title="Sanh et al. (2019), table 4")


def ladder_of_runs(
    retention: Mapping[str, float], marked: str, measure: str, title: str, goal: float | None = None
) -> Figure:
    """The retention of several runs from the lowest to the highest, one of them marked, perhaps a line at the goal."""
    order = sorted(retention, key=lambda name: retention[name])
    figure, (axis,) = new_figure(7.5, 1.0 + 0.3 * len(order))
    colours = [ORANGE if name == marked else BLUE for name in order]
    axis.barh(order, [100 * retention[name] for name in order], color=colours, alpha=0.7)
    for row, name in enumerate(order):
        axis.text(1, row, f"{100 * retention[name]:.1f}", va="center", fontsize=9)  # where no goal crosses it
    if goal is not None:
        axis.axvline(100 * goal, color=RED, linestyle="--")
        axis.text(100 * goal, -0.9, f"{100 * goal:.0f} %, the abstract", color=RED, ha="right", fontsize=9)
    axis.set_xlim(0, 105)
    axis.set_ylim(-0.6 if goal is None else -1.3, len(order) - 0.4)
    axis.set(xlabel=measure, title=title)
    return figure
