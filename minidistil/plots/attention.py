"""Chapter 3 in pictures: weights, heads, cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, RED, Figure, log_ticks, new_figure, token_names, write_numbers


def attention_maps(panels: Mapping[str, Any], tokens: Sequence[str], title: str, digits: bool = False) -> Figure:
    """Attention weights as squares: a row for each query, a column for each key, a panel for each head.

    Args:
        panels: title of a panel -> weights (L, L).
        tokens: the L tokens.
        digits: whether to write each weight into its square.
    """
    side = max(2.4, 0.24 * len(tokens))
    figure, axes = new_figure(side * len(panels) + 0.9, side + 0.9, len(panels), title=title)
    for axis, (name, weights) in zip(axes, panels.items(), strict=True):
        axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        token_names(axis, tokens)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("key: who is asked")
        if digits:
            write_numbers(axis, weights, ".2f", lambda weight: weight > 0.5)
    axes[0].set_ylabel("query: who asks")
    return figure


def softmax_by_width(widths: Sequence[int], measured: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Scores, weights and gradients by the width of the vectors.

    Args:
        measured: label of a panel -> name of each of its two lines -> a number for each width.
    """
    title = "Divided by the root, nothing depends on the width"
    figure, axes = new_figure(10.5, 3.4, len(measured), title)
    for axis, (name, lines) in zip(axes, measured.items(), strict=True):
        _two_lines(axis, widths, lines)
        log_ticks(axis, widths, base=4)
        axis.minorticks_off()
        axis.set(xlabel="width of the vectors", ylabel=name, ylim=(0, None))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def head_profiles(panels: Mapping[str, Any], title: str) -> Figure:
    """A number for each head of a model, a row for each layer.

    Args:
        panels: what the number is -> (layers, heads).
    """
    figure, axes = new_figure(2.6 * len(panels) + 0.8, 2.5, len(panels), title=title)
    for axis, (name, numbers) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(numbers, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("head")
        axis.set_xticks(range(0, len(numbers[0]), 2))
        axis.set_yticks(range(len(numbers)))
    axes[0].set_ylabel("layer")
    figure.colorbar(image, ax=axes, label="mean weight", shrink=0.8)
    return figure


def cost_by_length(lengths: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Time or memory by the length of the sequence in tokens, both on logarithmic scales.

    Args:
        panels: label of a panel, with the unit -> name of each of its two lines -> a number for each length.
    """
    figure, axes = new_figure(10.5, 3, len(panels), title=title)
    for axis, (name, lines) in zip(axes, panels.items(), strict=True):
        _two_lines(axis, lengths, lines)
        log_ticks(axis, lengths)
        axis.set_yscale("log")
        axis.set(xlabel="length (tokens)", ylabel=name)
    axes[0].legend(frameon=False)
    return figure


def _two_lines(axis: Any, x: Sequence[int], lines: Mapping[str, Sequence[float]]) -> None:
    for (label, values), colour, marker in zip(lines.items(), (RED, BLUE), ("o-", "s-"), strict=True):
        axis.plot(x, values, marker, color=colour, label=label)
