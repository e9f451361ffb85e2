"""Chapter 11, drawn: rounding to int8 on a number line, a scale for a matrix or for each row, a layer in integers."""

from collections.abc import Sequence

from minidistil.plots.drawing import Axes, arrow, box, cells, sheet, write
from minidistil.plots.style import Figure

Rows = Sequence[Sequence[float]]


def int8_on_a_line(values: Sequence[float], scale: float) -> Figure:
    """Values above a number line with the integers that stand for them below it, and one of them magnified."""
    steps = [round(value / scale) for value in values]
    near = min(range(len(values)), key=lambda place: abs(values[place]))
    error, low = abs(values[near] - scale * steps[near]), steps[near] - 2
    figure, axis = sheet(
        76, 39,
        "A number line from -127 to 127 steps of " + f"{scale:g}. "
        + ", ".join(f"{value:g} becomes {step}" for value, step in zip(values, steps, strict=True))
        + f". Magnified: {values[near]:g} lies {error:.4f} from step {steps[near]}; half a step is {scale / 2:g}.",
    )  # fmt: skip
    write(axis, 1, 37, f"int8: from -127 to 127 steps of {scale:g}", size=11, weight="bold")
    _line(axis, 28.5, [(38 + 33 * end / 127, str(end), f"{end * scale:g}") for end in (-127, 0, 127)])
    for value, step in zip(values, steps, strict=True):
        x = 38 + 33 * value / scale / 127
        box(axis, x - 3.3, 32, 6.6, 3, f"{value:g}", "text", size=10)
        arrow(axis, (x, 32), (x, 28.5))
        if step not in (-127, 127):
            box(axis, x - 2.6, 19.4, 5.2, 3, str(step), "number", size=10)
    write(axis, 1, 15.5, f"magnified: {values[near]:g}", size=11, weight="bold")
    _line(axis, 6.5, [(8 + 15 * place, str(low + place), f"{(low + place) * scale:g}") for place in range(5)])
    x = 8 + 15 * (values[near] / scale - low)
    axis.plot([38, x], [9, 9], color="#D55E00", linewidth=2.5)
    axis.plot([x], [6.5], "o", color="#E69F00", markersize=7)
    box(axis, x - 3.4, 11, 6.8, 3, f"{values[near]:g}", "text", size=10)
    arrow(axis, (x, 11), (x, 7))
    write(axis, 75, 15.5, f"error {error:.4f}, at most half a step: {scale / 2:g}", ha="right", size=10)
    return figure


def _line(axis: Axes, y: float, ticks: Sequence[tuple[float, str, str]]) -> None:
    """A horizontal line with ticks: x, the integer and, below it, what it stands for."""
    axis.plot([ticks[0][0] - 3, ticks[-1][0] + 3], [y, y], color="#444444", linewidth=1.3)
    for x, integer, value in ticks:
        axis.plot([x, x], [y - 0.9, y + 0.9], color="#444444", linewidth=1.3)
        write(axis, x, y - 2.6, integer, ha="center", size=10, weight="bold")
        write(axis, x, y - 4.8, value, ha="center", size=9, color="#666666")


def one_scale_or_many(matrix: Rows, shared: tuple[float, Rows], own: tuple[Sequence[float], Rows]) -> Figure:
    """A matrix of weights beside its integers with one scale for all, and with a scale for each row.

    Args:
        matrix: (O, I) fp32.
        shared, own: the scale or the scales, and the integers, (O, I).
    """
    wide, count = 5.2 * len(matrix[0]), len(matrix)
    top = 3.4 * count
    figure, axis = sheet(
        3 * wide + 29, top + 10,
        f"A matrix of {count} rows. With one scale, {shared[0]:.2g}, a row of small weights uses few integers: "
        + "; ".join(" ".join(f"{value:g}" for value in row) for row in shared[1])
        + ". With a scale for each row every row uses them all: "
        + "; ".join(" ".join(f"{value:g}" for value in row) for row in own[1]),
    )  # fmt: skip
    scales = [[""] * count, [f"{shared[0]:.2g}"] * count, [f"{scale:.2g}" for scale in own[0]]]
    names = ("weights, fp32", "one scale for the matrix", "a scale for each row")
    for x, name, rows, column in zip(
        (1, wide + 6, 2 * wide + 18), names, (matrix, shared[1], own[1]), scales, strict=True
    ):
        write(axis, x, top + 8, name, size=11, weight="bold")
        for place, (row, scale) in enumerate(zip(rows, column, strict=True)):
            y = top + 1.4 - 3.4 * place
            few = bool(scale) and max(map(abs, row)) < 64
            cells(axis, x, y, [f"{value:g}" for value in row], "loss" if few else "number", 5.2, 3, size=10)
            if scale:
                write(axis, x + wide + 1, y + 1.5, f"x {scale}", size=10)
    write(axis, 1, 1.6, "dashed: of the steps up to 127 the row uses less than half", size=10)
    return figure


def layer_in_integers(
    token: Sequence[float], scale: float, steps: Sequence[int], weight: Rows, weight_scale: Sequence[float],
    sums: Sequence[int], output: Sequence[float],
) -> Figure:  # fmt: skip
    """Dynamic quantisation of a linear layer for one token, from fp32 through int8 and int32 back to fp32.

    Args:
        token: (I,) fp32; scale: its scale; steps: (I,) int8.
        weight: (O, I) int8; weight_scale: (O,).
        sums: (O,) int32; output: (O,) fp32.
    """
    figure, axis = sheet(
        78, 37,
        f"A token {list(token)} is divided by its own scale, {scale:.4f}, and rounded to {list(steps)}. Its products "
        f"with the rows of an int8 matrix are added up in int32: {list(sums)}. Times the scale of the token and the "
        f"scale of the row this is {', '.join(f'{value:.1f}' for value in output)} in fp32.",
    )  # fmt: skip
    write(axis, 1, 35, "for every token anew", size=11, weight="bold")
    cells(axis, 1, 29, [f"{value:g}" for value in token], "token", 6, 3.4, size=10)
    write(axis, 1, 27, "fp32", size=9, color="#666666")
    arrow(axis, (13.5, 30.7), (29, 30.7))
    write(axis, 21.2, 32.3, "divide, round", ha="center", size=10)
    write(axis, 21.2, 28.9, f"scale {scale:.4f}", ha="center", size=10)
    cells(axis, 29.5, 29, steps, "number", 6, 3.4, size=10)
    write(axis, 29.5, 27, "int8", size=9, color="#666666")
    arrow(axis, (35.5, 26.6), (35.5, 16.7))
    write(axis, 36.5, 23.3, "multiply and add integers", size=10)
    write(axis, 1, 20, "once, when the model is stored", size=11, weight="bold")
    for place, (row, each) in enumerate(zip(weight, weight_scale, strict=True)):
        y = 13.3 - 4.2 * place
        cells(axis, 1, y, [f"{value:g}" for value in row], "teacher", 6, 3.4, size=10)
        write(axis, 14, y + 1.7, f"x {each:g}", size=10)
        arrow(axis, (20, y + 1.7), (29, y + 1.7))
        box(axis, 29.5, y, 12, 3.4, f"{sums[place]:,}", "number", size=10)
        arrow(axis, (41.5, y + 1.7), (63.5, y + 1.7), linewidth=1.2)
        write(axis, 52.5, y + 3.1, f"x {scale:.4f} x {each:g}", ha="center", size=10)
        box(axis, 64, y, 10, 3.4, f"{output[place]:.1f}", "token", size=10)
    low = 13.3 - 4.2 * (len(weight) - 1)
    for x, name in ((1, "int8, a scale for each row"), (29.5, "int32"), (64, "fp32")):
        write(axis, x, low - 2, name, size=9, color="#666666")
    write(axis, 1, 1.6, "integers in the products, fp32 only at both ends", size=10)
    return figure
