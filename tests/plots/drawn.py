"""What a picture shows, read from its artists."""

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
