"""Chapter 10 in pictures, questions: windows and spans."""

from collections.abc import Sequence
from typing import Any

from minidistil.plots.style import GREEN, ORANGE, SKY, Figure, new_figure, token_names


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
