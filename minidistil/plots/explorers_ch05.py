"""Chapter 5 to try: fill-mask on a text of one's own, as bars and as the JSON of the model card."""

import json
import textwrap
from collections.abc import Callable
from typing import Any

from minidistil.plots.heads import words_as_bars
from minidistil.plots.style import Figure, new_figure

PANELS = 2  # masks that are shown


def filled(guess: Callable[[str, int], list[Any]], text: str) -> Callable[..., Figure]:
    """What to draw for a text with [MASK]: the best words as bars, beside them the first ones as JSON.

    Args:
        guess: gives what `fill_mask` returns for a text and a number of words.
        text: the one to begin with.

    Returns:
        A function for `explorer`. A text that `guess` refuses with a ValueError gives its sentence.
    """

    def draw(text: str = text, top_k: int = 5) -> Figure:
        try:
            found = guess(text, top_k)
        except ValueError as error:
            figure, (axis,) = new_figure(9, 1.2)
            axis.set_axis_off()
            axis.text(0, 0.5, textwrap.fill(str(error), 90), va="center")
            return figure
        lists = (found if isinstance(found[0], list) else [found])[:PANELS]
        best, height = lists[0][0], 1.2 + 0.28 * max(top_k, 6)
        title = f"best word: {best['token_str']}, {best['score']:.3f}"
        figure, (*bars, beside) = new_figure(3 * len(lists) + 4.5, height, len(lists) + 1, title)
        for number, (axis, words) in enumerate(zip(bars, lists, strict=True), 1):
            words_as_bars(axis, f"[MASK] {number}", words, words[0]["score"])
        beside.set_axis_off()
        lines = json.dumps(lists[0][:2], indent=2, ensure_ascii=False).split("\n")
        wrapped = [part for line in lines for part in textwrap.wrap(line, 58, subsequent_indent=" " * 8)]
        beside.text(0, 1, "\n".join(wrapped), va="top", family="monospace", size=7.5, transform=beside.transAxes)
        return figure

    return draw
