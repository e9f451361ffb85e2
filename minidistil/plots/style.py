"""What all pictures of the course use. Colours: Okabe and Ito (2008), which colour-blind readers can tell apart."""

import base64
import html
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:  # matplotlib is imported when the first picture is drawn
    Axes, Figure = "Axes", "Figure"

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#888888"
SKY, PURPLE = "#56B4E9", "#CC79A7"


def new_figure(width: float = 8, height: float = 3.2, columns: int = 1, title: str = "") -> tuple[Figure, list[Any]]:
    """A figure without pyplot's global state: it works on a server, and a notebook shows it as the result of a cell."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        alt = ""  # what it shows, in words, for readers who cannot see it; else its titles

        def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
            buffer = io.BytesIO()
            self.savefig(buffer, dpi=110, format="png")
            of_axes = (axis.get_title() or axis.get_title(loc="left") for axis in self.axes)
            titles = filter(None, (self.get_suptitle(), *of_axes))
            return buffer.getvalue(), {"alt": self.alt or "; ".join(titles)}

        def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            picture, about = self._repr_png_()  # comes first where pyplot has put its own way, without words
            shown: dict[str, Any] = {"image/png": picture}
            if os.environ.get("MINIDISTIL_ALT_TEXT") == "1":  # JupyterLab prefers it, and drops the words of a PNG
                shown["text/html"] = in_html(picture, about["alt"])
            return shown, {"image/png": about}

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure, list(axes)


def in_html(picture: bytes, words: str) -> str:
    """A PNG in HTML, with its words for readers who cannot see it."""
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return f'<img src="{source}" alt="{html.escape(words, quote=True)}" style="max-width: 100%">'


def log_ticks(axis: Axes, values: Sequence[float], base: float = 2) -> None:
    """Make the x axis logarithmic, with a tick at each of the values."""
    axis.set_xscale("log", base=base)
    axis.set_xticks(values, list(map(str, values)))


def row_names(axis: Axes, names: Sequence[str]) -> None:
    """Name the rows 0, 1, 2, …, from top to bottom."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)


def token_names(axis: Axes, tokens: Sequence[str]) -> None:
    """Name the columns and the rows of a square table."""
    axis.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8)
    axis.set_yticks(range(len(tokens)), tokens, fontsize=8)


def write_numbers(axis: Axes, rows: Any, form: str, white: Callable[[float], bool], size: float = 9) -> None:
    """Write each number of a table into its square, in white where the square is dark."""
    for y, row in enumerate(rows):
        for x, value in enumerate(map(float, row)):
            colour = "white" if white(value) else "black"
            axis.text(x, y, format(value, form), ha="center", va="center", fontsize=size, color=colour)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


CHAPTERS = (
    "WordPiece:\ntext to ids", "corpus and\nmasking", "attention", "encoder", "heads and\nofficial\nweights",
    "three\nlosses", "a student\nfrom half\nits teacher", "training", "evaluation", "tasks:\nGLUE,\nSQuAD",
    "int8,\nONNX", "bias", "the full\nsize",
)  # fmt: skip


def where_we_are(chapter: int) -> Figure:
    """The chapters of the course from left to right and top to bottom, with one of them highlighted."""
    figure, (axis,) = new_figure(9, 2.5)
    names = [f"{place} {' '.join(name.split())}" for place, name in enumerate(CHAPTERS, start=1)]
    lit_one = f"Highlighted: {names[chapter - 1]}." if chapter else "None is highlighted."
    figure.alt = f"The chapters of the course: {', '.join(names)}. {lit_one}"  # type: ignore[attr-defined]
    axis.set_axis_off()
    axis.set(xlim=(-0.55, 6.55), ylim=(-0.5, 1.5))
    for place, name in enumerate(CHAPTERS):
        column, row = place % 7, 1 - place // 7
        lit = place + 1 == chapter
        box = {"boxstyle": "round,pad=0.3", "facecolor": ORANGE if lit else "#eeeeee", "edgecolor": "none"}
        axis.text(
            column, row, f"{place + 1}\n{name}", ha="center", va="center", fontsize=9, bbox=box,
            weight="bold" if lit else "normal", color="black" if lit else "#666666",
        )  # fmt: skip
        if column < 6 and place + 1 < len(CHAPTERS):
            arrow = {"arrowstyle": "->", "color": GREY}
            axis.annotate("", (column + 0.57, row), (column + 0.43, row), arrowprops=arrow)
    return figure


def name_dots(
    axis: Axes, dots: Sequence[tuple[str, float, float]], away: tuple[int, int] = (4, 3), size: float = 8.5
) -> None:
    """Write a name beside each dot, on the first side where it stays inside the axes and covers no other name or dot.

    Args:
        axis: of a figure that has a layout already, since the sizes of the names depend on it.
        dots: name, x and y of each; "" for a dot without a name.
        away: horizontal and vertical distance between the centre of a dot and its name, in points.
        size: of the letters, in points.
    """
    from matplotlib.transforms import Bbox

    across, up = away
    sides = (
        (across, up, "left", "bottom"), (-across, up, "right", "bottom"),
        (across, -up, "left", "top"), (-across, -up, "right", "top"),
        (0, 2 + across, "center", "bottom"), (0, -2 - across, "center", "top"),
    )  # fmt: skip
    middles = [axis.transData.transform((x, y)) for _, x, y in dots]
    radius = across / 2 * axis.figure.dpi / 72  # in pixels
    taken = [Bbox.from_extents(*(middle - radius), *(middle + radius)) for middle in middles]
    inside = axis.get_window_extent()
    for place, (name, x, y) in enumerate(dots):
        if not name:
            continue
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size)
        others = taken[:place] + taken[place + 1 :]
        for *offset, horizontal, vertical in sides:
            text.set(position=offset, ha=horizontal, va=vertical)
            box = text.get_window_extent()
            if inside.x0 <= box.x0 and box.x1 <= inside.x1 and not any(box.overlaps(other) for other in others):
                break
        taken.append(box)
