"""Chapter 12, to try out: one word in a few templates or in many, with the interval of its mean."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREY, ORANGE, Figure, new_figure


def template_intervals(
    tables: Mapping[str, Any], ends: Mapping[str, Any], templates: Sequence[str], words: Sequence[str]
) -> Callable[..., Figure]:
    """A function that draws a word's difference in each of the first templates, their mean and its interval.

    Args:
        tables: groups -> (T, W) differences.
        ends: groups -> (T - 1, 2, W) the ends of the intervals of the first 2, 3, … T templates.
    """
    reach = 1.05 * max(float(table.abs().max()) for table in tables.values())

    def draw(word: str = words[0], groups: str = next(iter(tables)), count: int = len(templates)) -> Figure:
        column = words.index(word)
        values = tables[groups][:count, column].tolist()
        low, high = ends[groups][count - 2, :, column].tolist()
        mean = sum(values) / count
        sure = "clear of 0" if low > 0 or high < 0 else "with 0 inside"
        figure, (axis,) = new_figure(8.6, 4.2)
        axis.axvspan(low, high, color=ORANGE, alpha=0.3)
        axis.axvline(mean, color=ORANGE, linewidth=2)
        axis.axvline(0, color=GREY, linewidth=1)
        axis.plot(values, range(count), "o", color=BLUE)
        axis.set_yticks(range(count), templates[:count], fontsize=8.5)
        axis.set(xlim=(-reach, reach), ylim=(len(templates) - 0.5, -0.5))
        axis.set_xlabel(f"difference of {groups} (nats)")
        axis.set_title(f"{word}: mean {mean:+.2f}, interval {low:+.2f} to {high:+.2f}, {sure}", fontsize=11)
        return figure

    return draw
