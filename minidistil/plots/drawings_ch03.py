"""Chapter 3 drawn: query, key and value of one token, the weighted mean, heads split and joined, hidden keys."""

import math
from collections.abc import Sequence

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import GREEN, Figure

Rows = Sequence[Sequence[float]]


def query_key_value(token: str, hidden: Sequence[float], projected: Rows) -> Figure:
    """A token's hidden state goes through three matrices; below each result what it is used for.

    Args:
        token: its name.
        hidden: its hidden state (D,).
        projected: its query, key and value, K numbers each.
    """
    size = f"{len(hidden)} x {len(projected[0])}"
    figure, axis = sheet(
        84, 30, f"The hidden state of {token} is multiplied by three matrices of {size}: the query is what it looks "
        "for, the key is what others find it by, the value is what it passes on.",
    )  # fmt: skip
    write(axis, 5, 28.5, token, ha="center", size=10, weight="bold")
    write(axis, 5, 26.3, "hidden state", ha="center", size=8)
    step = 24 / len(hidden)
    cells(axis, 2, 24.7 - step, [f"{each:.1f}" for each in hidden], "token", 6, step, vertical=True, size=8)
    uses = (
        "compared with the keys of all tokens, its own included",
        "compared with the queries of all tokens",
        "goes into the mixtures of all tokens, as its weight says",
    )
    for name, numbers, use, low in zip(("query", "key", "value"), projected, uses, (21, 12, 3), strict=True):
        arrow(axis, (8.3, 12.5), (16.7, low + 2.5), bend=0)
        box(axis, 17, low, 14, 5, f"{name} matrix\n{size}")
        arrow(axis, (31.3, low + 2.5), (40.7, low + 2.5), name)
        role = "right" if name == "value" else "number"
        cells(axis, 41, low + 1, [f"{each:.1f}" for each in numbers], role, 40 / len(numbers), size=8)
        write(axis, 41, low - 0.8, use, size=8, color="#444444")
    return figure


def weighted_mean(tokens: Sequence[str], weights: Sequence[float], values: Rows) -> Figure:
    """A token's output as a sum of weighted values, and as a point between the values in the plane.

    Args:
        tokens: L names.
        weights: L weights of one query, together 1.
        values: (L, 2), none below 0.
    """
    mean = [sum(weight * value[axis] for weight, value in zip(weights, values, strict=True)) for axis in (0, 1)]
    shares = ", ".join(f"{weight:.0%} of {token}" for token, weight in zip(tokens, weights, strict=True))
    figure, axis = sheet(
        84, 12 + 6 * len(tokens),
        f"The output is the mean of the values, {shares}: a point between them, nearest to the one with most weight.",
    )  # fmt: skip
    for line, (token, weight, value) in enumerate(zip(tokens, weights, values, strict=True)):
        low = 6 * (len(tokens) - line) + 2
        write(axis, 6, low + 1.6, token, ha="right", size=10, weight="bold")
        box(axis, 7, low, max(14 * weight, 0.8), 3.2, "", "token")
        write(axis, 7.6 + 14 * weight, low + 1.6, f"{weight:.3f}")
        write(axis, 24, low + 1.6, "×", ha="center", size=12)
        cells(axis, 26, low, [f"{each:g}" for each in value], "right", 7, 3.2)
    write(axis, 7, 6 * len(tokens) + 9, "weight", size=9)
    write(axis, 26, 6 * len(tokens) + 9, "value", size=9)
    write(axis, 24, 4.1, "sum: output", ha="right", size=10, weight="bold")
    cells(axis, 26, 2.5, [f"{each:.2f}" for each in mean], "token", 7, 3.2)

    unit = 6 * len(tokens) / max(max(value) for value in values)  # of the plane, in tenths of an inch
    points = [(52 + unit * x, 6 + unit * y) for x, y in values]
    middle = (52 + unit * mean[0], 6 + unit * mean[1])
    for token, weight, point, value in zip(tokens, weights, points, values, strict=True):
        axis.plot(*zip(middle, point, strict=True), color="#888888", linewidth=0.8 + 6 * weight, zorder=1)
        axis.plot(*point, "o", color=GREEN, markersize=9)
        side = 1.5 if point[0] > middle[0] else -1.5  # away from the output
        write(
            axis, point[0] + side, point[1], f"{token} ({value[0]:g}, {value[1]:g})", ha="left" if side > 0 else "right"
        )
    axis.plot(*middle, "s", color="#0072B2", markersize=9)
    write(axis, middle[0] + 1.8, middle[1], "output", weight="bold")
    return figure


def heads_split_and_joined(states: Rows, heads: int) -> Figure:
    """The features of each token dealt out to the heads and put together again; below, what a reshape alone does.

    Args:
        states: (L, D).
        heads: H.
    """
    length, width = len(states), len(states[0])
    part = width // heads
    roles = ("token", "number", "mask", "right")
    flat = [(value, roles[place // part % 4]) for row in states for place, value in enumerate(row)]
    split = [[flat[row * width + head * part :][:part] for row in range(length)] for head in range(heads)]
    alone = [[flat[(head * length + row) * part :][:part] for row in range(length)] for head in range(heads)]
    top, gap = 12 + 6 * length, 3 * length
    left, apart = 4 * width + 14, 4 * part + 3
    figure, axis = sheet(
        left + apart * heads, top + 3,
        f"{length} tokens of {width} features become {heads} heads of {length} x {part}: each head has its features of "
        "every token. A reshape alone has the same shape and other contents.",
    )  # fmt: skip

    def block(left: float, top: float, rows: Sequence[Sequence[tuple[float, str]]], note: str) -> None:
        write(axis, left + 2 * len(rows[0]), top + 1.4, note, ha="center", size=9, weight="bold")
        for line, row in enumerate(rows):
            labels, kinds = zip(*row, strict=True)
            cells(axis, left, top - 3 * (line + 1), [f"{each:g}" for each in labels], kinds, 4)

    whole = [flat[row * width : (row + 1) * width] for row in range(length)]
    block(2, top, whole, "(L, D)")
    for head in range(heads):
        block(left + apart * head, top, split[head], f"head {head}")
        block(left + apart * head, top - gap - 8, alone[head], f"“head {head}”")
    end, middle = 2 + 4 * width, top - gap / 2
    arrow(axis, (end + 0.5, middle + 1), (left - 0.7, middle + 1), "split")
    arrow(axis, (left - 0.7, middle - 1), (end + 0.5, middle - 1))
    write(axis, (end + left) / 2, middle - 2.6, "join", ha="center", size=8, color="#444444")
    arrow(axis, (end - 8, top - gap - 0.7), (left - 0.7, top - 1.5 * gap - 8), bend=0.25, linestyle="--")
    write(axis, 3, top - 1.5 * gap - 8, "a reshape alone: the right shape,\nbut a “head” is one token", size=9)
    return figure


def hidden_keys(tokens: Sequence[str], visible: Sequence[bool], scores: Rows, weights: Rows) -> Figure:
    """Scores with the columns of hidden keys at minus infinity, and the weights that the softmax makes of them.

    Args:
        tokens: L names.
        visible: L times whether the key may be seen.
        scores, weights: (L, L), a row for each query.
    """
    length = len(tokens)
    hidden = [token for token, seen in zip(tokens, visible, strict=True) if not seen]
    figure, axis = sheet(
        86, 12 + 3.2 * length, f"The scores of {len(hidden)} hidden keys become minus infinity, so that their weights "
        "are 0 and each row shares out 1 among the keys that are visible.",
    )  # fmt: skip
    lowered = [[score if seen else -math.inf for score, seen in zip(row, visible, strict=True)] for row in scores]
    wide, top = 24 / length, 3.2 * length + 1
    panels = (("scores", scores, "{:.1f}"), ("scores, masked", lowered, "{:.1f}"), ("weights", weights, "{:.2f}"))
    for number, (name, rows, form) in enumerate(panels):
        left = 5 + 28 * number
        write(axis, left + 12, top + 9, name, ha="center", size=10, weight="bold")
        for place, (token, seen) in enumerate(zip(tokens, visible, strict=True)):
            colour = "black" if seen else "#999999"
            write(axis, left + wide * (place + 0.5), top + 4.8, token, ha="center", size=7, color=colour)
            if number == 1:
                said = "1" if seen else "0"
                write(axis, left + wide * (place + 0.5), top + 6.8, said, ha="center", size=8, weight="bold")
            if number == 0:
                write(axis, left - 0.6, top - 3.2 * place + 1.4, token, ha="right", size=7, color=colour)
        for line, row in enumerate(rows):
            labels = [form.format(value).replace("-inf", "−∞") for value in row]
            kinds = [
                "number" if number == 0 else ("token" if number == 1 else "right") if seen else "dropped"
                for seen in visible
            ]
            cells(axis, left, top - 3.2 * line - 0.2, labels, kinds, wide, 3.2, size=8)
        if number:
            arrow(axis, (left - 3.7, top - 1.6 * length + 3), (left - 0.4, top - 1.6 * length + 3))
    write(axis, 30, top + 6.8, "mask", ha="center", size=8, weight="bold")
    write(axis, 73, 2.2, "each row sums to 1", ha="center", size=8)
    return figure
