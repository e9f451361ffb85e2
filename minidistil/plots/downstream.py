"""Chapter 10 in pictures: the course of fine-tuning, confusion matrices, scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, RED, Figure, log_ticks, new_figure

Log = Sequence[Mapping[str, Any]]


def finetuning_curves(log: Log, epochs: Log, steps_per_epoch: int, title: str = "") -> Figure:
    """The loss over the epochs, and the metrics on the (first) development set after each epoch.

    Args:
        log: lines of metrics.jsonl.
        epochs: the evaluations in metrics.json.
    """
    figure, (left, right) = new_figure(8.4, 2.9, 2, title=title)
    epochs_read = [line["step"] / steps_per_epoch for line in log]
    marker = "None" if len(log) > 1 else "o"  # a line through one point cannot be seen
    left.plot(epochs_read, [line["loss"] for line in log], marker=marker, color=BLUE, clip_on=False)
    left.set(xlabel="epoch", ylabel="training loss", xlim=(0, len(epochs)), ylim=(0, None))
    first, numbers = next(iter(epochs[0]["metrics"])), [each["epoch"] for each in epochs]
    for name, colour in zip(epochs[0]["metrics"][first], (ORANGE, BLUE, GREEN, GREY), strict=False):
        right.plot(numbers, [each["metrics"][first][name] for each in epochs], "o-", color=colour, label=name)
    several = f" ({first})" if len(epochs[0]["metrics"]) > 1 else ""
    right.set(xlabel="epoch", ylabel=f"development set{several}", xticks=numbers)
    right.legend(frameon=False)
    return figure


def confusion_matrix(table: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> Figure:
    """A confusion matrix; the colour is the fraction of the row."""
    size = 1.2 * len(classes)
    figure, (axis,) = new_figure(2.6 + size, 1.4 + size, title=title)
    fractions = [[count / max(1, sum(row)) for count in row] for row in table]
    axis.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(table):
        for column, count in enumerate(counts):
            colour = "white" if fractions[row][column] > 0.6 else "black"
            axis.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(classes)), classes)
    axis.set(xlabel="guessed", ylabel="right answer")
    axis.spines[:].set_visible(False)
    return figure


def blind_guesses(common: float, title: str) -> Figure:
    """Two metrics of guesses that do not depend on the text, by how often they are the common class.

    Args:
        common: fraction of the common class in the data.
    """
    figure, (axis,) = new_figure(6.4, 2.9, title=title)
    often = [step / 50 for step in range(51)]
    axis.plot(often, [each * common + (1 - each) * (1 - common) for each in often], color=ORANGE, label="accuracy")
    axis.plot(often, [0.0] * 51, color=BLUE, label="Matthews' correlation")
    axis.set(xlabel='share of guesses that say "acceptable"', ylabel="score of a blind guesser", ylim=(-0.05, 1))
    axis.legend(frameon=False)
    return figure


def learning_curves(curves: Mapping[str, Mapping[int, float]], chance: float, title: str) -> Figure:
    """Accuracy on the development set by the number of training examples.

    Args:
        curves: name -> training examples -> accuracy.
        chance: the accuracy of always guessing the most common class.
    """
    figure, (axis,) = new_figure(6.4, 3.1, title=title)
    for (name, points), colour in zip(curves.items(), (BLUE, ORANGE, GREEN, RED), strict=False):
        axis.plot(list(points), list(points.values()), "o-", color=colour, label=name)
    axis.axhline(chance, color=GREY, linewidth=1, linestyle=":")
    axis.text(max(max(points) for points in curves.values()), chance, "chance ", va="bottom", ha="right", color=GREY)
    log_ticks(axis, sorted({count for points in curves.values() for count in points}))
    axis.set(xlabel="training examples", ylabel="accuracy", ylim=(0.35, 1.02))
    axis.legend(frameon=False)
    return figure


def task_scores(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], title: str) -> Figure:
    """Scores of several models on several tasks: a bar for the mean, a dot for each seed.

    Args:
        panels: title of a panel -> model -> task -> scores in per cent.
    """
    widths = [len({task for tasks in models.values() for task in tasks}) for models in panels.values()]
    figure, axes = new_figure(2.0 + 1.05 * sum(widths), 3.4, len(panels), title=title)
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
    return figure
