"""Chapter 12 in pictures: differences between two groups, and their uncertainty."""

from collections.abc import Collection, Mapping, Sequence
from statistics import linear_regression
from typing import Any

from minidistil.plots.style import BLUE, GREY, ORANGE, Figure, name_dots, new_figure


def difference_table(table: Any, templates: Sequence[str], words: Sequence[str], label: str, title: str) -> Figure:
    """A coloured square for each template and word, the words ordered by their mean differences; 0 is white.

    Args:
        table: (T, W) differences.
        label: what is different, with the unit.
    """
    means = table.mean(0).tolist()
    order = sorted(range(len(words)), key=means.__getitem__)
    rows = [[float(row[word]) for word in order] for row in table]
    largest = max(abs(value) for row in rows for value in row)
    figure, (axis,) = new_figure(3.4 + 0.17 * len(words), 1.4 + 0.21 * len(templates), title=title)
    image = axis.imshow(rows, cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto")
    axis.set_xticks(range(len(words)), [words[word] for word in order], rotation=60, ha="right", fontsize=8.5)
    axis.set_yticks(range(len(templates)), templates, fontsize=8.5)
    axis.tick_params(length=0)
    figure.colorbar(image, ax=axis, label=label, shrink=0.9)
    return figure


def intervals(
    rows: Mapping[str, Sequence[float]], xlabel: str, title: str, marked: Collection[str] = (), legend: str = ""
) -> Figure:
    """A dot with its interval for each name, from top to bottom, and a line at 0 if a lower end is negative.

    Args:
        rows: name -> value, lower end, upper end.
        marked: names in another colour, which `legend` explains.
    """
    figure, (axis,) = new_figure(7.5, 1 + 0.24 * len(rows))
    for place, (name, (value, low, high)) in enumerate(rows.items()):
        colour = ORANGE if name in marked else BLUE
        axis.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        axis.plot(value, place, "o", color=colour, markersize=6)
    if min(low for _, low, _ in rows.values()) < 0:
        axis.axvline(0, color=GREY, linewidth=1)
    else:
        axis.set_xlim(left=0)
    axis.set_yticks(range(len(rows)), list(rows), fontsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set(xlabel=xlabel, title=title)
    if legend:
        axis.plot([], [], "o-", color=ORANGE, label=legend)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure


def word_against_word(
    panels: Mapping[str, tuple[Any, Any]],
    words: Sequence[str],
    named: Collection[str],
    labels: tuple[str, str],
    title: str,
) -> Figure:
    """A dot for each word, one measure on each axis, with the least-squares line and the diagonal.

    Args:
        panels: title of a panel -> x (W,) and y (W,).
        named: the words that are written beside their dots.
        labels: of the x and of the y axis, with units.
    """
    figure, axes = new_figure(max(4.8 * len(panels), 6), 4.2, len(panels), title=title)
    limit = 1.12 * max(float(abs(values).max()) for pair in panels.values() for values in pair)
    for axis, (name, (across, up)) in zip(axes, panels.items(), strict=True):
        x, y = across.tolist(), up.tolist()
        slope, intercept = linear_regression(x, y)
        axis.plot([-limit, limit], [-limit, limit], color=GREY, linestyle=":", label="equal")
        ends = [intercept + slope * end for end in (-limit, limit)]
        axis.plot([-limit, limit], ends, color=ORANGE, label="least squares")
        axis.plot(x, y, "o", color=BLUE, markersize=5)
        axis.axhline(0, color=GREY, linewidth=0.6)
        axis.axvline(0, color=GREY, linewidth=0.6)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel=labels[0], title=name)
    axes[0].set_ylabel(labels[1])
    axes[0].legend(frameon=False, fontsize=9, loc="upper left")
    figure.draw_without_rendering()
    for axis, (across, up) in zip(axes, panels.values(), strict=True):
        dots = zip(words, across.tolist(), up.tolist(), strict=True)
        name_dots(axis, [(word if word in named else "", x, y) for word, x, y in dots])
    return figure


def swapped(values: Any, observed: float, xlabel: str, title: str) -> Figure:
    """A histogram of the values with swapped groups, with the observed value."""
    figure, (axis,) = new_figure(7, 2.8)
    axis.hist(values.tolist(), bins=30, color="#bbbbbb")
    axis.axvline(observed, color=ORANGE, linewidth=2.5)
    axis.annotate(
        "observed", (observed, 0.92), xycoords=("data", "axes fraction"), xytext=(-6, 0), textcoords="offset points",
        color=ORANGE, ha="right", weight="bold",
    )  # fmt: skip
    axis.set(xlabel=xlabel, ylabel="ways to swap", title=title)
    return figure
