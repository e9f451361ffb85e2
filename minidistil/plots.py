"""Every picture of the course, drawn from the numbers it shows. Colours: Okabe and Ito (2008), safe for all eyes."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#888888"

Log = Sequence[dict[str, Any]]


def _figure(width: float = 8, height: float = 3.2, columns: int = 1) -> tuple["Figure", list[Any]]:
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


def guesses(panels: Mapping[str, Sequence[Mapping[str, Any]]], title: str, right_word: str | None = None) -> "Figure":
    """Ranked words for one hole, a panel a guesser, all on one scale; the right word, if named, in green.

    Args:
        panels: title of each panel -> guesses as `fill_mask` returns them for one [MASK].
    """
    figure, axes = _figure(3.2 * len(panels), 2.6, len(panels))
    highest = max(float(guess["score"]) for panel in panels.values() for guess in panel)
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        words = [str(guess["token_str"]) for guess in panel]
        scores = [float(guess["score"]) for guess in panel]
        bars = axis.barh(range(len(words)), scores, color=[GREEN if word == right_word else BLUE for word in words])
        axis.bar_label(bars, [f"{score:.2f}" for score in scores], padding=3, fontsize=9)
        axis.set_yticks(range(len(words)), words)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.2 * highest)
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("probability")
    figure.suptitle(title)
    return figure


def won_and_lost(metrics: Mapping[str, Any]) -> "Figure":
    """What a student has of its teacher's size, time and ability, in per cent, from a run's metrics."""
    shares = {
        "parameters": metrics["student_parameters"] / metrics["teacher_parameters"],
        "time for a text": 1 / metrics["speedup"],
        "masked accuracy\nbefore training": metrics["student_masked_accuracy_before"]
        / metrics["teacher_masked_accuracy"],
        "masked accuracy\nafter training": metrics["retention"],
    }
    figure, (axis,) = _figure(7, 2.8)
    bars = axis.barh(range(4), [100 * share for share in shares.values()], color=(ORANGE, ORANGE, GREY, GREEN))
    axis.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
    axis.set_yticks(range(4), list(shares))
    axis.invert_yaxis()
    axis.axvline(100, color=BLUE, linestyle="--")
    axis.text(100, -0.75, "teacher", color=BLUE, ha="center")
    axis.set_xlim(0, 112)
    axis.set_xlabel("student, in per cent of its teacher")
    axis.set_title(
        f"{1 / metrics['speedup']:.0%} of the time, {metrics['retention']:.0%} of the accuracy", loc="left", pad=16
    )
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """Mean of each value and up to `span` before it."""
    return [sum(values[max(0, i - span) : i + 1]) / (i - max(0, i - span) + 1) for i in range(len(values))]
