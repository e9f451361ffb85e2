"""What drawings of ideas share: boxes, arrows and cells, in one colour for each role in all chapters.

A drawing is made on a sheet whose unit is a tenth of an inch: a letter of the usual size is about 0.8 wide and 1.5
high. The roles also differ in brightness and in their frames, so that a drawing can be read in grey.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import Axes, Figure, new_figure

if TYPE_CHECKING:
    from matplotlib.patches import FancyBboxPatch

# Role: filling, frame, style of the frame.
ROLES = {
    "text": ("#ffffff", "#444444", "-"),
    "token": ("#e8f3fa", "#56B4E9", "-"),
    "number": ("#f4f4f4", "#888888", "-"),
    "part": ("#ffffff", "#888888", "-"),
    "teacher": ("#bcd9ec", "#0072B2", "-"),
    "student": ("#fbe3b5", "#E69F00", "-"),
    "loss": ("#f6d3c2", "#D55E00", "--"),
    "mask": ("#ecd3e2", "#CC79A7", "-"),
    "right": ("#c6e8dc", "#009E73", "-"),
    "dropped": ("#ffffff", "#bbbbbb", ":"),
}
Point = tuple[float, float]


def sheet(width: float, height: float, alt: str) -> tuple[Figure, Axes]:
    """An empty sheet, in tenths of an inch, origin at the lower left; `alt` says in words what is drawn on it."""
    figure, (axis,) = new_figure(width / 10, height / 10)
    axis.set_axis_off()
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    figure.alt = alt  # type: ignore[attr-defined]  # read by the figure's own _repr_png_
    return figure, axis


def box(
    axis: Axes, x: float, y: float, width: float, height: float, label: str = "", role: str = "part", **font: Any
) -> "FancyBboxPatch":
    """A box with its lower left corner at (x, y) and a label in its middle."""
    from matplotlib.patches import FancyBboxPatch

    filling, frame, line = ROLES[role]
    patch = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.6",
        facecolor=filling, edgecolor=frame, linestyle=line, linewidth=1.3,
    )  # fmt: skip
    axis.add_patch(patch)
    write(
        axis,
        x + width / 2,
        y + height / 2,
        label,
        **{"ha": "center", "color": "#999999" if line == ":" else "black"} | font,
    )
    return patch


def cells(
    axis: Axes, x: float, y: float, labels: Sequence[Any], role: str | Sequence[str] = "number", width: float = 5,
    height: float = 3, vertical: bool = False, **font: Any,
) -> list[Point]:  # fmt: skip
    """A row, or from the top a column, of boxes that touch; returns their middles. One role for all, or one each."""
    roles = [role] * len(labels) if isinstance(role, str) else role
    middles = []
    for place, (label, each) in enumerate(zip(labels, roles, strict=True)):
        left, low = (x, y - place * height) if vertical else (x + place * width, y)
        box(axis, left, low, width, height, str(label), each, **font)
        middles.append((left + width / 2, low + height / 2))
    return middles


def arrow(axis: Axes, start: Point, end: Point, label: str = "", bend: float = 0.0, **style: Any) -> None:
    """An arrow from one point to another, perhaps bent, with a label above its middle."""
    look = {"arrowstyle": "-|>", "color": "#555555", "shrinkA": 1, "shrinkB": 1, "connectionstyle": f"arc3,rad={bend}"}
    axis.annotate("", end, start, arrowprops=look | style)
    if label:
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.9
        write(axis, *middle, label, ha="center", size=8, color="#444444")


def write(axis: Axes, x: float, y: float, text: str, **font: Any) -> None:
    """Text at a point, from there to the right."""
    look: dict[str, Any] = {"size": 9, "va": "center", "ha": "left", "linespacing": 1.3}
    axis.text(x, y, text, **look | font)
