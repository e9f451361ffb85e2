"""Chapter 1 drawn: the five steps of the tokenizer, the longest match, a merge, the way back into the text."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure

Part = tuple[str, str, Sequence[tuple[str, Sequence[str]]]]
Placed = tuple[float, float, str, str]  # left edge, width, label and role of a box
STEPS = ("the text", "1. special tokens", "2. normalise", "3. words", "4. pieces", "5. frame, ids")


def five_steps(parts: Sequence[Part], ids: Sequence[int], until: int = 5) -> Figure:
    """A text on top and below it what each step makes of it, down to the ids.

    Args:
        parts: of the text, cut at special tokens: the part, the same normalised, and its words, each with its pieces.
        ids: of all pieces, [CLS] and [SEP] included.
        until: the last step that is drawn.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    rows = _step_rows(parts, ids)
    figure, axis = sheet(
        sum(rows[5][-1][:2]) + 1, 36,
        f"{rows[0][0][2]!r} in five steps becomes {len(ids)} tokens, [CLS] and [SEP] included; its pieces: "
        + ", ".join(label for _, _, label, _ in rows[4]) + ".",
    )  # fmt: skip
    known = get_font(findfont(FontProperties())).get_charmap().keys() | {10}  # a new line has no glyph
    for number, (label, row) in enumerate(zip(STEPS[: until + 1], rows, strict=False)):
        low = 31 - 5.5 * number
        said = f"{label}:\n{len(ids)} tokens" if number == 5 else label
        write(axis, 0.5, low + 1.7, said, size=9, weight="bold" if number == until else "normal")
        for x, wide, shown, role in row:
            if wide:
                shown = "".join(char if ord(char) in known else "□" for char in shown.replace(" ", "␣"))
                box(axis, x + 0.15, low - 0.5, wide - 0.3, 4.4, shown, role, size=8.5, parse_math=False)
    return figure


def _step_rows(parts: Sequence[Part], ids: Sequence[int]) -> list[list[Placed]]:
    """The boxes of the text and of each step, each above what it becomes."""
    rows: list[list[Placed]] = [[] for _ in STEPS]
    frame = _width("[CLS]")
    start = left = 16 + frame
    for part, clean, words in parts:
        first, special = start, part.startswith("[") and words[0][1] == [part]
        for word, pieces in words:
            begin, widths = start, [_width(piece) for piece in pieces]
            widths[-1] += max(0.0, _width(word) - sum(widths))  # a word may be wider than its pieces
            for piece, wide in zip(pieces, widths, strict=True):
                rows[4].append((start, wide, piece, "mask" if special else "token"))
                start += wide
            rows[3].append((begin, start - begin, word, "mask" if special else "text"))
        start = max(start, first + 0.95 * len(part))
        for row, label in ((1, part), (2, clean)):
            rows[row].append((first, start - first, label, "mask" if special else "text"))
    rows[0] = [(left, start - left, "".join(part for part, _, _ in parts), "text")]
    places = [(left - frame, frame, "[CLS]"), *[(x, wide, "") for x, wide, _, _ in rows[4]], (start, frame, "[SEP]")]
    rows[5] = [
        (x, wide, f"{added}\n{index}".strip(), "mask" if added else "number")
        for (x, wide, added), index in zip(places, ids, strict=True)
    ]
    return rows


def _width(label: str) -> float:
    return 0.95 * max(len(label), 4) + 1.4


def greedy_match(word: str, pieces: Sequence[str]) -> Figure:
    """Every lookup of the longest match in a word, from top to bottom: the misses, and the pieces that were found."""
    tries, start = [], 0
    for piece in pieces:
        end = start + len(piece.removeprefix("##"))
        tries += [(start, stop, stop == end) for stop in range(len(word), end - 1, -1)]
        start = end
    high = 3.8 * len(tries) + 6.5
    figure, axis = sheet(
        5 * len(word) + 24, high,
        f"The longest match in {word!r} takes {len(tries)} lookups and finds {', '.join(pieces)}.",
    )  # fmt: skip
    cells(axis, 1, high - 5, list(word), "text", 5, 4, size=11)
    for row, (start, stop, found) in enumerate(tries):
        low = high - 9.5 - 3.8 * row
        shown = ("##" if start else "") + word[start:stop]
        box(axis, 1 + 5 * start, low, 5 * (stop - start), 3.2, shown, "right" if found else "dropped", size=10)
        said = f"{row + 1}. found: take it" if found else f"{row + 1}. not there: shorter"
        write(axis, 5 * len(word) + 3, low + 1.6, said, size=9, weight="bold" if found else "normal")
    return figure


def one_merge(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], counts: Mapping[str, int],
    pair: tuple[str, str],
) -> Figure:  # fmt: skip
    """The pieces of each word before and after one pair has become one piece in all of them."""
    total = sum(counts[word] for word, pieces in before.items() for each in pairwise(pieces) if each == pair)
    new = pair[0] + pair[1].removeprefix("##")
    longest = max(map(len, before.values()))
    middle, high = max(12 + 5 * longest, 38), 4.2 * len(before) + 5
    figure, axis = sheet(
        middle + max(5 + 5 * longest, 16), high,
        f"The pair {pair[0]} {pair[1]} occurs {total} times; in every word it becomes the one piece {new}.",
    )  # fmt: skip
    write(axis, 1, high - 2, f"{pair[0]} {pair[1]} occurs {total} times: the most frequent pair", size=10)
    write(axis, middle + 4, high - 2, f"{new} is a piece", size=10)
    for row, (word, pieces) in enumerate(before.items()):
        low = high - 8 - 4.2 * row
        write(axis, 1, low + 1.6, f"{counts[word]} times", size=9)
        roles = ["token"] * len(pieces)
        for place, each in enumerate(pairwise(pieces)):
            if each == pair:
                roles[place : place + 2] = ["mask", "mask"]
        cells(axis, 10, low, pieces, roles, 5, 3.2, size=9)
        arrow(axis, (10.5 + 5 * len(pieces), low + 1.6), (middle + 3.5, low + 1.6))
        merged = after[word]
        cells(axis, middle + 4, low, merged, ["right" if each == new else "token" for each in merged], 5, 3.2, size=9)
    return figure


def offset_trail(text: str, characters: Sequence[tuple[str, int]], pieces: Sequence[tuple[str, int, int]]) -> Figure:
    """From a text down to its pieces: each normalised character keeps the place in the text that it came from.

    Args:
        text: the original.
        characters: (character, place in the text), as step 2 gives them.
        pieces: (piece, start, end) in the text.
    """
    wide = 4.2
    shown = [char.replace(" ", "␣") if char.isprintable() else "·" for char in text]
    dropped = {*range(len(text))} - {place for _, place in characters}
    figure, axis = sheet(
        15 + wide * len(text), 33,
        f"The text {text!r}, its normalised characters with their places in the text, and its pieces: "
        + ", ".join(f"{piece} from {start} to {end}" for piece, start, end in pieces) + ".",
    )  # fmt: skip
    for low, label in ((25.5, "the text"), (16, "normalised,\nwith places"), (6, "pieces and\noffsets")):
        write(axis, 0.5, low + 1.8, label, size=9)
    left = 13.5
    roles = ["dropped" if place in dropped else "text" for place in range(len(text))]
    cells(axis, left, 25.5, shown, roles, wide, 3.6, size=12)
    for place in range(len(text)):
        write(axis, left + wide * (place + 0.5), 30.6, str(place), ha="center", size=8, color="#666666")
    for number, (char, place) in enumerate(characters):
        x, up = left + wide * (number + 0.5), left + wide * (place + 0.5)
        box(axis, x - wide / 2, 15, wide, 5.2, f"{char.replace(' ', '␣')}\n{place}", "token", size=9)
        arrow(axis, (up, 25.4), (x, 20.4))
    for piece, start, end in pieces:
        inside = [number for number, (_, place) in enumerate(characters) if start <= place < end]
        x, until = left + wide * inside[0], left + wide * (inside[-1] + 1)
        box(axis, x + 0.2, 7.4, until - x - 0.4, 3.4, piece, "right", size=9)
        write(axis, (x + until) / 2, 4.6, f"{start}–{end}", ha="center", size=9)
        arrow(axis, ((x + until) / 2, 14.9), ((x + until) / 2, 10.9))
    return figure
