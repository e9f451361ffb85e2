"""Chapters 8 and 9 in pictures: a run and its result."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Figure, new_figure

Log = Sequence[dict[str, Any]]


def training_curves(log: Log, title: str = "") -> Figure:
    """Each loss term and the learning rate by the number of tokens read; points: the loss on held-out text.

    Args:
        log: the logged steps of a run.
    """
    labels = {
        "ce": "$L_{ce}$ (nats)", "mlm": "$L_{mlm}$ (nats)", "cos": "$L_{cos}$ (1 - cosine)",
        "mse": "$L_{mse}$ (squared logits)", "loss": "loss (nats)",
    }  # fmt: skip
    named = ("ce", "mlm", "cos", "mse") if "ce" in log[0] else ("loss",)
    terms = [name for name in named if name in log[0]]
    figure, axes = new_figure(2.7 * (len(terms) + 1), 2.6, len(terms) + 1, title)
    unit, name_of_unit = (1e6, "million") if log[-1]["tokens"] >= 1e6 else (1e3, "thousand")
    tokens = [line["tokens"] / unit for line in log]
    for axis, name, colour in zip(axes, terms, (BLUE, ORANGE, GREEN, RED), strict=False):
        values = [line[name] for line in log]
        axis.plot(tokens, values, color=colour, linewidth=0.8, alpha=0.35)
        axis.plot(tokens, _smooth(values), color=colour, linewidth=2)
        axis.set_title(labels[name])
        held_out = [(line["tokens"] / unit, line["validation_loss"]) for line in log if "validation_loss" in line]
        if held_out and name in ("mlm", "loss"):
            axis.plot(*zip(*held_out, strict=True), "o", color=GREY, label="held-out text")
            axis.legend(frameon=False)
    axes[-1].plot(tokens, [line["learning_rate"] for line in log], color=GREY)
    axes[-1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel(f"{name_of_unit} tokens read")
        axis.xaxis.get_major_locator().set_params(nbins=4)
    return figure


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """The mean of each value and up to `span` values before it."""
    return [fmean(values[max(0, i - span) : i + 1]) for i in range(len(values))]


def won_and_lost(metrics: Mapping[str, Any]) -> Figure:
    """A student's size, time and accuracy in per cent of its teacher's, from the metrics of a run."""
    before = metrics["student_masked_accuracy_before"] / metrics["teacher_masked_accuracy"]
    ratios = {
        "parameters": metrics["student_parameters"] / metrics["teacher_parameters"],
        "time for a text": 1 / metrics["speedup"],
        "masked accuracy\nbefore training": before,
        "masked accuracy\nafter training": metrics["retention"],
    }
    figure, (axis,) = new_figure(7, 2.8)
    bars = axis.barh(range(4), [100 * ratio for ratio in ratios.values()], color=(ORANGE, ORANGE, GREY, GREEN))
    axis.bar_label(bars, [f"{ratio:.0%}" for ratio in ratios.values()], padding=3)
    axis.set_yticks(range(4), list(ratios))
    axis.invert_yaxis()
    axis.axvline(100, color=BLUE, linestyle="--")
    axis.text(100, -0.75, "teacher", color=BLUE, ha="center")
    axis.set_xlim(0, 112)
    axis.set_xlabel("student, in per cent of its teacher")
    title = f"{1 / metrics['speedup']:.0%} of the time, {metrics['retention']:.0%} of the accuracy"
    axis.set_title(title, loc="left", pad=16)
    return figure


def clipped_gradients(
    gradients: Sequence[Sequence[float]], ways: Mapping[str, Any], limit: float, title: str
) -> Figure:
    """Gradients of two numbers as arrows: grey before clipping, blue after it; a panel for each way to clip.

    Args:
        ways: title of a panel -> the gradients after clipping.
        limit: radius of the circle that is drawn.
    """
    from matplotlib.patches import Circle

    figure, axes = new_figure(3.3 * len(ways), 3.5, len(ways), title=title)
    reach = 1.1 * max(max(map(abs, gradient)) for gradient in gradients)
    for axis, (name, left) in zip(axes, ways.items(), strict=True):
        axis.add_patch(Circle((0, 0), limit, fill=False, edgecolor=ORANGE, linestyle="--"))
        for before, after in zip(gradients, left, strict=True):
            for (x, y), colour in ((before, "#bbbbbb"), (after, BLUE)):
                axis.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axis.set(xlim=(-1, reach), ylim=(-1, reach), aspect="equal", title=name, xlabel="gradient of one tensor")
    axes[0].set_ylabel("gradient of another tensor")
    return figure


def number_gaps(formats: Mapping[str, tuple[float, float, float]], title: str) -> Figure:
    """A bar for each number format: its range, and the gap between neighbouring numbers.

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


def readers(shares: Sequence[Sequence[Sequence[int]]], title: str) -> Figure:
    """Which process reads which micro-batch: numbered squares in a colour for each process, a line after each step.

    Args:
        shares: for each step, for each process, the numbers of its micro-batches.
    """
    count = sum(len(numbers) for step in shares for numbers in step)
    figure, (axis,) = new_figure(9, 1.5)
    for step in shares:
        for process, (numbers, colour) in enumerate(zip(step, (BLUE, ORANGE, GREEN, PURPLE), strict=False)):
            label = f"process {process}" if step is shares[0] else None
            axis.scatter(numbers, [0] * len(numbers), s=330, marker="s", color=colour, label=label)
            for number in numbers:
                axis.text(number, 0, str(number), ha="center", va="center", color="white", weight="bold")
        axis.axvline(max(map(max, step)) + 0.5, color=GREY, linewidth=1)
    axis.set(xlim=(-0.5, count + 0.6), ylim=(-0.6, 0.6), yticks=[], xticks=[], xlabel="micro-batch; a line ends a step")
    axis.set_title(title)
    axis.spines[:].set_visible(False)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    return figure
