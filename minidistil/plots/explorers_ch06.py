"""Chapter 6, to be moved: temperature and weights at one position, KL's two directions, a toy language's truth."""

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Axes, Figure, new_figure


def one_position(words: Sequence[str], at: Callable[..., Mapping[str, Any]]) -> Callable[..., Figure]:
    """What temperature and weights do at one position.

    Args:
        at: of temperature, ce, mlm and cos: "teacher" and "student", their probabilities at this temperature; "terms",
            the losses by name; "push", by loss the negative gradient of its weighted term at the student's logits.
    """

    def draw(temperature: float = 2.0, ce: float = 5.0, mlm: float = 2.0, cos: float = 1.0) -> Figure:
        here = at(temperature, ce, mlm, cos)
        parts = {name: (alpha, here["terms"][name]) for name, alpha in (("ce", ce), ("mlm", mlm), ("cos", cos))}
        total = sum(alpha * term for alpha, term in parts.values())
        written = " + ".join(f"{alpha:g} x {term:.3f}" for alpha, term in parts.values())
        figure, (left, right) = new_figure(9, 3.4, 2, title=f"loss = {written} = {total:.3f}")
        _pairs(left, words, {"teacher": (here["teacher"], BLUE), "student": (here["student"], ORANGE)})
        left.set(ylabel="probability", ylim=(0, 1), title=f"At temperature {temperature:g}")
        pushes = {"$L_{ce}$": (here["push"]["ce"], RED), "$L_{mlm}$": (here["push"]["mlm"], PURPLE)}
        _pairs(right, words, pushes)
        right.axhline(0, color=GREY, linewidth=0.8)
        right.set(ylabel="push on the student's logit", title="Each loss times its weight")
        return figure

    return draw


def hump_fits(
    best: Callable[[float, float, float, str], tuple[Sequence[float], Sequence[float], float]],
) -> Callable[..., Figure]:
    """A teacher with two humps, and the student with one hump that is best in a direction of KL.

    Args:
        best: of the distance of the humps, the probability of the left one, their width and the direction, such as
            "teacher || student": the teacher, the best student and its KL.
    """

    def draw(apart: float = 19, left: float = 0.6, width: float = 2.5, direction: str = "teacher || student") -> Figure:
        teacher, student, cost = best(apart, left, width, direction)
        figure, (axis,) = new_figure(7.5, 3.2, title=f"least KL({direction}) = {cost:.2f} nats")
        axis.fill_between(range(len(teacher)), teacher, color=BLUE, alpha=0.3, label="teacher")
        axis.plot(student, color=ORANGE, linewidth=2.5, label="best student")
        axis.set(xlabel="word", ylabel="probability", ylim=(0, 0.25))
        axis.legend(frameon=False)
        return figure

    return draw


def truth_by_examples(
    words: Sequence[str],
    truth: Mapping[str, Sequence[float]],
    guesses: Mapping[tuple[str, int], Sequence[Sequence[float]]],
    distances: Mapping[tuple[str, int], float],
) -> Callable[..., Figure]:
    """The true distribution at a hole beside that of a student.

    Args:
        truth: a sentence with one hole -> the probability of each word there.
        guesses: what a student learned from, and from how many sentences -> its probabilities at each of these holes.
        distances: the same -> its mean KL from the truth in nats, over many holes.
    """
    first_targets, first_size = next(iter(guesses))

    def draw(hole: str = next(iter(truth)), sentences: int = first_size, targets: str = first_targets) -> Figure:
        right, guess = truth[hole], guesses[targets, sentences][list(truth).index(hole)]
        shown = sorted(range(len(words)), key=lambda word: -max(right[word], guess[word]))[:8]
        shown.sort(key=lambda word: -right[word])
        here = sum(p * log(p / max(q, 1e-30)) for p, q in zip(right, guess, strict=True) if p)
        title = (
            f"{sentences:,} sentences, learned from: {targets}\n"
            f"{here:.2f} nats from the truth at this hole, {distances[targets, sentences]:.2f} on average"
        )
        figure, (axis,) = new_figure(8, 3.4, title=title)
        columns = {
            "truth": ([right[word] for word in shown], GREEN),
            "student": ([guess[word] for word in shown], ORANGE),
        }
        _pairs(axis, [words[word] for word in shown], columns)
        axis.set(ylabel="probability", ylim=(0, 1), xlabel=hole)
        return figure

    return draw


def _pairs(axis: Axes, words: Sequence[str], columns: Mapping[str, tuple[Sequence[float], str]]) -> None:
    """Two bars, values and colour by name, for each word."""
    for side, (name, (values, colour)) in zip((-0.2, 0.2), columns.items(), strict=True):
        axis.bar([place + side for place in range(len(words))], values, 0.4, color=colour, label=name)
    axis.set_xticks(range(len(words)), words)
    axis.legend(frameon=False)
