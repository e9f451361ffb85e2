"""Every picture of the course, drawn from the numbers it shows. Colours: Okabe and Ito (2008), safe for all eyes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#888888"

Log = Sequence[dict[str, Any]]


def _figure(width: float = 8, height: float = 3.2, columns: int = 1) -> tuple["Figure", list[Any]]:
    """A figure without pyplot's global state, so that it draws the same on a server and in a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def training_curves(log: Log) -> "Figure":
    """Each loss term and the learning rate over the tokens read."""
    terms = [
        name for name in ("ce", "mlm", "cos", "loss") if name in log[0] and not (name == "loss" and "ce" in log[0])
    ]
    labels = {
        "ce": "$L_{ce}$ (nats)",
        "mlm": "$L_{mlm}$ (nats)",
        "cos": "$L_{cos}$ (1 - cosine)",
        "loss": "loss (nats)",
    }
    figure, axes = _figure(3.2 * (len(terms) + 1), 2.8, len(terms) + 1)
    tokens = [line["tokens"] / 1e6 for line in log]
    for axis, name, colour in zip(axes, terms, (BLUE, ORANGE, GREEN), strict=False):
        values = [line[name] for line in log]
        axis.plot(tokens, values, color=colour, linewidth=0.8, alpha=0.35)
        axis.plot(tokens, _smooth(values), color=colour, linewidth=2)
        axis.set_title(labels[name])
    axes[-1].plot(tokens, [line["learning_rate"] for line in log], color=GREY)
    axes[-1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel("million tokens read")
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """Mean of each value and up to `span` before it."""
    return [sum(values[max(0, i - span) : i + 1]) / (i - max(0, i - span) + 1) for i in range(len(values))]
