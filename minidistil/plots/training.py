"""Chapters 8 and 9 in pictures: a run and what came of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Log = Sequence[dict[str, Any]]


def training_curves(log: Log, title: str = "") -> "Figure":
    """Each loss term and the learning rate over the tokens read; points: the loss on held-out text.

    Args:
        log: the logged steps of a run.
        title: the finding, where there is one to name.
    """
    named = ("ce", "mlm", "cos", "mse") if "ce" in log[0] else ("loss",)
    terms = [name for name in named if name in log[0]]
    labels = {
        "ce": "$L_{ce}$ (nats)",
        "mlm": "$L_{mlm}$ (nats)",
        "cos": "$L_{cos}$ (1 - cosine)",
        "mse": "$L_{mse}$ (squared logits)",
        "loss": "loss (nats)",
    }
    figure, axes = new_figure(2.7 * (len(terms) + 1), 2.6, len(terms) + 1)
    unit, name_of_unit = (1e6, "million") if log[-1]["tokens"] >= 1e6 else (1e3, "thousand")
    tokens = [line["tokens"] / unit for line in log]
    for axis, name, colour in zip(axes, terms, (BLUE, ORANGE, GREEN, RED), strict=False):
        values = [line[name] for line in log]
        axis.plot(tokens, values, color=colour, linewidth=0.8, alpha=0.35)
        axis.plot(tokens, _smooth(values), color=colour, linewidth=2)
        axis.set_title(labels[name])
        held_out = [line for line in log if "validation_loss" in line]
        if held_out and name in ("mlm", "loss"):
            axis.plot(
                [line["tokens"] / unit for line in held_out],
                [line["validation_loss"] for line in held_out],
                "o",
                color=GREY,
                label="held-out text",
            )
            axis.legend(frameon=False)
    axes[-1].plot(tokens, [line["learning_rate"] for line in log], color=GREY)
    axes[-1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel(f"{name_of_unit} tokens read")
        axis.xaxis.get_major_locator().set_params(nbins=4)
    if title:
        figure.suptitle(title)
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


def clipped_gradients(
    gradients: Sequence[Sequence[float]], ways: Mapping[str, Any], limit: float, title: str
) -> "Figure":
    """Arrows of gradients with two entries, grey as they were, coloured as each way leaves them; a panel a way.

    Args:
        ways: title of each panel -> the gradients after clipping.
        limit: radius of the circle that is drawn.
    """
    figure, axes = new_figure(3.3 * len(ways), 3.5, len(ways))
    reach = 1.1 * max(max(map(abs, gradient)) for gradient in gradients)
    for axis, (name, left) in zip(axes, ways.items(), strict=True):
        axis.add_patch(_circle(limit))
        for before, after in zip(gradients, left, strict=True):
            for (x, y), colour in ((before, "#bbbbbb"), (after, BLUE)):
                axis.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axis.set(xlim=(-1, reach), ylim=(-1, reach), aspect="equal", title=name, xlabel="gradient of one tensor")
    axes[0].set_ylabel("gradient of another tensor")
    figure.suptitle(title)
    return figure


def _circle(radius: float) -> Any:
    from matplotlib.patches import Circle

    return Circle((0, 0), radius, fill=False, edgecolor=ORANGE, linestyle="--")


def number_gaps(formats: Mapping[str, tuple[float, float, float]], title: str) -> "Figure":
    """A bar for each format: how far its numbers reach, and how large a gap is beside the number before it.

    Args:
        formats: name -> (gap after 1, smallest normal number, largest number).
    """
    figure, (axis,) = new_figure(7.5, 2.8)
    for (name, (gap, smallest, largest)), colour in zip(formats.items(), (BLUE, ORANGE, GREEN), strict=False):
        axis.plot([smallest, largest], [gap, gap], color=colour, linewidth=7, solid_capstyle="butt")
        axis.text(largest, gap, f"  {name}", va="center", color=colour, weight="bold")
    gaps = [gap for gap, _, _ in formats.values()]
    axis.set(xscale="log", yscale="log", ylim=(min(gaps) / 10, 10 * max(gaps)), title=title)
    axis.set(xlabel="size of a number", ylabel="gap after it,\nas a share of it")
    return figure


def readers(shares: Sequence[Sequence[Sequence[int]]], title: str) -> "Figure":
    """Which process reads which micro-batch: numbered squares in a colour for each process, framed by step.

    Args:
        shares: for each step, for each process, the numbers that it reads.
    """
    count = sum(len(share) for step in shares for share in step)
    figure, (axis,) = new_figure(9, 1.5)
    for step in shares:
        for process, (share, colour) in enumerate(zip(step, (BLUE, ORANGE, GREEN, PURPLE), strict=False)):
            label = f"process {process}" if step is shares[0] else None
            axis.scatter(share, [0] * len(share), s=330, marker="s", color=colour, label=label)
            for number in share:
                axis.text(number, 0, str(number), ha="center", va="center", color="white", weight="bold")
        axis.axvline(max(number for share in step for number in share) + 0.5, color=GREY, linewidth=1)
    axis.set(xlim=(-0.5, count + 0.6), ylim=(-0.6, 0.6), yticks=[], xticks=[], xlabel="micro-batch; a line ends a step")
    axis.set_title(title)
    axis.spines[:].set_visible(False)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    return figure
