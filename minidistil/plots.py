"""Every picture of the course, drawn from the numbers it shows. Colours: Okabe and Ito (2008), safe for all eyes."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#888888"

Log = Sequence[dict[str, Any]]


def _figure(width: float = 8, height: float = 3.2, columns: int = 1) -> tuple["Figure", list[Any]]:
    """A figure without pyplot's global state: the same on a server, and shown by a notebook as a cell's result."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, dpi=110, format="png")
            return buffer.getvalue()

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def training_curves(log: Log) -> "Figure":
    """Each loss term and the learning rate over the tokens read."""
    terms = [
        name for name in ("ce", "mlm", "cos", "loss") if name in log[0] and not (name == "loss" and "ce" in log[0])
    ]
    labels = {
        "ce": "$L_{ce}$ (nats)",
        "mlm": "$L_{mlm}$ (nats)",
        "cos": "$L_{cos}$ (1 - cosine)",
        "loss": "loss (nats)",
    }
    figure, axes = _figure(3.2 * (len(terms) + 1), 2.8, len(terms) + 1)
    tokens = [line["tokens"] / 1e6 for line in log]
    for axis, name, colour in zip(axes, terms, (BLUE, ORANGE, GREEN), strict=False):
        values = [line[name] for line in log]
        axis.plot(tokens, values, color=colour, linewidth=0.8, alpha=0.35)
        axis.plot(tokens, _smooth(values), color=colour, linewidth=2)
        axis.set_title(labels[name])
    axes[-1].plot(tokens, [line["learning_rate"] for line in log], color=GREY)
    axes[-1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel("million tokens read")
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """Mean of each value and up to `span` before it."""
    return [sum(values[max(0, i - span) : i + 1]) / (i - max(0, i - span) + 1) for i in range(len(values))]


CHAPTERS = (
    "WordPiece:\ntext to ids",
    "corpus and\nmasking",
    "attention",
    "encoder",
    "heads and\nofficial\nweights",
    "three\nlosses",
    "a student\nfrom half\nits teacher",
    "training",
    "evaluation",
    "tasks:\nGLUE,\nSQuAD",
    "int8,\nONNX",
    "bias",
)


def where_we_are(chapter: int) -> "Figure":
    """The course from left to right and top to bottom, with one chapter lit."""
    figure, (axis,) = _figure(9, 2.5)
    axis.set_axis_off()
    axis.set(xlim=(-0.55, 5.55), ylim=(-0.5, 1.5))
    for place, name in enumerate(CHAPTERS):
        column, row = place % 6, 1 - place // 6
        lit = place + 1 == chapter
        box = {"boxstyle": "round,pad=0.3", "facecolor": ORANGE if lit else "#eeeeee", "edgecolor": "none"}
        axis.text(
            column,
            row,
            f"{place + 1}\n{name}",
            ha="center",
            va="center",
            fontsize=9.5,
            weight="bold" if lit else "normal",
            color="black" if lit else "#666666",
            bbox=box,
        )
        if column < 5:
            axis.annotate(
                "", (column + 0.57, row), (column + 0.43, row), arrowprops={"arrowstyle": "->", "color": GREY}
            )
    return figure


def token_map(text: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]]) -> "Figure":
    """A text above, its tokens below, and which characters each token stands for."""
    figure, (axis,) = _figure(max(6, 0.27 * len(text)), 1.9)
    axis.set_axis_off()
    axis.set(xlim=(-0.5, len(text) - 0.5), ylim=(-0.35, 1.3))
    for place, char in enumerate(text):
        axis.text(place, 1, char, ha="center", va="center", fontsize=15, family=["DejaVu Sans Mono", "sans-serif"])
    colours = (BLUE, ORANGE, GREEN, RED)
    spans = [(token, span) for token, span in zip(tokens, offsets, strict=True) if span[0] < span[1]]
    for number, (token, (start, end)) in enumerate(spans):
        colour, middle = colours[number % 4], (start + end - 1) / 2
        axis.plot([start - 0.4, end - 0.6], [0.72, 0.72], color=colour, linewidth=4, solid_capstyle="butt")
        level = 0.35 - 0.45 * (number % 2)
        axis.plot([middle, middle], [level + 0.15, 0.7], color=colour, linewidth=1)
        axis.text(middle, level, token, ha="center", va="center", fontsize=12, color=colour)
    return figure


def vocabulary_growth(curves: Mapping[str, Sequence[float]], characters: int) -> "Figure":
    """Tokens per word after each merge, a curve for each rule.

    Args:
        curves: rule -> tokens per word after 0, 1, 2 … merges.
        characters: entries of the vocabulary before the first merge.
    """
    figure, (axis,) = _figure(7, 3.2)
    for (rule, values), colour in zip(curves.items(), (BLUE, ORANGE, GREEN), strict=False):
        axis.plot(range(characters, characters + len(values)), values, color=colour, linewidth=2, label=rule)
    axis.set(xlabel="entries in the vocabulary", ylabel="tokens per word", ylim=(1, None))
    axis.set_title("Each merge shortens the text; the frequent pairs shorten it fastest")
    axis.legend(frameon=False)
    return figure


def word_frequencies(counts: Sequence[int]) -> "Figure":
    """How often words occur, by rank, and the share of a text that a cache of the most frequent answers.

    Args:
        counts: of each distinct word, falling.
    """
    figure, (left, right) = _figure(9, 3.2, 2)
    ranks = range(1, len(counts) + 1)
    left.loglog(ranks, counts, color=BLUE, linewidth=2)
    left.set(xlabel="rank of the word", ylabel="times it occurs", title="A few words occur all the time")
    total, answered, shares = sum(counts), 0, []
    for count in counts:
        answered += count
        shares.append(100 * answered / total)
    right.semilogx(ranks, shares, color=ORANGE, linewidth=2)
    right.set(xlabel="words remembered", ylabel="lookups answered (%)", ylim=(0, 100))
    right.set_title("A small memory answers most lookups")
    return figure


def speeds(rows: Sequence[tuple[str, float, float]]) -> "Figure":
    """Tokens a second of ours and of `tokenizers`, a pair of bars for each kind of work."""
    figure, (axis,) = _figure(7, 0.8 + 0.75 * len(rows))
    places = range(len(rows))
    ours, theirs = [row[1] / 1e6 for row in rows], [row[2] / 1e6 for row in rows]
    axis.barh([place - 0.19 for place in places], ours, 0.36, color=BLUE, label="minidistil (Python, cache)")
    axis.barh([place + 0.19 for place in places], theirs, 0.36, color=ORANGE, label="tokenizers (Rust)")
    axis.set_yticks(places, [row[0] for row in rows])
    axis.invert_yaxis()
    axis.set(xlabel="million tokens a second, one thread")
    axis.set_title("Python wins where words repeat, Rust where they do not")
    axis.legend(frameon=False)
    return figure
