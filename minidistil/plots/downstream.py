"""Chapter 10 in pictures: a fine-tuning's course, what was mistaken for what."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.plots.style import BLUE, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Log = Sequence[Mapping[str, Any]]


def finetuning_curves(log: Log, epochs: Log, steps_per_epoch: int, title: str = "") -> "Figure":
    """The loss over the epochs, and after each epoch the figures on the development set.

    Args:
        log: lines of metrics.jsonl.
        epochs: the looks of metrics.json.
    """
    figure, (left, right) = new_figure(8.4, 2.9, 2)
    left.plot([line["step"] / steps_per_epoch for line in log], [line["loss"] for line in log], color=BLUE)
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    first = next(iter(epochs[0]["metrics"]))
    for name, colour in zip(epochs[0]["metrics"][first], (ORANGE, BLUE), strict=False):
        right.plot(
            [look["epoch"] for look in epochs],
            [look["metrics"][first][name] for look in epochs],
            "o-",
            color=colour,
            label=name,
        )
    right.set(xlabel="epoch", ylabel="development set", xticks=[look["epoch"] for look in epochs])
    right.legend(frameon=False)
    figure.suptitle(title)
    return figure
