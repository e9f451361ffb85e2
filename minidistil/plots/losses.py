"""Chapter 6 in pictures: distributions, loss landscapes, positions, distances from the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, Figure, new_figure, row_names


def distributions(words: Sequence[str], probabilities: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Up to four distributions over the same words, as bars side by side."""
    figure, (axis,) = new_figure(max(6.0, 1.1 * len(words)), 3.2)
    width = 0.8 / len(probabilities)
    for number, ((name, values), colour) in enumerate(
        zip(probabilities.items(), (GREY, BLUE, ORANGE, GREEN), strict=False)
    ):
        places = [place + (number + 0.5) * width - 0.4 for place in range(len(words))]
        axis.bar(places, values, width, color=colour, label=name)
    axis.set_xticks(range(len(words)), words)
    axis.set(ylabel="probability", title=title)
    axis.legend(frameon=False)
    return figure


def landscapes(losses: Mapping[str, Any], reach: float, teacher: Sequence[float], title: str) -> Figure:
    """Losses of a student's hidden state with two features, as a map; the teacher's state as an arrow.

    Args:
        losses: name -> (N, N) values; columns are the first feature from -reach to reach, rows the second.
        teacher: the two features of its state.
    """
    figure, axes = new_figure(4.2 * len(losses), 3.9, len(losses), title=title)
    for axis, (name, values) in zip(axes, losses.items(), strict=True):
        ticks = [-reach + 2 * reach * place / (len(values) - 1) for place in range(len(values))]
        shades = axis.contourf(ticks, ticks, values.tolist(), levels=12, cmap="viridis_r")
        axis.annotate("", teacher, (0, 0), arrowprops={"arrowstyle": "->", "color": "black", "linewidth": 2})
        axis.text(*teacher, " teacher", fontsize=10)
        axis.set(xlabel="first feature of the student", ylabel="second feature", title=name, aspect="equal")
        figure.colorbar(shades, ax=axis, label="loss", shrink=0.85)
    return figure


def counted_positions(tokens: Sequence[str], counted: Mapping[str, Sequence[bool]], title: str) -> Figure:
    """For each loss, which positions of a sequence it uses."""
    figure, (axis,) = new_figure(max(7.0, 0.62 * len(tokens)), 1.2 + 0.34 * len(counted))
    for row, places in enumerate(counted.values()):
        for place, yes in enumerate(places):
            axis.text(place, row, "●" if yes else "·", ha="center", va="center", color=BLUE if yes else GREY, size=14)
    row_names(axis, list(counted))
    axis.set_xticks(range(len(tokens)), tokens, rotation=35, ha="right")
    axis.set(xlim=(-0.5, len(tokens) - 0.5), title=title)
    axis.tick_params(length=0)
    axis.spines[["left", "bottom"]].set_visible(False)
    return figure


def dark_knowledge(favourites: Sequence[float], likeness: Sequence[float], chance: float, title: str) -> Figure:
    """The probability of a teacher's first guesses, and how similar in meaning its next guesses are to them.

    Args:
        favourites: probability of the first guess for each [MASK].
        likeness: mean cosine with the first guess, of the second guess, the third …
        chance: the mean cosine for random words.
    """
    figure, (left, right) = new_figure(9, 3.2, 2, title=title)
    left.hist([100 * each for each in favourites], bins=20, range=(0, 100), color=BLUE)
    left.set(xlabel="probability of the first guess (%)", ylabel="holes", title="Some doubt is the rule")
    right.plot(range(2, 2 + len(likeness)), likeness, "o-", color=ORANGE, label="the teacher's guess")
    right.axhline(chance, color=GREY, linestyle="--", label="any word")
    right.set(xlabel="rank of the guess", ylabel="cosine with the first guess", ylim=(min(0.0, chance - 0.02), None))
    right.set_title("The runners-up are relatives of the favourite")
    right.legend(frameon=False)
    return figure


def distance_by_examples(
    sizes: Sequence[int], distances: Mapping[str, Sequence[Sequence[float]]], teacher: float, title: str
) -> Figure:
    """KL divergence from the truth by the number of examples: a line through the medians, a dot for each seed.

    Args:
        distances: what the students learned from -> for each size the distances of all seeds, in nats.
        teacher: the distance of the teacher.
    """
    figure, (axis,) = new_figure(7.5, 3.8)
    for (name, rows), colour in zip(distances.items(), (PURPLE, ORANGE, GREEN), strict=False):
        axis.plot(sizes, [sorted(row)[len(row) // 2] for row in rows], color=colour, linewidth=2, label=name)
        for size, row in zip(sizes, rows, strict=True):
            axis.plot([size] * len(row), row, "o", color=colour, markersize=4, alpha=0.6)
    axis.axhline(teacher, color=BLUE, linestyle="--", label="the teacher itself")
    axis.set(xscale="log", yscale="log", xlabel="sentences to learn from", ylabel="KL from the truth (nats)")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_title(title)
    axis.legend(frameon=False)
    return figure
