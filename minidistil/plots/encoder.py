"""Chapter 4 in pictures: matrices, curves, shares."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def small_matrices(matrices: Mapping[str, Any], rows: Sequence[str], title: str) -> "Figure":
    """A few small matrices side by side, every number written into its field; blue is negative, red positive."""
    figure, axes = new_figure(2.3 * len(matrices), 0.9 + 0.38 * len(rows), len(matrices))
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=True):
        axis.imshow(matrix.tolist(), cmap="RdBu_r", vmin=-6, vmax=6, aspect="auto")
        for row, values in enumerate(matrix.tolist()):
            for column, value in enumerate(values):
                axis.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=10)
        axis.set_title(name, fontsize=11)
        axis.set(xticks=[], yticks=[])
    axes[0].set_yticks(range(len(rows)), rows)
    axes[0].set_xlabel("features")
    figure.suptitle(title)
    return figure


def curves(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    xlabel: str,
    title: str,
    log_from: float | None = None,
) -> "Figure":
    """Up to five named curves a panel, all over the same x.

    Args:
        panels: label of each panel's y axis -> name of each curve -> its values.
        log_from: makes the y axes logarithmic; smaller values are left out.
    """
    figure, axes = new_figure(4.4 * max(len(panels), 1.5), 3.4, len(panels))
    for axis, (label, lines) in zip(axes, panels.items(), strict=True):
        looks = zip((BLUE, ORANGE, GREEN, RED, GREY), ("-", "--", "-.", ":", "-"), strict=True)
        for (name, values), (colour, style) in zip(lines.items(), looks, strict=False):
            axis.plot(x, values, color=colour, linestyle=style, linewidth=2, label=name)
        axis.set(xlabel=xlabel, ylabel=label)
        if all(isinstance(value, int) for value in x):
            axis.xaxis.get_major_locator().set_params(integer=True)  # there is no step 2.5
        if log_from is not None:
            axis.set(yscale="log", ylim=(log_from, None))
        axis.legend(frameon=False, fontsize=9)
    figure.suptitle(title)
    return figure


def position_similarity(similarity: Any, title: str) -> "Figure":
    """Cosine of each position vector with each other, and its mean over all pairs of the same distance.

    Args:
        similarity: (P, P).
    """
    figure, (left, right) = new_figure(9, 3.6, 2)
    image = left.imshow(similarity.tolist(), cmap="viridis", vmin=-0.2, vmax=1)
    left.set(xlabel="position", ylabel="position")
    figure.colorbar(image, ax=left, label="cosine", shrink=0.9)
    distances = range(len(similarity) // 2)
    right.plot(distances, [float(similarity.diagonal(distance).mean()) for distance in distances], color=BLUE)
    right.axhline(0, color=GREY, linewidth=1, linestyle="--")
    right.set(xlabel="distance of two positions (tokens)", ylabel="mean cosine")
    figure.suptitle(title)
    return figure


def shares(bars: Mapping[str, Mapping[str, float]], unit: str, title: str) -> "Figure":
    """A stacked bar for each thing, a colour for each part, with its size where there is room for the number."""
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
