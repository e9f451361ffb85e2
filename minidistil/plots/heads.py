"""Chapter 5 in pictures: what a head says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def guesses(
    panels: Mapping[str, Sequence[Mapping[str, Any]]], title: str, right_word: str | None = None, one_scale: bool = True
) -> "Figure":
    """Ranked words for one hole, a panel a guesser; the right word, if named, in green.

    Args:
        panels: title of each panel -> guesses as `fill_mask` returns them for one [MASK].
        one_scale: whether all panels have the same scale.
    """
    figure, axes = new_figure(3.2 * len(panels), 2.6, len(panels))
    highest = max(float(guess["score"]) for panel in panels.values() for guess in panel)
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        words = [str(guess["token_str"]) for guess in panel]
        scores = [float(guess["score"]) for guess in panel]
        bars = axis.barh(range(len(words)), scores, color=[GREEN if word == right_word else BLUE for word in words])
        axis.bar_label(bars, [f"{score:.2f}" for score in scores], padding=3, fontsize=9)
        axis.set_yticks(range(len(words)), words)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.2 * (highest if one_scale else max(scores)))
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("probability")
    figure.suptitle(title)
    return figure
