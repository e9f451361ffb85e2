"""What all pictures of the course share. Colours: Okabe and Ito (2008), safe for all eyes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#888888"
SKY, PURPLE = "#56B4E9", "#CC79A7"


def new_figure(width: float = 8, height: float = 3.2, columns: int = 1) -> tuple["Figure", list[Any]]:
    """A figure without pyplot's global state: the same on a server, and shown by a notebook as a cell's result."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, dpi=110, format="png")
            return buffer.getvalue()

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


CHAPTERS = (
    "WordPiece:\ntext to ids",
    "corpus and\nmasking",
    "attention",
    "encoder",
    "heads and\nofficial\nweights",
    "three\nlosses",
    "a student\nfrom half\nits teacher",
    "training",
    "evaluation",
    "tasks:\nGLUE,\nSQuAD",
    "int8,\nONNX",
    "bias",
)


def where_we_are(chapter: int) -> "Figure":
    """The course from left to right and top to bottom, with one chapter lit."""
    figure, (axis,) = new_figure(9, 2.5)
    axis.set_axis_off()
    axis.set(xlim=(-0.55, 5.55), ylim=(-0.5, 1.5))
    for place, name in enumerate(CHAPTERS):
        column, row = place % 6, 1 - place // 6
        lit = place + 1 == chapter
        box = {"boxstyle": "round,pad=0.3", "facecolor": ORANGE if lit else "#eeeeee", "edgecolor": "none"}
        axis.text(
            column,
            row,
            f"{place + 1}\n{name}",
            ha="center",
            va="center",
            fontsize=9.5,
            weight="bold" if lit else "normal",
            color="black" if lit else "#666666",
            bbox=box,
        )
        if column < 5:
            axis.annotate(
                "", (column + 0.57, row), (column + 0.43, row), arrowprops={"arrowstyle": "->", "color": GREY}
            )
    return figure


def name_dots(
    axis: "Axes", dots: Sequence[tuple[str, float, float]], away: tuple[int, int] = (4, 3), size: float = 8.5
) -> None:
    """A name beside each dot, on the first side on which it stays inside and covers no other name and no other dot.

    Args:
        axis: of a figure that has been laid out: only then it is known how large a name is beside what is drawn.
        dots: name, across and up of each.
        away: points between a dot's middle and its name, across and up.
        size: of the letters, in points.
    """
    from matplotlib.transforms import Bbox

    across, up = away
    sides = (
        (across, up, "left", "bottom"),
        (-across, up, "right", "bottom"),
        (across, -up, "left", "top"),
        (-across, -up, "right", "top"),
        (0, 2 + across, "center", "bottom"),
        (0, -2 - across, "center", "top"),
    )
    middles = [axis.transData.transform((x, y)) for _, x, y in dots]
    taken = [Bbox.from_extents(*(middle - across / 2), *(middle + across / 2)) for middle in middles]
    inside = axis.get_window_extent()
    for place, (name, x, y) in enumerate(dots):
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size)
        others = taken[:place] + taken[place + 1 :]
        for *offset, horizontal, vertical in sides:
            text.set(position=offset, ha=horizontal, va=vertical)
            box = text.get_window_extent()
            if inside.x0 <= box.x0 and box.x1 <= inside.x1 and not any(box.overlaps(other) for other in others):
                break
        taken.append(box)
