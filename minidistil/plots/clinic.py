"""The clinic in pictures: a run beside healthy ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import GREY, ORANGE, Figure, new_figure


def against_healthy(run: Mapping[str, Any], healthy: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Figure:
    """Each curve of a run's log, and in grey those of healthy runs.

    Args:
        run, healthy: records with a "log", a list of dictionaries with "step" and the curves.
        names: the curves to draw -> their titles.
    """
    figure, axes = new_figure(2.1 * len(names), 2.3, len(names))
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        for each, colour in (*((other, GREY) for other in healthy), (run, ORANGE)):
            steps, values = zip(*((line["step"], line[name]) for line in each["log"]), strict=True)
            axis.plot(steps, values, color=colour, linewidth=1 if colour == GREY else 2)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
        axis.ticklabel_format(axis="y", scilimits=(-4, 3))
    figure.alt = (  # type: ignore[attr-defined]  # read by the figure's own _repr_png_
        f"{', '.join(names.values())} of one run in orange, of {len(healthy)} healthy runs in grey"
    )
    return figure
