"""Chapter 10 in pictures: a fine-tuning's course, what was mistaken for what."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Log = Sequence[Mapping[str, Any]]


def finetuning_curves(log: Log, epochs: Log, steps_per_epoch: int, title: str = "") -> "Figure":
    """The loss over the epochs, and after each epoch the figures on the development set, of several the first one.

    Args:
        log: lines of metrics.jsonl.
        epochs: the looks of metrics.json.
    """
    figure, (left, right) = new_figure(8.4, 2.9, 2)
    epochs_read = [line["step"] / steps_per_epoch for line in log]
    marker = "None" if len(log) > 1 else "o"  # a line through one point cannot be seen
    left.plot(epochs_read, [line["loss"] for line in log], marker=marker, color=BLUE, clip_on=False)
    left.set(xlabel="epoch", ylabel="training loss", xlim=(0, len(epochs)), ylim=(0, None))
    first = next(iter(epochs[0]["metrics"]))
    for name, colour in zip(epochs[0]["metrics"][first], (ORANGE, BLUE, GREEN, GREY), strict=False):
        right.plot(
            [look["epoch"] for look in epochs],
            [look["metrics"][first][name] for look in epochs],
            "o-",
            color=colour,
            label=name,
        )
    several = f" ({first})" if len(epochs[0]["metrics"]) > 1 else ""
    right.set(xlabel="epoch", ylabel=f"development set{several}", xticks=[look["epoch"] for look in epochs])
    right.legend(frameon=False)
    figure.suptitle(title)
    return figure


def confusion_matrix(table: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> "Figure":
    """How often each class was taken for each; the colour is the share of its row."""
    size = 1.2 * len(classes)
    figure, (axis,) = new_figure(2.6 + size, 1.4 + size)
    shares = [[count / max(1, sum(row)) for count in row] for row in table]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(table):
        for column, count in enumerate(counts):
            colour = "white" if shares[row][column] > 0.6 else "black"
            axis.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(classes)), classes)
    axis.set(xlabel="guessed", ylabel="right answer")
    axis.spines[:].set_visible(False)
    figure.suptitle(title)
    return figure


def blind_guesses(common: float, title: str) -> "Figure":
    """What two metrics say of a guesser who never reads, by how often it says the common class.

    Args:
        common: share of the common class in the data.
    """
    figure, (axis,) = new_figure(6.4, 2.9)
    said = [step / 50 for step in range(51)]
    axis.plot(said, [share * common + (1 - share) * (1 - common) for share in said], color=ORANGE, label="accuracy")
    axis.plot(said, [0.0 for _ in said], color=BLUE, label="Matthews' correlation")
    axis.set(xlabel='share of guesses that say "acceptable"', ylabel="score of a blind guesser", ylim=(-0.05, 1))
    axis.legend(frameon=False)
    figure.suptitle(title)
    return figure


def learning_curves(curves: Mapping[str, Mapping[int, float]], chance: float, title: str) -> "Figure":
    """Accuracy on the development set by the number of examples that were learnt from.

    Args:
        curves: name -> examples -> accuracy.
        chance: what guessing the commoner class gets.
    """
    figure, (axis,) = new_figure(6.4, 3.1)
    for (name, points), colour in zip(curves.items(), (BLUE, ORANGE, GREEN, RED), strict=False):
        axis.plot(list(points), list(points.values()), "o-", color=colour, label=name)
    axis.axhline(chance, color=GREY, linewidth=1, linestyle=":")
    axis.text(max(max(points) for points in curves.values()), chance, "chance ", va="bottom", ha="right", color=GREY)
    axis.set_xscale("log", base=2)
    ticks = sorted({count for points in curves.values() for count in points})
    axis.set_xticks(ticks, [str(count) for count in ticks])
    axis.set(xlabel="training examples", ylabel="accuracy", ylim=(0.35, 1.02))
    axis.legend(frameon=False)
    figure.suptitle(title)
    return figure


def task_scores(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], title: str) -> "Figure":
    """Scores of several models on several tasks: a bar for the mean, a dot for each seed.

    Args:
        panels: title of a panel -> model -> task -> scores, per cent.
    """
    widths = [len({task for tasks in models.values() for task in tasks}) for models in panels.values()]
    figure, axes = new_figure(2.0 + 1.05 * sum(widths), 3.4, len(panels))
    for axis, (name, models) in zip(axes, panels.items(), strict=True):
        tasks = list(dict.fromkeys(task for scores in models.values() for task in scores))
        width = 0.8 / len(models)
        for place, (model, scores) in enumerate(models.items()):
            at = {task: tasks.index(task) - 0.4 + width * (place + 0.5) for task in scores if scores[task]}
            means = [sum(scores[task]) / len(scores[task]) for task in at]
            axis.bar(list(at.values()), means, width * 0.92, color=(BLUE, ORANGE, GREY, GREEN)[place], label=model)
            for task, x in at.items():
                axis.plot([x] * len(scores[task]), scores[task], ".", color="black", markersize=4)
        axis.set_xticks(range(len(tasks)), tasks)
        axis.set(title=name, ylabel="score on the development set (%)", ylim=(0, 105))
        axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.1))
    figure.suptitle(title)
    return figure
