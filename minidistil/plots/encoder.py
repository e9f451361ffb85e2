"""Chapter 4 in pictures: matrices, curves, stacked bars."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, Figure, new_figure, write_numbers


def small_matrices(matrices: Mapping[str, Any], rows: Sequence[str], title: str) -> Figure:
    """Small matrices side by side, with each number written into its square; blue is negative, red positive."""
    figure, axes = new_figure(2.3 * len(matrices), 0.9 + 0.38 * len(rows), len(matrices), title=title)
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=True):
        axis.imshow(matrix.tolist(), cmap="RdBu_r", vmin=-6, vmax=6, aspect="auto")
        write_numbers(axis, matrix, ".3g", lambda value: False, size=10)
        axis.set_title(name, fontsize=11)
        axis.set(xticks=[], yticks=[])
    axes[0].set_yticks(range(len(rows)), rows)
    axes[0].set_xlabel("features")
    return figure


def curves(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    xlabel: str,
    title: str,
    log_from: float | None = None,
) -> Figure:
    """Panels with up to five named curves each, all over the same x.

    Args:
        panels: label of the y axis of a panel -> name of each curve -> its values.
        log_from: if given, the y axes are logarithmic and begin there.
    """
    figure, axes = new_figure(4.4 * max(len(panels), 1.5), 3.4, len(panels), title=title)
    for axis, (label, lines) in zip(axes, panels.items(), strict=True):
        styles = zip((BLUE, ORANGE, GREEN, RED, GREY), ("-", "--", "-.", ":", "-"), strict=True)
        for (name, values), (colour, style) in zip(lines.items(), styles, strict=False):
            axis.plot(x, values, color=colour, linestyle=style, linewidth=2, label=name)
        axis.set(xlabel=xlabel, ylabel=label)
        if all(isinstance(value, int) for value in x):
            axis.xaxis.get_major_locator().set_params(integer=True)  # there is no step 2.5
        if log_from is not None:
            axis.set(yscale="log", ylim=(log_from, None))
        axis.legend(frameon=False, fontsize=9)
    return figure


def position_similarity(similarity: Any, title: str) -> Figure:
    """Cosine similarities (P, P) of position embeddings, and their means over all pairs at the same distance."""
    figure, (left, right) = new_figure(9, 3.6, 2, title=title)
    image = left.imshow(similarity.tolist(), cmap="viridis", vmin=-0.2, vmax=1)
    left.set(xlabel="position", ylabel="position")
    figure.colorbar(image, ax=left, label="cosine", shrink=0.9)
    distances = range(len(similarity) // 2)
    right.plot(distances, [float(similarity.diagonal(distance).mean()) for distance in distances], color=BLUE)
    right.axhline(0, color=GREY, linewidth=1, linestyle="--")
    right.set(xlabel="distance of two positions (tokens)", ylabel="mean cosine")
    return figure


def shares(bars: Mapping[str, Mapping[str, float]], unit: str, title: str) -> Figure:
    """A stacked bar for each name, a colour for each part, with the size of the part if it is not too small."""
    figure, (axis,) = new_figure(9, 1.5 + 0.5 * len(bars))
    parts = list(dict.fromkeys(part for sizes in bars.values() for part in sizes))
    highest = max(sum(sizes.values()) for sizes in bars.values())
    left = dict.fromkeys(bars, 0.0)
    for part, colour in zip(parts, (BLUE, SKY, PURPLE, ORANGE, GREEN, GREY, RED), strict=False):
        sizes = {name: float(bars[name].get(part, 0)) for name in bars}
        drawn = axis.barh(list(bars), list(sizes.values()), left=list(left.values()), color=colour, label=part)
        labels = [f"{size:.3g}" if size > 0.04 * highest else "" for size in sizes.values()]
        axis.bar_label(drawn, labels, label_type="center", color="white" if colour == BLUE else "black")
        left = {name: left[name] + size for name, size in sizes.items()}
    axis.invert_yaxis()
    axis.set(xlabel=unit, title=title)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure
