"""Chapter 10, drawn: a classifier on [CLS], labels of pieces, answers as spans, windows with a stride."""

from collections.abc import Sequence
from math import exp

from minidistil.plots.drawing import ROLES, arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def classifier_on_cls(
    tokens: Sequence[str], state: Sequence[float], rows: Sequence[Sequence[float]], classes: Sequence[str]
) -> Figure:
    """A text, an encoder, and a head that reads the hidden state of [CLS] alone.

    Args:
        tokens: of the text, [CLS] first.
        state: the hidden state of [CLS].
        rows: of the head, one for each class.
    """
    logits = [sum(a * b for a, b in zip(row, state, strict=True)) for row in rows]
    shares = [exp(logit) / sum(map(exp, logits)) for logit in logits]
    wide = 8.5 * len(tokens)
    figure, axis = sheet(
        max(66, wide + 2), 38,
        f"An encoder gives a hidden state to each of {len(tokens)} tokens. The head reads that of [CLS] alone: its "
        "product with one row for each class, then a softmax: "
        + ", ".join(f"{name} {share:.2f}" for name, share in zip(classes, shares, strict=True)) + ".",
    )  # fmt: skip
    cells(axis, 1, 1, tokens, "token", 8.5, 3.4, size=10)
    for place in range(len(tokens)):
        middle = 1 + 8.5 * (place + 0.5)
        arrow(axis, (middle, 4.4), (middle, 6.6))
        arrow(axis, (middle, 11), (middle, 13))
        if place:
            box(axis, middle - 3.5, 13, 7, 3.4, "unused", "dropped", size=9.5, color="#555555")
    box(axis, 1, 6.6, wide, 4.4, "encoder", "part", size=11)
    cells(axis, 1.2, 13, [f"{value:g}" for value in state], "number", 8 / len(state), 3.4, size=10)
    arrow(axis, (5.2, 16.4), (5.2, 21.5))
    write(axis, 6, 19, "hidden state of [CLS]", size=10)
    for place, (name, row, logit, share) in enumerate(zip(classes, rows, logits, shares, strict=True)):
        y = 29 - 6.5 * place
        write(axis, 10, y + 1.7, name, ha="right", size=10.5)
        cells(axis, 11, y, [f"{value:g}" for value in row], "number", 4.6, 3.4, size=10)
        arrow(axis, (11 + 4.6 * len(row), y + 1.7), (27, y + 1.7))
        box(axis, 27, y, 8, 3.4, f"{logit:g}", "number", size=10)
        arrow(axis, (35, y + 1.7), (41, y + 1.7))
        axis.barh(y + 1.7, 15 * share, 3.4, left=41, color=ROLES["student"][0], edgecolor=ROLES["student"][1])
        write(axis, 41.7 + 15 * share, y + 1.7, f"{share:.3f}", size=10)
    for x, name in ((11, "rows of the head"), (28, "logit"), (41, "softmax: probability")):
        write(axis, x, 35, name, size=10, weight="bold")
    return figure


def labels_of_pieces(words: Sequence[tuple[str, str, Sequence[str]]]) -> Figure:
    """Words with their tags above, their pieces below, and the label of each piece.

    Args:
        words: each word with its tag and its pieces.
    """
    pieces = sum(len(own) for _, _, own in words)
    figure, axis = sheet(
        8.6 * pieces + 11, 23,
        " ".join(f"{word} has the tag {tag} and the pieces {', '.join(own)}." for word, tag, own in words)
        + " The first piece of a word has its tag; the others have the label -100.",
    )  # fmt: skip
    for y, name in ((18, "words"), (14, "tags"), (6.5, "pieces"), (2.5, "labels")):
        write(axis, 0.5, y + 1.7, name, size=10.5, weight="bold")
    x = 10.5
    for word, tag, own in words:
        wide = 8.6 * len(own)
        box(axis, x, 18, wide - 0.6, 3.4, word, "text", size=10)
        box(axis, x, 14, wide - 0.6, 3.4, tag, "number", size=10)
        for place, piece in enumerate(own):
            left = x + 8.6 * place
            arrow(axis, (x + wide / 2 - 0.3, 14), (left + 4, 9.9))
            box(axis, left, 6.5, 8, 3.4, piece, "token", size=10)
            box(axis, left, 2.5, 8, 3.4, "-100" if place else tag, "dropped" if place else "right", size=10)
        x += wide
    return figure


def span_answer(tokens: Sequence[str], starts: Sequence[float], ends: Sequence[float], best: tuple[int, int]) -> Figure:
    """Tokens with their scores as start and as end of an answer, each score's maximum, and the best pair.

    Args:
        best: first and last token of the span with the highest sum of start and end score.
    """
    peak = [max(range(len(tokens)), key=scores.__getitem__) for scores in (starts, ends)]
    first, last = best
    figure, axis = sheet(
        max(62, 11 * len(tokens) + 17), 27,
        f"The highest start score is at {tokens[peak[0]]}, the highest end score at {tokens[peak[1]]}. "
        f"The best pair in order is {' '.join(tokens[first : last + 1])} with {starts[first]:g} + {ends[last]:g}.",
    )  # fmt: skip
    for y, name, scores, top in ((17.5, "start score", starts, peak[0]), (7.5, "end score", ends, peak[1])):
        write(axis, 0.5, y + 1.7, name, size=10.5, weight="bold")
        for place, value in enumerate(scores):
            chosen = place == (first if name == "start score" else last)
            role = "right" if chosen else "loss" if place == top else "number"
            box(axis, 14 + 11 * place, y, 10, 3.4, f"{value:g}", role, size=10.5)
    for place, token in enumerate(tokens):
        box(axis, 14 + 11 * place, 12.5, 10, 3.4, token, "right" if first <= place <= last else "token", size=10.5)
    backwards = "" if peak[0] <= peak[1] else ": the end comes before the start"
    write(axis, 0.5, 24, f"dashed: the maximum of each score alone{backwards}", size=10)
    total = f"{starts[first]:g} + {ends[last]:g} = {starts[first] + ends[last]:g}"
    write(axis, 0.5, 3, f"green: the best pair in order, {total}", size=10)
    return figure


def windows_with_stride(
    tokens: Sequence[str], starts: Sequence[int], room: int, span: tuple[int, int],
    labels: Sequence[tuple[int, int]],
) -> Figure:  # fmt: skip
    """A text that is too long, the windows in which it is read, and the label of each.

    Args:
        starts: where each window begins.
        room: the tokens of the text for which a window has room.
        span: first and last token of the answer.
        labels: first and last token of the answer in each window, (0, 0) if it is not there as a whole.
    """
    left, wide = 17.0, 6.2
    figure, axis = sheet(
        left + wide * len(tokens) + 12, 15 + 6.5 * len(starts),
        f"A text of {len(tokens)} tokens, read in windows of {room}, which begin {starts[1] - starts[0]} apart. "
        + " ".join(f"Window {row + 1} has the label {label}." for row, label in enumerate(labels)),
    )  # fmt: skip
    top = 8 + 6.5 * len(starts)
    write(axis, 0.5, top + 1.7, "text", size=10.5, weight="bold")
    roles = ["right" if span[0] <= place <= span[1] else "token" for place in range(len(tokens))]
    cells(axis, left, top, tokens, roles, wide, 3.4, size=8.5)
    for place in range(len(tokens)):
        write(axis, left + wide * (place + 0.5), top + 4.9, str(place), ha="center", size=9)
    write(axis, left + wide * len(tokens) + 2, top + 1.7, "label", size=10.5, weight="bold")
    for row, (begin, label) in enumerate(zip(starts, labels, strict=True)):
        y, x = top - 6.5 * (row + 1), left + wide * begin
        own = range(begin, min(begin + room, len(tokens)))
        write(axis, 0.5, y + 1.7, f"window {row + 1}", size=10.5, weight="bold")
        cells(axis, x, y, own, [roles[place] for place in own], wide, 3.4, size=9.5)
        write(axis, left + wide * len(tokens) + 2, y + 1.7, str(label), size=10.5)
        if row:
            arrow(axis, (left + wide * starts[row - 1], y + 4.9), (x, y + 4.9))
            write(axis, x + 0.8, y + 4.9, f"stride {begin - starts[row - 1]}", size=9)
    write(
        axis,
        0.5,
        4.5,
        "In front of each window stands [CLS] question [SEP], so its label counts these tokens, too.",
        size=10,
    )
    write(axis, 0.5, 1.7, "(0, 0), the [CLS]: the answer is not in this window as a whole.", size=10)
    return figure
