"""Chapter 11, to try out: how many bits a weight needs, and what each bit costs."""

from collections.abc import Callable, Mapping, Sequence

from minidistil.plots.style import BLUE, GREY, ORANGE, Figure, new_figure

Cost = tuple[float, float, float]  # MiB, decibels, fraction of guesses that stay


def bits_of_a_weight(
    weights: Sequence[float], largest: Mapping[str, float], costs: Mapping[str, Mapping[int, Cost]]
) -> Callable[..., Figure]:
    """A function that draws the weights of a row on the grid of so many bits, and what this costs the model.

    Args:
        weights: one row of a matrix.
        largest: kind of scale -> the largest magnitude that the grid of this row must reach.
        costs: kind of scale -> number of bits -> size of the model, signal to noise of the matrix, guesses that stay.
    """

    def draw(bits: int = 4, scale: str = "a scale for each row") -> Figure:
        size, decibels, same = costs[scale][bits]
        figure, (left, right) = new_figure(
            9, 3.4, 2, f"{bits} bits, {scale}: {size:.1f} MiB, {decibels:.0f} dB, {same:.0%} of the guesses stay"
        )
        step = largest[scale] / (2 ** (bits - 1) - 1)
        reach = max(map(abs, weights))
        inside = int(reach / step + 0.5)
        for place in range(-inside, inside + 1):
            left.axvline(place * step, color=ORANGE, linewidth=min(1.2, 40 / (2 * inside + 1)))
        left.hist(list(weights), bins=60, range=(-reach, reach), color=BLUE)
        left.set(xlabel="weight of one row", ylabel="how many")
        left.set_title(f"it rounds to {2 * inside + 1} of the grid's {2**bits - 1} values", fontsize=10)
        for name, curve in costs.items():
            chosen = name == scale
            look = {"color": BLUE if chosen else GREY, "linestyle": "-" if chosen else ":"}
            right.plot(list(curve), [100 * cost[2] for cost in curve.values()], marker=".", label=name, **look)
        right.plot(bits, 100 * same, "o", color=ORANGE, markersize=10)
        right.set(xlabel="bits of a weight", ylabel="guesses that stay (%)", ylim=(0, 104))
        right.legend(frameon=False, fontsize=9, loc="upper left")
        return figure

    return draw
