"""The primer drawn: broadcasting, and the chain rule from a loss back to a weight."""

from collections.abc import Sequence

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def broadcast(column: Sequence[float], row: Sequence[float]) -> Figure:
    """A column (N, 1) and a row (1, M), each repeated until both are (N, M), and their sum."""
    high, wide = len(column), len(row)
    figure, axis = sheet(
        88, 3.2 * high + 8,
        f"A column of {high} numbers and a row of {wide} are repeated until both are {high} x {wide}, then added.",
    )  # fmt: skip
    top, apart = 3.2 * high + 1, 4.4 * wide + 8
    names = (f"({high}, 1)", f"(1, {wide})", f"({high}, {wide})")
    for number, name in enumerate(names):
        left = 4 + (apart + 8) * number
        write(axis, left + 2.2 * wide, top + 4, name, ha="center", size=10, weight="bold")
        for line in range(high):
            given = ([place == 0 for place in range(wide)], [line == 0] * wide, [True] * wide)[number]
            numbers = ([column[line]] * wide, row, [column[line] + each for each in row])[number]
            real = "right" if number == 2 else "token"
            kinds = [real if each else "dropped" for each in given]
            cells(axis, left, top - 3.2 * line - 2, [f"{each:g}" for each in numbers], kinds, 4.4, 3.2)
        if number < 2:
            write(axis, left + apart - 0.5, top - 1.6 * high + 1.2, "+="[number], ha="center", size=15)
    return figure


def chain_rule(steps: Sequence[tuple[str, float]], slopes: Sequence[float]) -> Figure:
    """A value computed step by step to the right, and its gradient step by step to the left.

    Args:
        steps: a name and the value there; the last one is the loss.
        slopes: between each two steps the derivative of the later by the earlier.
    """
    gradients = [1.0]
    for slope in reversed(slopes):
        gradients.insert(0, gradients[0] * slope)
    said = ", ".join(f"{name} {gradient:g}" for (name, _), gradient in zip(steps, gradients, strict=True))
    figure, axis = sheet(88, 22, f"Values go forward through {len(steps)} steps; gradients go back: {said}.")
    wide = 84 / len(steps)
    for number, ((name, value), gradient) in enumerate(zip(steps, gradients, strict=True)):
        left = 2 + wide * number
        last = number == len(steps) - 1
        write(axis, left + 6, 20.5, name, ha="center", size=10, weight="bold")
        box(axis, left, 13.5, 12, 5, f"{value:g}", "loss" if last else "token", size=11)
        box(axis, left, 3.5, 12, 5, f"{gradient:g}", "number", size=11)
        if not last:
            arrow(axis, (left + 12.2, 16), (left + wide - 0.2, 16))
            arrow(axis, (left + wide - 0.2, 6), (left + 12.2, 6), f"times {slopes[number]:g}")
    write(axis, 2, 11, "values, forward →", size=8, color="#444444")
    write(axis, 86, 1.3, "← gradients of the loss, backward", ha="right", size=8, color="#444444")
    return figure
