"""Chapter 4 drawn: the three rows of a token's embedding, a block and its residual stream, BERT beside DistilBERT."""

from collections.abc import Mapping, Sequence

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def embedding_rows(
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[float]]]], picked: Sequence[int]
) -> Figure:
    """Tables side by side, the row that each gives to one token, and below them the sum of these rows.

    Args:
        tables: name of a table -> the names of its rows and their numbers.
        picked: the number of the row that is looked up in each table.
    """
    rows = [numbers[row] for (_, numbers), row in zip(tables.values(), picked, strict=True)]
    named = ", ".join(f"{name}: {names[row]}" for (name, (names, _)), row in zip(tables.items(), picked, strict=True))
    figure, axis = sheet(76, 40, f"One row of each table ({named}) is looked up, and the rows are added.")
    for number, (name, (names, numbers)) in enumerate(tables.items()):
        left = 9 + 25.5 * number
        write(axis, left + 7.2, 38, name, ha="center", size=10, weight="bold")
        for row, (label, values) in enumerate(zip(names, numbers, strict=True)):
            here, low = row == picked[number], 33 - 3 * row
            write(axis, left - 0.7, low + 1.5, label, ha="right", weight="bold" if here else "normal")
            cells(axis, left, low, [f"{value:g}" for value in values], "token" if here else "number", 3.6)
        cells(axis, left, 12, [f"{value:g}" for value in rows[number]], "token", 3.6)
        arrow(axis, (left + 7.2, low - 0.3), (left + 7.2, 15.2))
        arrow(axis, (left + 7.2, 11.8), (41.7 + 3 * (number - 1), 6.4))
        if number:
            write(axis, left - 6, 13.5, "+", ha="center", size=13)
    cells(axis, 34.5, 3, [f"{sum(column):g}" for column in zip(*rows, strict=True)], "right", 3.6, size=10)
    write(axis, 33.5, 4.5, "sum", ha="right", size=10, weight="bold")
    return figure


def residual_stream(vectors: Sequence[Sequence[float]]) -> Figure:
    """A block: the stream of a token's vector from left to right, and what two branches add to it.

    Args:
        vectors: five of one token: the input, what attention adds, what goes into the second half, what the
            feed-forward network adds, the output.
    """
    figure, axis = sheet(
        84, 29, "A block: attention and then the feed-forward network read a token's vector; what each returns is "
        "added to the vector, and a layer norm follows each sum.",
    )  # fmt: skip
    stream, branches = 10.0, ("attention: reads\nall tokens", "feed-forward: reads\nthis token alone")
    for x, branch, role, added in zip((12, 45), branches, ("token", "part"), vectors[1::2], strict=True):
        arrow(axis, (x - 6, stream), (x + 15.4, stream), lw=2.5)
        box(axis, x, 21, 16, 6, branch, role)
        arrow(axis, (x - 3, stream), (x, 23.5), bend=-0.3)
        box(axis, x + 15.4, stream - 1.7, 3.4, 3.4, "+", "number", size=12)
        arrow(axis, (x + 16, 23.5), (x + 17.1, stream + 1.8), bend=-0.3)
        write(axis, x + 19.2, 21, _listed("added", added), size=8)
        box(axis, x + 20.5, stream - 2.2, 6.5, 4.4, "norm", "part")
        arrow(axis, (x + 18.9, stream), (x + 20.4, stream), lw=2.5)
    arrow(axis, (72, stream), (78, stream), lw=2.5)
    for x, name, vector in zip((5, 40, 74), ("input", "halfway", "output"), vectors[::2], strict=True):
        write(axis, x, stream - 2.6, _listed(name, vector), size=8, va="top")
    return figure


def _listed(name: str, vector: Sequence[float]) -> str:
    return "\n".join([name, *(f"{value:+.2f}" for value in vector)])


def two_encoders(counts: Mapping[str, Mapping[str, float]], layers: Mapping[str, int]) -> Figure:
    """A teacher and its student as stacks of boxes, from the embeddings below to the masked-LM head on top.

    Args:
        counts: for each of the two its parameters in millions: "word embeddings", "position embeddings",
            "token-type embeddings", "a block" and "masked-LM head".
        layers: the number of blocks of each.
    """
    totals = {
        name: layers[name] * each["a block"] + sum(size for part, size in each.items() if part != "a block")
        for name, each in counts.items()
    }
    said = "; ".join(f"{name} has {layers[name]} blocks and {total:.1f} million" for name, total in totals.items())
    figure, axis = sheet(72, 52, f"Two encoders as stacks of boxes with their parameters: {said}.")
    for (name, each), role, x in zip(counts.items(), ("teacher", "student"), (8, 42), strict=True):
        write(axis, x + 11, 50, f"{name}: {totals[name]:.1f} million", ha="center", size=10, weight="bold")
        box(axis, x, 1, 22, 3.4, f"words {each['word embeddings']:.1f}", "number")
        box(axis, x, 4.8, 10.8, 3.4, f"positions {each['position embeddings']:.1f}", "number", size=8)
        types = each["token-type embeddings"]
        kind = "number" if types else "dropped"
        box(axis, x + 11.2, 4.8, 10.8, 3.4, f"types {types:.3f}" if types else "no types", kind, size=8)
        for layer in range(layers[name]):
            step = 35.0 / max(layers.values())
            low = 8.9 + step * layer
            box(axis, x, low, 22, step - 0.4, f"block {layer}: {each['a block']:.2f}", role, size=8)
        top = 8.9 + 35.0 * layers[name] / max(layers.values())
        box(axis, x, top, 22, 3.4, f"masked-LM head {each['masked-LM head']:.1f}", "token")
    return figure
