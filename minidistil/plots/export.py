"""Chapter 11 in pictures: rounding to int8, its errors, and speed against quality."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, Figure, name_dots, new_figure


def number_lines(rows: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str) -> Figure:
    """A number line for each way of rounding: values as dots, rounded values as strokes, a line between them.

    Args:
        rows: name -> the values, and the rounded values.
    """
    figure, (axis,) = new_figure(9, 3.0)
    for row, (values, rounded) in enumerate(rows.values()):
        axis.axhline(row, color="#dddddd", linewidth=1, zorder=0)
        axis.plot(rounded, [row] * len(rounded), "|", color=BLUE, markersize=16, markeredgewidth=2)
        axis.plot(values, [row - 0.32] * len(values), "o", color=ORANGE, markersize=5)
        for value, other in zip(values, rounded, strict=True):
            axis.plot([value, other], [row - 0.32, row], color=GREY, linewidth=1)
    axis.plot([], [], "o", color=ORANGE, label="value")
    axis.plot([], [], "|", color=BLUE, markersize=10, markeredgewidth=2, label="rounded")
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_ylim(len(rows) - 0.5, -0.6)
    axis.set(xlabel="value", title=title)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def rounding_errors(panels: Mapping[str, tuple[Any, float]], title: str) -> Figure:
    """For each way of rounding, the errors by the values.

    Args:
        panels: name -> a tensor (2, N) of values and their errors, and the bound, scale / 2.
    """
    figure, axes = new_figure(4.4 * len(panels), 3.2, len(panels), title=title)
    for axis, (name, (points, bound)) in zip(axes, panels.items(), strict=True):
        axis.plot(*points.tolist(), ".", color=BLUE, markersize=2)
        for side in (-bound, bound):
            axis.axhline(side, color=ORANGE, linestyle="--", linewidth=1.5)
        axis.set_title(name, fontsize=11)
        axis.set(xlabel="value")
    axes[0].set_ylabel("error (dashed: scale / 2)")
    return figure


def by_row(lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, title: str) -> Figure:
    """A dot for each row of a matrix and way of rounding, with the rows in ascending order of the first way."""
    figure, (axis,) = new_figure(8, 3.2)
    first = next(iter(lines.values()))
    order = sorted(range(len(first)), key=lambda row: first[row])
    for (name, values), colour, mark in zip(lines.items(), (RED, BLUE, GREEN), ".+x", strict=False):
        axis.plot([values[row] for row in order], mark, color=colour, markersize=4, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axis.legend(frameon=False, fontsize=9, markerscale=2)
    return figure


def trade_offs(points: Mapping[str, tuple[float, float]], xlabel: str, ylabel: str, title: str) -> Figure:
    """A named dot for each pair of numbers; both axes begin at 0."""
    figure, (axis,) = new_figure(7.5, 3.6)
    colours = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY)
    for place, (x, y) in enumerate(points.values()):
        axis.plot(x, y, "o", color=colours[place % len(colours)], markersize=9)
    axis.set_xlim(0, 1.3 * max(x for x, _ in points.values()))
    axis.set_ylim(0, 1.15 * max(y for _, y in points.values()))
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
    figure.draw_without_rendering()
    name_dots(axis, [(name, x, y) for name, (x, y) in points.items()], away=(9, 2), size=10)
    return figure
