"""Chapters 8 and 9 in pictures: a run and what came of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Log = Sequence[dict[str, Any]]


def training_curves(log: Log) -> "Figure":
    """Each loss term and the learning rate over the tokens read; points: the loss on held-out text."""
    named = ("ce", "mlm", "cos", "mse") if "ce" in log[0] else ("loss",)
    terms = [name for name in named if name in log[0]]
    labels = {
        "ce": "$L_{ce}$ (nats)",
        "mlm": "$L_{mlm}$ (nats)",
        "cos": "$L_{cos}$ (1 - cosine)",
        "mse": "$L_{mse}$ (squared logits)",
        "loss": "loss (nats)",
    }
    figure, axes = new_figure(3.2 * (len(terms) + 1), 2.8, len(terms) + 1)
    tokens = [line["tokens"] / 1e6 for line in log]
    for axis, name, colour in zip(axes, terms, (BLUE, ORANGE, GREEN, RED), strict=False):
        values = [line[name] for line in log]
        axis.plot(tokens, values, color=colour, linewidth=0.8, alpha=0.35)
        axis.plot(tokens, _smooth(values), color=colour, linewidth=2)
        axis.set_title(labels[name])
        held_out = [line for line in log if "validation_loss" in line]
        if held_out and name in ("mlm", "loss"):
            axis.plot(
                [line["tokens"] / 1e6 for line in held_out],
                [line["validation_loss"] for line in held_out],
                "o",
                color=GREY,
                label="held-out text",
            )
            axis.legend(frameon=False)
    axes[-1].plot(tokens, [line["learning_rate"] for line in log], color=GREY)
    axes[-1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel("million tokens read")
    return figure


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """Mean of each value and up to `span` before it."""
    return [sum(values[max(0, i - span) : i + 1]) / (i - max(0, i - span) + 1) for i in range(len(values))]


def won_and_lost(metrics: Mapping[str, Any]) -> "Figure":
    """What a student has of its teacher's size, time and ability, in per cent, from a run's metrics."""
    shares = {
        "parameters": metrics["student_parameters"] / metrics["teacher_parameters"],
        "time for a text": 1 / metrics["speedup"],
        "masked accuracy\nbefore training": metrics["student_masked_accuracy_before"]
        / metrics["teacher_masked_accuracy"],
        "masked accuracy\nafter training": metrics["retention"],
    }
    figure, (axis,) = new_figure(7, 2.8)
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
