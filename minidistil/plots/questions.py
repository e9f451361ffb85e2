"""Chapter 10 in pictures, questions and names: windows, spans, tokens with their labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import GREEN, GREY, ORANGE, PURPLE, SKY, Figure, new_figure, token_names


def window_map(windows: Sequence[tuple[int, int]], answer: tuple[int, int], title: str) -> Figure:
    """Windows over a long text, one below the other; those that contain the whole answer are green.

    Args:
        windows: the tokens [begin, end) of each window.
        answer: first and last token of the answer.
    """
    figure, (axis,) = new_figure(9, 0.9 + 0.42 * len(windows), title=title)
    for row, (begin, end) in enumerate(windows):
        whole = begin <= answer[0] and answer[1] < end
        axis.barh(row, end - begin, left=begin, height=0.6, color=GREEN if whole else SKY)
        axis.text((begin + end) / 2, row, f"{begin} to {end - 1}", ha="center", va="center", fontsize=9)
    axis.axvspan(answer[0], answer[1] + 1, color=ORANGE, alpha=0.6, linewidth=0)
    axis.text(answer[1] + 2, -0.75, "the answer", fontsize=9, va="center")
    axis.set_yticks(range(len(windows)), [f"window {number}" for number in range(1, len(windows) + 1)])
    axis.set(xlabel="token of the text", ylim=(len(windows) - 0.5, -1.1), xlim=(0, windows[-1][1]))
    return figure


def span_scores(sums: Any, tokens: Sequence[str], best: tuple[int, int], title: str) -> Figure:
    """The sum of start and end score of each span: a row for each start, a column for each end.

    Args:
        sums: (L, L), NaN or minus infinity where there is no span.
        tokens: the L tokens of the text.
        best: first and last token of the best span.
    """
    import numpy as np

    table = np.asarray(sums, dtype=float)
    table = np.where(np.isfinite(table), table, np.nan)
    side = max(3.2, 1.4 + 0.27 * len(tokens))
    figure, (axis,) = new_figure(side + 2.2, side, title=title)
    image = axis.imshow(table, cmap="Blues")
    axis.scatter([best[1]], [best[0]], marker="s", s=130, facecolors="none", edgecolors=ORANGE, linewidths=2.5)
    token_names(axis, tokens)
    axis.set(xlabel="last token", ylabel="first token")
    figure.colorbar(image, ax=axis, label="start score + end score", shrink=0.8)
    return figure


def piece_labels(pieces: Sequence[str], labels: Sequence[str], title: str) -> Figure:
    """The tokens of a sentence side by side, each above its label; a dash where there is none.

    Args:
        pieces: the tokens, with [CLS] and [SEP].
        labels: a label for each token, "" where there is none.
    """
    kinds = list(dict.fromkeys(label[2:] for label in labels if label not in ("", "O")))
    colours: Mapping[str, str] = dict(zip(kinds, (ORANGE, GREEN, SKY, PURPLE), strict=False))
    widths = [max(len(piece), len(label), 2) + 1 for piece, label in zip(pieces, labels, strict=True)]
    figure, (axis,) = new_figure(max(5.0, 0.105 * sum(widths)), 1.5)
    axis.set_axis_off()
    axis.set(xlim=(0, sum(widths)), ylim=(-0.7, 1.6))
    left = 0
    for piece, label, width in zip(pieces, labels, widths, strict=True):
        face = colours.get(label[2:], "#dddddd") if label else "white"
        axis.barh(1, width - 0.3, left=left, align="center", height=0.8, color=face, edgecolor=GREY, linewidth=0.6)
        middle = left + (width - 0.3) / 2
        axis.text(middle, 1, piece, ha="center", va="center", fontsize=9, family="monospace")
        axis.text(middle, 0, label or "–", ha="center", va="center", fontsize=9, color="black" if label else GREY)
        left += width
    figure.suptitle(title, fontsize=11)
    return figure
