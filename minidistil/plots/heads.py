"""Chapter 5 in pictures: names, what a head says, which texts are alike."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, ORANGE, PURPLE, SKY, new_figure

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
        digits = 2 if max(scores) >= 0.03 else 4  # with two, small scores would all read 0.00
        axis.bar_label(bars, [f"{score:.{digits}f}" for score in scores], padding=3, fontsize=9)
        axis.set_yticks(range(len(words)), words)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.2 * (highest if one_scale else max(scores)))
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("probability")
    figure.suptitle(title)
    return figure


def names_map(groups: Mapping[str, Sequence[Sequence[str]]], columns: Sequence[str], title: str) -> "Figure":
    """A table of names: one tensor a row, one library a column, a colour for each part of the model.

    Args:
        groups: part of the model -> its rows; an empty name says that the library has no such tensor.
        columns: the libraries.
    """
    rows = [(part, row) for part, part_rows in groups.items() for row in part_rows]
    widths = [max(len(row[column]) for _, row in rows) + 3 for column in range(len(columns))]
    starts = [sum(widths[:column]) + 1 for column in range(len(columns))]
    figure, (axis,) = new_figure(10.5, 0.9 + 0.27 * len(rows))
    axis.set_axis_off()
    axis.set(xlim=(0, sum(widths)), ylim=(len(rows) - 0.4, -1.3))
    colours = dict(zip(groups, (SKY, ORANGE, PURPLE, GREEN), strict=False))
    for start, name in zip(starts, columns, strict=True):
        axis.text(start, -0.9, name, weight="bold", va="center", fontsize=11)
    for line, (part, row) in enumerate(rows):
        axis.axhspan(line - 0.46, line + 0.46, color=colours[part], alpha=0.22, linewidth=0)
        for start, name in zip(starts, row, strict=True):
            axis.text(start, line, name or "–", va="center", fontsize=8.5, family="monospace")
    handles = [axis.axhspan(-9, -9, color=colour, alpha=0.3, label=part) for part, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.suptitle(title)
    return figure


def similarities(cosines: Any, texts: Sequence[str], title: str) -> "Figure":
    """The cosine of each text with each other, written into its square.

    Args:
        cosines: (N, N).
        texts: the N texts, numbered along the upper edge.
    """
    figure, (axis,) = new_figure(4.6 + 0.5 * len(texts), 0.9 + 0.5 * len(texts))
    image = axis.imshow(cosines.tolist(), cmap="Blues", vmin=0, vmax=1)
    for row, values in enumerate(cosines.tolist()):
        for column, cosine in enumerate(values):
            colour = "white" if cosine > 0.6 else "black"
            axis.text(column, row, f"{cosine:.2f}", ha="center", va="center", fontsize=9, color=colour)
    numbers = [str(number) for number in range(1, len(texts) + 1)]
    axis.set_yticks(range(len(texts)), [f"{text}  {number}" for text, number in zip(texts, numbers, strict=True)])
    axis.set_xticks(range(len(texts)), numbers)
    axis.set(xlabel="text", ylabel="text")
    figure.colorbar(image, ax=axis, label="cosine", shrink=0.8)
    figure.suptitle(title)
    return figure
