"""Chapter 2 drawn: from documents to a batch, the labels, the fates of a chosen token, a draw with weights."""

from collections.abc import Mapping, Sequence

from minidistil.plots.drawing import arrow, box, cells, sheet, write
from minidistil.plots.style import Figure


def documents_to_batch(
    documents: Mapping[str, Sequence[str]], sequences: Mapping[str, Sequence[tuple[Sequence[str], bool]]],
    mask: Sequence[Sequence[int]],
) -> Figure:  # fmt: skip
    """Documents as rows of tokens, the sequences cut from them, and the batch that these fill.

    Args:
        documents: name -> its tokens.
        sequences: name of the document -> (tokens with [CLS] and [SEP], whether it is long enough to be kept).
        mask: attention mask of the batch, a row for each sequence that is kept.
    """
    made = [(name, *each) for name, cut in sequences.items() for each in cut]
    kept = [tokens for _, tokens, long_enough in made if long_enough]
    wide, left, step = 2.9, 15.0, 3.6
    high = step * (len(documents) + len(made) + len(mask)) + 11
    padding = sum(row.count(0) for row in map(list, mask))
    figure, axis = sheet(
        left + 15 + wide * max(*map(len, documents.values()), len(mask[0]), 12), high,
        f"{len(documents)} documents are cut into {len(made)} sequences, of which {len(kept)} are long enough; they "
        f"fill a batch of {len(mask)} rows and {len(mask[0])} columns, with {padding} places of padding.",
    )  # fmt: skip
    low = high - 2
    write(axis, 0.5, low, "documents", size=10, weight="bold")
    for name, tokens in documents.items():
        low -= step
        write(axis, 1.5, low + 0.8, name, size=9)
        cells(axis, left, low - 0.6, tokens, "text", wide, 2.8, size=8)
    low -= 4
    write(axis, 0.5, low, "sequences: each chunk with its own [CLS] (C) and [SEP] (S)", size=10, weight="bold")
    for name, tokens, long_enough in made:
        low -= step
        write(axis, 1.5, low + 0.8, name, size=9)
        roles = ["part" if each.startswith("[") else "token" for each in tokens]
        short = [each.strip("[]")[:1] if each.startswith("[") else each for each in tokens]
        cells(axis, left, low - 0.6, short, roles if long_enough else "dropped", wide, 2.8, size=8)
        if not long_enough:
            write(axis, left + wide * len(tokens) + 1, low + 0.8, "too short: dropped", size=9)
    low -= 4
    write(axis, 0.5, low, f"batch ({len(mask)}, {len(mask[0])})", size=10, weight="bold")
    write(axis, left, low, "attention mask: 1 for a token, 0 for padding", size=9)
    for row in mask:
        low -= step
        cells(axis, left, low - 0.6, row, ["token" if each else "dropped" for each in row], wide, 2.8, size=8)
    return figure


def labels_and_loss(
    tokens: Sequence[str], shown: Sequence[str], labels: Sequence[int], losses: Mapping[int, float]
) -> Figure:
    """A text, what the model reads of it, the labels, and where the loss is counted.

    Args:
        tokens: the original ones.
        shown: what the model reads.
        labels: -100 where the model is not asked.
        losses: chosen position -> its loss.
    """
    wide, left = 8.0, 15.0
    mean = sum(losses.values()) / len(losses)
    figure, axis = sheet(
        left + wide * len(tokens) + 1, 31,
        f"Only {len(losses)} of {len(tokens)} positions have a label other than -100, and only these count in the "
        f"loss, whose mean is {mean:.2f}.",
    )  # fmt: skip
    rows: list[tuple[str, Sequence[str], list[str]]] = [
        ("the text", tokens, ["text"] * len(tokens)),
        ("the model reads", shown, ["mask" if place in losses else "token" for place in range(len(shown))]),
        ("labels", list(map(str, labels)), ["dropped" if label == -100 else "number" for label in labels]),
    ]
    for number, (name, row, roles) in enumerate(rows):
        low = 26 - 6 * number
        write(axis, 0.5, low + 1.7, name, size=10)
        cells(axis, left, low, row, roles, wide, 3.4, size=9)
    write(axis, 0.5, 6.7, "loss", size=10)
    for place, loss in losses.items():
        x = left + wide * (place + 0.5)
        arrow(axis, (x, 13.9), (x, 8.5))
        box(axis, x - wide / 2 + 0.5, 5, wide - 1, 3.4, f"{loss:.2f}", "loss", size=9)
    write(axis, 0.5, 1.8, f"mean over the {len(losses)} chosen positions: {mean:.2f}", size=10, weight="bold")
    return figure


def three_fates(share: float, fates: Mapping[str, tuple[float, str, str]]) -> Figure:
    """All ordinary tokens as a bar, the chosen ones drawn larger below it, and what becomes of them.

    Args:
        share: the fraction of the ordinary tokens that is chosen.
        fates: name -> (its fraction of the chosen tokens, an original token, what stands there now).
    """
    wide, left = 66.0, 2.0
    figure, axis = sheet(
        wide + 4, 34,
        f"{share:.0%} of the ordinary tokens are chosen; of these "
        + ", ".join(f"{part:.0%} are {name}" for name, (part, _, _) in fates.items()) + ".",
    )  # fmt: skip
    write(axis, left, 32, "all ordinary tokens", size=10)
    box(axis, left, 26.5, share * wide, 4, f"{share:.0%} chosen", "mask", size=9)
    box(axis, left + share * wide, 26.5, (1 - share) * wide, 4, f"{1 - share:.0%} are not touched", "token", size=9)
    for start, end in ((left, left), (left + share * wide, left + wide)):
        axis.plot([start, end], [26.3, 19.2], color="#888888", linewidth=1, linestyle=":")
    roles = dict(zip(fates, ("mask", "loss", "right"), strict=True))
    x = left
    for number, (name, (part, original, now)) in enumerate(fates.items()):
        box(axis, x, 15, part * wide, 4, f"{part:.0%}", roles[name], size=9)
        middle = left + wide * (0.18 + 0.32 * number)
        arrow(axis, (x + part * wide / 2, 14.9), (middle, 11.4))
        write(axis, middle, 10, name, ha="center", size=10, weight="bold")
        write(axis, middle, 6.6, f"{original} → {now}", ha="center", size=10)
        write(axis, middle, 3.2, f"{part * share:.1%} of all tokens", ha="center", size=9)
        x += part * wide
    return figure


def weighted_draw(
    tokens: Sequence[str], counts: Sequence[int], chances: Mapping[str, Sequence[float]], thrown: float
) -> Figure:
    """The same point thrown at strips that the tokens of a text share in different ways.

    Args:
        tokens: of the text.
        counts: how often each of them occurs in the corpus.
        chances: name of a strip -> the chance of each token to be drawn first; they sum to 1.
        thrown: the point, from 0 to 1.
    """
    wide, left = 62.0, 14.0
    figure, axis = sheet(
        left + wide + 2, 11 * len(chances) + 8,
        "Strips shared by the tokens of a text. " + " ".join(
            f"With {name}: " + ", ".join(f"{token} {part:.0%}" for token, part in zip(tokens, parts, strict=True)) + "."
            for name, parts in chances.items()
        ),
    )  # fmt: skip
    write(axis, 0.5, 11 * len(chances) + 6, "chance to be drawn first, and (below) occurrences in the corpus", size=10)
    for number, (name, parts) in enumerate(chances.items()):
        low = 11 * (len(chances) - number) - 5
        write(axis, 0.5, low + 2, name.replace(" ", "\n"), size=10)
        x = left
        for token, count, part in zip(tokens, counts, parts, strict=True):
            hit = x <= left + thrown * wide < x + part * wide
            fits = part * wide > 1.05 * max(len(token), 3)
            box(axis, x, low, part * wide, 4.6, f"{token}\n{part:.0%}" if fits else "", "mask" if hit else "token",
                size=8.5)  # fmt: skip
            if fits and part * wide > 1.05 * len(f"{count:,}"):
                write(axis, x + part * wide / 2, low - 1.5, f"{count:,}", ha="center", size=7.5, color="#666666")
            x += part * wide
        arrow(axis, (left + thrown * wide, low + 8), (left + thrown * wide, low + 4.7), linewidth=2)
    return figure
