"""Chapter 3 in pictures: weights, heads, cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attention_maps(panels: Mapping[str, Any], tokens: Sequence[str], title: str, digits: bool = False) -> "Figure":
    """Weights as squares, a row for each query and a column for each key, a panel a head.

    Args:
        panels: what a panel shows -> its weights (L, L).
        tokens: the L tokens.
        title: the finding.
        digits: write each weight into its square.
    """
    side = max(2.4, 0.24 * len(tokens))
    figure, axes = new_figure(side * len(panels) + 0.9, side + 0.9, len(panels))
    for axis, (name, weights) in zip(axes, panels.items(), strict=True):
        axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        axis.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8)
        axis.set_yticks(range(len(tokens)), tokens, fontsize=8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("key: who is asked")
        for row, column in [(i, j) for i in range(len(tokens)) for j in range(len(tokens)) if digits]:
            weight = float(weights[row][column])
            colour = "white" if weight > 0.5 else "black"
            axis.text(column, row, f"{weight:.2f}", ha="center", va="center", fontsize=9, color=colour)
    axes[0].set_ylabel("query: who asks")
    figure.suptitle(title)
    return figure


def softmax_by_width(widths: Sequence[int], measured: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """What becomes of scores, weights and gradients as vectors get wider.

    Args:
        widths: of the vectors.
        measured: what a panel shows -> a line's name -> a number for each width.
    """
    figure, axes = new_figure(10.5, 3.4, len(measured))
    for axis, (name, lines) in zip(axes, measured.items(), strict=True):
        for (label, values), colour, marker in zip(lines.items(), (RED, BLUE), ("o-", "s-"), strict=True):
            axis.plot(widths, values, marker, color=colour, label=label)
        axis.set_xscale("log", base=4)
        axis.set_xticks(widths, list(map(str, widths)))
        axis.minorticks_off()
        axis.set(xlabel="width of the vectors", ylabel=name, ylim=(0, None))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("Divided by the root, nothing depends on the width")
    return figure


def head_profiles(panels: Mapping[str, Any], title: str) -> "Figure":
    """One number for each head of a model, a row a layer.

    Args:
        panels: what the number is -> (layers, heads).
        title: the finding.
    """
    figure, axes = new_figure(2.6 * len(panels) + 0.8, 2.5, len(panels))
    for axis, (name, numbers) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(numbers, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("head")
        axis.set_xticks(range(0, len(numbers[0]), 2))
        axis.set_yticks(range(len(numbers)))
    axes[0].set_ylabel("layer")
    figure.colorbar(image, ax=axes, label="mean weight", shrink=0.8)
    figure.suptitle(title)
    return figure


def cost_by_length(lengths: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> "Figure":
    """Time or memory over the length of the sequence, both on logarithmic scales.

    Args:
        lengths: in tokens.
        panels: a panel's axis, with its unit -> a line's name -> a number for each length.
        title: the finding.
    """
    figure, axes = new_figure(10.5, 3, len(panels))
    for axis, (name, lines) in zip(axes, panels.items(), strict=True):
        for (label, values), colour, marker in zip(lines.items(), (RED, BLUE), ("o-", "s-"), strict=True):
            axis.plot(lengths, values, marker, color=colour, label=label)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(lengths, list(map(str, lengths)))
        axis.set(xlabel="length (tokens)", ylabel=name)
    axes[0].legend(frameon=False)
    figure.suptitle(title)
    return figure
