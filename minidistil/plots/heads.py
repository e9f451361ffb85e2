"""Chapter 5 in pictures: names of tensors, guesses for a mask, similar texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, ORANGE, PURPLE, SKY, Axes, Figure, new_figure, write_numbers


def guesses(
    panels: Mapping[str, Sequence[Mapping[str, Any]]], title: str, right_word: str | None = None, one_scale: bool = True
) -> Figure:
    """Ranked words for one [MASK], a panel for each model; the right word, if given, in green.

    Args:
        panels: title of a panel -> guesses as `fill_mask` returns them for one [MASK].
        one_scale: whether all panels have the same scale.
    """
    figure, axes = new_figure(3.2 * len(panels), 2.6, len(panels), title=title)
    highest = max(float(guess["score"]) for panel in panels.values() for guess in panel)
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        longest = highest if one_scale else max(float(guess["score"]) for guess in panel)
        words_as_bars(axis, name, panel, longest, right_word)
    return figure


def words_as_bars(
    axis: Axes, name: str, panel: Sequence[Mapping[str, Any]], longest: float, right_word: str | None = None
) -> None:
    """Ranked words for one [MASK] on one axis."""
    words = [str(guess["token_str"]) for guess in panel]
    scores = [float(guess["score"]) for guess in panel]
    bars = axis.barh(range(len(words)), scores, color=[GREEN if word == right_word else BLUE for word in words])
    digits = 2 if max(scores) >= 0.03 else 4  # with two, all small scores would be 0.00
    axis.bar_label(bars, [f"{score:.{digits}f}" for score in scores], padding=3, fontsize=9)
    axis.set_yticks(range(len(words)), words)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.2 * longest)
    axis.set_title(name, fontsize=11)
    axis.set_xlabel("probability")


def names_map(groups: Mapping[str, Sequence[Sequence[str]]], columns: Sequence[str], title: str) -> Figure:
    """A table of names: a row for each tensor, a column for each library, a colour for each part of the model.

    Args:
        groups: part of the model -> its rows; a name is empty if the library has no such tensor.
        columns: the libraries.
    """
    rows = [(part, row) for part, part_rows in groups.items() for row in part_rows]
    widths = [max(len(row[column]) for _, row in rows) + 3 for column in range(len(columns))]
    starts = [sum(widths[:column]) + 1 for column in range(len(columns))]
    figure, (axis,) = new_figure(10.5, 0.9 + 0.27 * len(rows), title=title)
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
    return figure


def similarities(cosines: Any, texts: Sequence[str], title: str) -> Figure:
    """The cosine similarities (N, N) of N texts, written into their squares; the texts are numbered."""
    figure, (axis,) = new_figure(4.6 + 0.5 * len(texts), 0.9 + 0.5 * len(texts), title=title)
    image = axis.imshow(cosines.tolist(), cmap="Blues", vmin=0, vmax=1)
    write_numbers(axis, cosines, ".2f", lambda cosine: cosine > 0.6)
    numbers = [str(number) for number in range(1, len(texts) + 1)]
    axis.set_yticks(range(len(texts)), [f"{text}  {number}" for text, number in zip(texts, numbers, strict=True)])
    axis.set_xticks(range(len(texts)), numbers)
    axis.set(xlabel="text", ylabel="text")
    figure.colorbar(image, ax=axis, label="cosine", shrink=0.8)
    return figure
