"""What a picture shows, read from its artists."""

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb


def axes_of(figure: Any) -> list[Any]:
    return figure.axes


def xs(line: Any) -> list[float]:
    return np.asarray(line.get_xdata()).tolist()


def ys(line: Any) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def words(texts: Any) -> list[str]:
    return [text.get_text().strip() for text in texts]


def cells(axis: Any) -> dict[tuple[float, float], str]:
    """The texts by their positions."""
    return {text.get_position(): text.get_text() for text in axis.texts}


def squares(axis: Any) -> list[list[float]]:
    return np.asarray(axis.images[0].get_array()).tolist()


def bars(axis: Any, colour: str | None = None) -> list[Any]:
    return [bar for bar in axis.patches if colour is None or bar.get_facecolor()[:3] == to_rgb(colour)]


def heights(axis: Any, colour: str | None = None) -> list[float]:
    return [bar.get_height() for bar in bars(axis, colour)]


def widths(axis: Any, colour: str | None = None) -> list[float]:
    return [bar.get_width() for bar in bars(axis, colour)]


def shows(figure: Any, expected: list[str]) -> str:
    """The alternative text of a drawing with these texts ("…tail": one with this end), none covered or cut off."""
    _, said = figure._repr_png_()
    (axis,) = axes_of(figure)
    texts = [text for text in axis.texts if text.get_text()]
    shown = [text.get_text() for text in texts]
    ends = tuple(each[1:] for each in expected if each[0] == "…")
    assert [each for each in expected if each[0] != "…" and each not in shown] == []
    assert [end for end in ends if not any(text.endswith(end) for text in shown)] == []
    places, sheet = [text.get_window_extent() for text in texts], figure.bbox
    inside = [min(place.x0, place.y0) >= 0 and place.x1 <= sheet.x1 and place.y1 <= sheet.y1 for place in places]
    assert [text for text, whole in zip(shown, inside, strict=True) if not whole] == []
    overlapping = [pair for pair in combinations(range(len(shown)), 2) if places[pair[0]].overlaps(places[pair[1]])]
    assert [(shown[one], shown[other]) for one, other in overlapping] == []
    assert len(said["alt"]) > 50
    return str(said["alt"])
