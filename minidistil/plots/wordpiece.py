"""Chapter 1 in pictures: tokens, vocabularies, speed."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from minidistil.plots.style import BLUE, GREEN, ORANGE, RED, Figure, new_figure


def token_map(text: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Figure:
    """A text above, its tokens below, and which characters belong to each token."""
    figure, (axis,) = new_figure(max(6, 0.27 * len(text)), 2.2)
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
    axis.set_title("Each token still knows which characters it stands for")
    return figure


def vocabulary_growth(curves: Mapping[str, Sequence[float]], characters: int) -> Figure:
    """Tokens per word after each merge, a curve for each rule.

    Args:
        curves: rule -> tokens per word after 0, 1, 2 … merges.
        characters: size of the vocabulary before the first merge.
    """
    figure, (axis,) = new_figure(7, 3.2)
    for (rule, values), colour in zip(curves.items(), (BLUE, ORANGE, GREEN), strict=False):
        axis.plot(range(characters, characters + len(values)), values, color=colour, linewidth=2, label=rule)
    axis.set(xlabel="entries in the vocabulary", ylabel="tokens per word", ylim=(1, None))
    axis.set_title("Each merge shortens the text; the frequent pairs shorten it fastest")
    axis.legend(frameon=False)
    return figure


def word_frequencies(counts: Sequence[int]) -> Figure:
    """How often words occur, by rank, and the fraction of lookups that a cache of the most frequent words answers.

    Args:
        counts: of each distinct word, in descending order.
    """
    figure, (left, right) = new_figure(9, 3.2, 2)
    ranks = range(1, len(counts) + 1)
    left.loglog(ranks, counts, color=BLUE, linewidth=2)
    left.set(xlabel="rank of the word", ylabel="times it occurs", title="A few words occur all the time")
    total = sum(counts)
    answered = [100 * count / total for count in accumulate(counts)]
    right.semilogx(ranks, answered, color=ORANGE, linewidth=2)
    right.set(xlabel="words remembered", ylabel="lookups answered (%)", ylim=(0, 100))
    right.set_title("A small memory answers most lookups")
    return figure


def speeds(rows: Sequence[tuple[str, float, float]]) -> Figure:
    """Tokens per second of minidistil and of `tokenizers`, a pair of bars for each task."""
    figure, (axis,) = new_figure(7, 0.8 + 0.75 * len(rows))
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
