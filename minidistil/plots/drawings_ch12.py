"""Chapter 12, drawn: a template with two groups and its interval, and what a probe measures and does not."""

from collections.abc import Sequence

from minidistil.plots.drawing import arrow, box, sheet, write
from minidistil.plots.style import Figure


def bias_template(
    template: str, groups: tuple[str, str], word: str, probabilities: tuple[float, float],
    differences: Sequence[float], interval: tuple[float, float],
) -> Figure:  # fmt: skip
    """One template with two groups and the probability of one word; below, the differences of all templates.

    Args:
        probabilities: of the word, after each group.
        differences: log ratio of the word in each template, this one first.
        interval: lower and upper end for their mean.
    """
    mean = sum(differences) / len(differences)
    figure, axis = sheet(
        78, 43,
        f"The template {template} with {groups[0]} and with {groups[1]}: the word {word} has the probabilities "
        f"{probabilities[0]:.2g} and {probabilities[1]:.2g}, a log ratio of {differences[0]:.2f}. Over "
        f"{len(differences)} templates the mean is {mean:.2f}, with an interval from {interval[0]:.2f} to "
        f"{interval[1]:.2f}.",
    )  # fmt: skip
    write(axis, 1, 41, "one template, two groups, one word", size=11, weight="bold")
    longest = 17 / max(probabilities)
    for y, role, group, probability in zip((34, 29), ("token", "mask"), groups, probabilities, strict=True):
        box(axis, 1, y, 34, 3.6, template.replace("{group}", group), "text", size=10)
        arrow(axis, (35, y + 1.8), (38.5, y + 1.8))
        box(axis, 39, y, longest * probability, 3.6, "", role)
        write(axis, 39.8 + longest * probability, y + 1.8, f"p({word}) = {probability:.2g}", size=10)
    write(axis, 1, 25, f"log ratio: ln p({word} | {groups[0]}) - ln p({word} | {groups[1]}) = {differences[0]:+.2f}")
    write(axis, 1, 19.5, f"{len(differences)} templates: each dot is one log ratio", size=11, weight="bold")
    reach = max(map(abs, differences))
    place = [39 + 34 * value / reach for value in differences]
    axis.plot([2, 76], [10.5, 10.5], color="#888888", linewidth=1)
    axis.plot([39, 39], [9, 16.5], color="#888888", linewidth=1)
    axis.plot(place, [13] * len(place), "o", color="#0072B2", alpha=0.6, markersize=7)
    axis.plot(place[:1], [13], "o", color="none", markeredgecolor="black", markersize=11)
    ends = [39 + 34 * end / reach for end in interval]
    axis.plot(ends, [10.5, 10.5], color="#E69F00", linewidth=5, solid_capstyle="butt")
    axis.plot([sum(place) / len(place)], [10.5], "o", color="black", markersize=6)
    write(axis, 2, 7.5, f"nearer to {groups[1]}", size=10)
    write(axis, 76, 7.5, f"nearer to {groups[0]}", ha="right", size=10)
    write(axis, 39, 7.5, "0", ha="center", size=10)
    write(axis, 2, 3, f"black: mean {mean:+.2f}; orange: its 95 % interval, {interval[0]:+.2f} to {interval[1]:+.2f}; "
          "circle: the template above", size=10)  # fmt: skip
    return figure


def what_a_probe_measures(templates: int, words: int, vocabulary: int) -> Figure:
    """The way from the world to people through a model; the one part that a probe looks at is not dotted."""
    figure, axis = sheet(
        80, 34,
        "From the world to texts, to the model, to a task and to people. A probe reads the model's probabilities of "
        f"{words} of {vocabulary:,} words in {templates} sentences; everything else it does not measure.",
    )  # fmt: skip
    write(axis, 1, 32, "not measured: dotted", size=11, weight="bold")
    stations = (
        ("the world", "who does\nwhich work"), ("texts", "who is\nwritten about"),
        ("the model", "a probability\nfor each word"),
        ("a task", "a decision by\nsomebody's rule"), ("people", "who is better or\nworse off"),
    )  # fmt: skip
    for place, (name, about) in enumerate(stations):
        x, lit = 1 + 16 * place, place == 2
        box(axis, x, 17, 13, 10, "", "teacher" if lit else "dropped")
        write(axis, x + 6.5, 24.4, name, ha="center", size=11, weight="bold")
        write(axis, x + 6.5, 20.2, about, ha="center", size=9)
        if place:
            arrow(axis, (x - 3, 22), (x, 22), linestyle="-" if lit else ":")
    arrow(axis, (39.5, 12.5), (39.5, 17), linewidth=2)
    box(axis, 1, 6.5, 77, 6, f"the probe: {words} of {vocabulary:,} words, {templates} sentences, 2 groups, "
        "1 language", "right", size=11)  # fmt: skip
    write(axis, 1, 2.5, "It cannot tell a stereotype from a fact of the texts, nor a difference from a harm.", size=10)
    return figure
