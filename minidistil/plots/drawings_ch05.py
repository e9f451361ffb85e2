"""Chapter 5 drawn: one table that reads and proposes words, five heads on one encoder, what a file of weights holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def tied_table(words: Sequence[str], table: Sequence[Sequence[float]], hidden: Sequence[float], read: int) -> Figure:
    """The word table in its two jobs: a row is read for an id, and each row scores a hidden state.

    Args:
        words: V words.
        table: (V, D).
        hidden: (D,), the hidden state to score.
        read: the id whose row is read.
    """
    scores = [sum(a * b for a, b in zip(row, hidden, strict=True)) for row in table]
    best = max(range(len(words)), key=scores.__getitem__)
    figure, axis = sheet(
        76, 12 + 4 * len(words),
        f"One table: id {read} reads the row of {words[read]}; all rows score a hidden state, {words[best]} best.",
    )  # fmt: skip
    top = 4 * len(words) + 1
    write(axis, 27, top + 9, "hidden state", ha="right", size=10, weight="bold")
    cells(axis, 29, top + 7.5, [f"{value:g}" for value in hidden], "token", 4.5)
    arrow(axis, (29 + 2.25 * len(hidden), top + 7), (29 + 2.25 * len(hidden), top + 3.2))
    write(axis, 47, top + 9, "proposing: a dot product\nwith every row", size=9)
    write(axis, 2, top + 9, "reading: one row", size=9)
    for row, (word, values, score) in enumerate(zip(words, table, scores, strict=True)):
        low, here = top - 4 * row - 1, row == read
        write(axis, 27, low + 1.5, word, ha="right", size=10, weight="bold" if here else "normal")
        cells(axis, 29, low, [f"{value:g}" for value in values], "token" if here else "number", 4.5)
        arrow(axis, (29.3 + 4.5 * len(values), low + 1.5), (53, low + 1.5))
        box(axis, 53.4, low, 7, 3, f"{score:g}", "right" if row == best else "number")
        if here:
            box(axis, 3, low - 0.2, 9, 3.4, f"id {read}", "text")
            arrow(axis, (12.3, low + 1.5), (20, low + 1.5))
    write(axis, 62, top + 0.5, "scores", size=10, weight="bold")
    return figure


def heads_on_one_encoder(tokens: Sequence[str], heads: Mapping[str, tuple[Sequence[int], str]]) -> Figure:
    """An encoder with its tokens below, and above it the heads with the hidden states that each one reads.

    Args:
        tokens: L tokens of a text.
        heads: name of a head -> the positions of the hidden states that it reads, and what it returns.
    """
    said = "; ".join(f"{name} reads {', '.join(tokens[place] for place in read)}" for name, (read, _) in heads.items())
    width = 18.0 * len(heads)
    figure, axis = sheet(width + 2, 37, f"One encoder, several heads: {said}.".replace("\n", " "))
    step = (width - 2) / len(tokens)
    for place, token in enumerate(tokens):
        left = 3 + step * place
        box(axis, left, 1, step - 2, 3.6, f"{place}  {token}", "text")
        arrow(axis, (left + step / 2 - 1, 4.8), (left + step / 2 - 1, 7.3))
    box(axis, 2, 7.5, width - 2, 4, "encoder: a hidden state for each token", "teacher", size=10)
    for number, (name, (read, result)) in enumerate(heads.items()):
        left = 2 + 18.0 * number
        roles = ["token" if place in read else "dropped" for place in range(len(tokens))]
        small = 15.0 / len(tokens)
        arrow(axis, (left + 7.5, 11.7), (left + 7.5, 14.3))
        cells(axis, left, 14.5, range(len(tokens)), roles, small, 3, size=8)
        arrow(axis, (left + 7.5, 17.7), (left + 7.5, 20.3))
        box(axis, left, 20.5, 15, 6.4, name, "part")
        arrow(axis, (left + 7.5, 27.1), (left + 7.5, 29.7))
        write(axis, left + 7.5, 32.6, result, ha="center", size=9)
    return figure


def weights_file(header: Mapping[str, Any], header_bytes: int, names: Sequence[str]) -> Figure:
    """A safetensors file as a bar, and where the header says that some of its tensors lie.

    Args:
        header: name of a tensor -> its "dtype", "shape" and "data_offsets", the first and the last byte after it.
        header_bytes: the length of the header in the file.
        names: the tensors to show, in the order of their places.
    """
    total = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    figure, axis = sheet(
        88, 33, f"A file of weights: 8 bytes, a header of {header_bytes:,} bytes that says where each tensor lies, "
        f"and {total:,} bytes of numbers.",
    )  # fmt: skip
    box(axis, 2, 25, 9, 6, "8 bytes:\nlength", "number", size=8)
    box(axis, 11.4, 25, 19, 6, f"header, JSON:\n{header_bytes:,} bytes", "text")
    box(axis, 30.8, 25, 55, 6, f"numbers: {total:,} bytes", "part")
    for line, name in enumerate(names):
        entry, low = header[name], 15.5 - 6.5 * line
        first, end = entry["data_offsets"]
        said = f"{name}\n{entry['dtype']}, {entry['shape']}, bytes {first:,} to {end:,}"
        box(axis, 2, low, 37, 5.4, said, "token", size=8)
        place = 30.8 + 55 * (first + end) / 2 / total
        arrow(axis, (39.3, low + 2.7), (place, 24.8), bend=0.15)
    arrow(axis, (20, 24.8), (20, 21.2))
    return figure


def filled_mask(
    tokens: Sequence[str], place: int, hidden: Sequence[float], guesses: Sequence[tuple[str, float]]
) -> Figure:
    """From a text with a [MASK] to words: one hidden state out of all goes through the head.

    Args:
        tokens: L tokens of the text.
        place: the position of the [MASK].
        hidden: the first few numbers of its hidden state.
        guesses: the best words with their probabilities.
    """
    wide = 80 / len(tokens)
    middle = 3 + wide * (place + 0.5)
    figure, axis = sheet(
        86, 41, f"{len(tokens)} tokens go through the encoder; only the hidden state at [MASK], number {place}, goes "
        f"through the head, which gives {guesses[0][0]} the probability {guesses[0][1]:.2f}.",
    )  # fmt: skip
    for number, token in enumerate(tokens):
        left, here = 3 + wide * number, number == place
        box(axis, left + 0.3, 1, wide - 0.6, 3.4, token, "mask" if here else "token", size=8)
        arrow(axis, (left + wide / 2, 4.6), (left + wide / 2, 6.5))
        arrow(axis, (left + wide / 2, 11.7), (left + wide / 2, 13.6))
        box(axis, left + 0.3, 13.8, wide - 0.6, 3.4, "h", "mask" if here else "dropped", size=8)
    box(axis, 3, 6.7, 80, 4.8, "encoder: every token reads every token")
    write(axis, 83, 18.8, "not needed: the other hidden states", ha="right", size=8, color="#777777")
    arrow(axis, (middle, 17.4), (min(middle, 36), 22.2))
    numbers = ", ".join(f"{each:.1f}" for each in hidden)
    write(axis, middle + 1, 20.2, f"[{numbers}, …]", size=8)
    start = min(max(3, middle - 12), 14) + 24  # the right end of the head: bars have to fit beside it
    box(axis, start - 24, 22.4, 24, 5, "masked-LM head,\nsoftmax over V words")
    arrow(axis, (start + 0.3, 25), (start + 10, 33))
    for line, (word, probability) in enumerate(guesses):
        low = 37 - 3.6 * line
        write(axis, start + 17, low + 1.4, word, ha="right", size=10, weight="bold" if line == 0 else "normal")
        length = max(26 * probability / guesses[0][1], 0.6)
        box(axis, start + 18, low, length, 2.8, "", "right" if line == 0 else "number")
        write(axis, start + 18.8 + length, low + 1.4, f"{probability:.2f}")
    return figure
