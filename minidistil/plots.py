"""Every picture of the course, drawn from the numbers it shows. Colours: Okabe and Ito (2008), safe for all eyes."""

import io
import math
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


def guesses(
    panels: Mapping[str, Sequence[Mapping[str, Any]]], title: str, right_word: str | None = None, one_scale: bool = True
) -> "Figure":
    """Ranked words for one hole, a panel a guesser; the right word, if named, in green.

    Args:
        panels: title of each panel -> guesses as `fill_mask` returns them for one [MASK].
        one_scale: whether all panels have the same scale.
    """
    figure, axes = _figure(3.2 * len(panels), 2.6, len(panels))
    highest = max(float(guess["score"]) for panel in panels.values() for guess in panel)
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        words = [str(guess["token_str"]) for guess in panel]
        scores = [float(guess["score"]) for guess in panel]
        bars = axis.barh(range(len(words)), scores, color=[GREEN if word == right_word else BLUE for word in words])
        axis.bar_label(bars, [f"{score:.2f}" for score in scores], padding=3, fontsize=9)
        axis.set_yticks(range(len(words)), words)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.2 * (highest if one_scale else max(scores)))
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("probability")
    figure.suptitle(title)
    return figure


def won_and_lost(metrics: Mapping[str, Any]) -> "Figure":
    """What a student has of its teacher's size, time and ability, in per cent, from a run's metrics."""
    shares = {
        "parameters": metrics["student_parameters"] / metrics["teacher_parameters"],
        "time for a text": 1 / metrics["speedup"],
        "masked accuracy\nbefore training": metrics["student_masked_accuracy_before"]
        / metrics["teacher_masked_accuracy"],
        "masked accuracy\nafter training": metrics["retention"],
    }
    figure, (axis,) = _figure(7, 2.8)
    bars = axis.barh(range(4), [100 * share for share in shares.values()], color=(ORANGE, ORANGE, GREY, GREEN))
    axis.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
    axis.set_yticks(range(4), list(shares))
    axis.invert_yaxis()
    axis.axvline(100, color=BLUE, linestyle="--")
    axis.text(100, -0.75, "teacher", color=BLUE, ha="center")
    axis.set_xlim(0, 112)
    axis.set_xlabel("student, in per cent of its teacher")
    axis.set_title(
        f"{1 / metrics['speedup']:.0%} of the time, {metrics['retention']:.0%} of the accuracy", loc="left", pad=16
    )
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110, format="png")


def _smooth(values: Sequence[float], span: int = 15) -> list[float]:
    """Mean of each value and up to `span` before it."""
    return [sum(values[max(0, i - span) : i + 1]) / (i - max(0, i - span) + 1) for i in range(len(values))]


def document_lengths(lengths: Sequence[int], limit: int) -> "Figure":
    """How long documents are, frame included, on a logarithmic scale, and where the limit cuts."""
    figure, (axis,) = _figure()
    edges = [2 ** (step / 4) for step in range(4, 4 * 13)]
    for part, colour, name in (
        ([length for length in lengths if length <= limit], BLUE, "one sequence"),
        ([length for length in lengths if length > limit], ORANGE, "cut into chunks"),
    ):
        axis.hist(part, bins=edges, color=colour, label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks([2**power for power in range(2, 13)], [str(2**power) for power in range(2, 13)])
    axis.axvline(limit, color=GREY, linestyle="--", linewidth=1)
    axis.set(xlabel="tokens of a document, [CLS] and [SEP] included", ylabel="documents")
    axis.set_title(f"{sum(length <= limit for length in lengths) / len(lengths):.0%} fit into {limit} tokens")
    axis.legend(frameon=False)
    return figure


def batch_padding(lengths: Sequence[int], groupings: dict[str, Sequence[Sequence[int]]]) -> "Figure":
    """Every batch as a bar as high as its longest sequence: text below, padding above."""
    figure, axes = _figure(9, 3, len(groupings))
    for axis, (name, batches) in zip(axes, groupings.items(), strict=True):
        longest = [max(lengths[index] for index in batch) for batch in batches]
        mean = [sum(lengths[index] for index in batch) / len(batch) for batch in batches]
        axis.bar(range(len(batches)), longest, width=1, color=ORANGE, label="padding")
        axis.bar(range(len(batches)), mean, width=1, color=BLUE, label="text")
        axis.set(xlabel="batch", ylim=(0, 1.02 * max(lengths)))
        axis.set_title(f"{name}: {1 - sum(mean) / sum(longest):.0%} padding")
    axes[0].set_ylabel("tokens a sequence")
    axes[-1].legend(frameon=True, framealpha=0.9, loc="upper right")
    return figure


def padding_by_window(windows: Sequence[int], shares: Sequence[float], whole: float) -> "Figure":
    """Share of padding against the number of documents that are grouped at a time."""
    figure, (axis,) = _figure(6.5, 2.8)
    axis.plot(windows, [100 * share for share in shares], "o-", color=BLUE, label="window by window")
    axis.axhline(100 * whole, color=GREY, linestyle="--", linewidth=1, label="whole corpus grouped at once")
    axis.set_xscale("log", base=2)
    axis.set_xticks(windows, list(map(str, windows)))
    axis.minorticks_off()
    axis.set(xlabel="documents in the window", ylabel="padding (%)", ylim=(0, None))
    axis.set_title("The larger the window, the less padding")
    axis.legend(frameon=False)
    return figure


def chosen_per_batch(exact: Sequence[int], independent: Sequence[int], tokens: int, share: float) -> "Figure":
    """How many positions are chosen in a batch of `tokens`: an exact count against independent draws."""
    figure, (axis,) = _figure(7, 2.8)
    lowest, highest = min(independent), max(independent)
    axis.hist(independent, bins=[x - 0.5 for x in range(lowest, highest + 2)], density=True, color=BLUE, alpha=0.6,
              label="independent draws")  # fmt: skip
    counts = range(lowest, highest + 1)
    law = [math.comb(tokens, n) * share**n * (1 - share) ** (tokens - n) for n in counts]
    axis.plot(counts, law, color="black", linewidth=1, label="binomial law")
    axis.axvline(exact[0], color=ORANGE, linewidth=3, label=f"exact count: always {exact[0]}")
    axis.set(xlabel=f"positions chosen in a batch of {tokens} tokens", ylabel="share of batches")
    axis.set_title("The same mean; the exact count does not vary")
    axis.legend(frameon=False)
    return figure


MASK_KINDS = {
    "padding": "#FFFFFF", "special token": "#BBBBBB", "not chosen": "#DCE9F2",
    "[MASK]": BLUE, "random token": RED, "kept": GREEN,
}  # fmt: skip


def mask_map(kinds: Any, title: str, rows: str = "sequence") -> "Figure":
    """Each position of a batch as a square in the colour of its kind.

    Args:
        kinds: (B, L) integers, indices into MASK_KINDS.
        title: the finding.
        rows: what a row is.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure, (axis,) = _figure(9, 0.9 + 0.17 * len(kinds))
    colours = ListedColormap(list(MASK_KINDS.values()))
    axis.pcolormesh(kinds, cmap=colours, vmin=-0.5, vmax=len(MASK_KINDS) - 0.5, edgecolors="white", linewidth=0.4)
    axis.invert_yaxis()
    axis.set(xlabel="position", ylabel=rows, title=title)
    axis.set_yticks([])
    patches = [Patch(facecolor=colour, edgecolor=GREY, label=name) for name, colour in MASK_KINDS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=8)
    return figure


def replacement_shares(measured: dict[str, Sequence[float]], expected: Sequence[float]) -> "Figure":
    """Shares of [MASK], random and kept among the chosen tokens, measured, and the rule's own as lines."""
    figure, (axis,) = _figure(6.5, 2.8)
    names = ("[MASK]", "random token", "kept")
    width = 0.8 / len(measured)
    for place, ((name, shares), colour) in enumerate(zip(measured.items(), (BLUE, ORANGE, GREEN), strict=False)):
        left = [x - 0.4 + width * (place + 0.5) for x in range(3)]
        bars = axis.bar(left, [100 * share for share in shares], width=0.95 * width, color=colour, label=name)
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    for x, share in enumerate(expected):
        axis.hlines(100 * share, x - 0.42, x + 0.42, color="black", linewidth=1, linestyle="--")
    axis.set_xticks(range(3), names)
    axis.set(ylabel="% of the chosen tokens", ylim=(0, 95))
    axis.set_title("Both implementations keep the rule (dashed)")
    axis.legend(frameon=False)
    return figure


def smoothing(counts: Sequence[int], chosen: dict[float, Sequence[float]], examples: dict[str, int]) -> "Figure":
    """What smoothing does: the weight of one occurrence, and how often a token is hidden in all.

    Args:
        counts: of some tokens in the corpus.
        chosen: for each smoothing, how often each of those tokens was hidden.
        examples: some words and their counts, to be named in the picture.
    """
    figure, (left, right) = _figure(9, 3.2, 2)
    line = [1, max(counts)]
    for (power, hidden), colour in zip(chosen.items(), (GREY, BLUE, ORANGE), strict=False):
        left.plot(line, [count**-power for count in line], color=colour, label=f"smoothing {power:g}")
        right.plot(counts, hidden, ".", color=colour, markersize=4, alpha=0.7, label=f"smoothing {power:g}")
    for word, count in examples.items():
        left.annotate(word, (count, count**-0.7), textcoords="offset points", xytext=(2, 5), fontsize=8)
        left.plot([count], [count**-0.7], "o", color=BLUE, markersize=4)
    for axis in (left, right):
        axis.set(xscale="log", yscale="log", xlabel="occurrences of the token in the corpus")
        axis.legend(frameon=False, fontsize=8)
    left.set_ylabel("weight of one occurrence")
    left.set_title("An occurrence of a rare token weighs more")
    right.set_ylabel("times hidden in 50 epochs")
    right.set_title("In all, frequent tokens are still hidden more")
    return figure


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


def attention_maps(panels: Mapping[str, Any], tokens: Sequence[str], title: str, digits: bool = False) -> "Figure":
    """Weights as squares, a row for each query and a column for each key, a panel a head.

    Args:
        panels: what a panel shows -> its weights (L, L).
        tokens: the L tokens.
        title: the finding.
        digits: write each weight into its square.
    """
    side = max(2.4, 0.24 * len(tokens))
    figure, axes = _figure(side * len(panels) + 0.9, side + 0.9, len(panels))
    for axis, (name, weights) in zip(axes, panels.items(), strict=True):
        axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        axis.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8)
        axis.set_yticks(range(len(tokens)), tokens, fontsize=8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("key: who is asked")
        for row, column in [(i, j) for i in range(len(tokens)) for j in range(len(tokens)) if digits]:
            weight = float(weights[row][column])
            colour = "white" if weight > 0.5 else "black"
            axis.text(column, row, f"{weight:.2f}", ha="center", va="center", fontsize=9, color=colour)
    axes[0].set_ylabel("query: who asks")
    figure.suptitle(title)
    return figure


def softmax_by_width(widths: Sequence[int], measured: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """What becomes of scores, weights and gradients as vectors get wider.

    Args:
        widths: of the vectors.
        measured: what a panel shows -> a line's name -> a number for each width.
    """
    figure, axes = _figure(10.5, 3, len(measured))
    for axis, (name, lines) in zip(axes, measured.items(), strict=True):
        for (label, values), colour, marker in zip(lines.items(), (RED, BLUE), ("o-", "s-"), strict=True):
            axis.plot(widths, values, marker, color=colour, label=label)
        axis.set_xscale("log", base=4)
        axis.set_xticks(widths, list(map(str, widths)))
        axis.minorticks_off()
        axis.set(xlabel="width of the vectors", ylabel=name, ylim=(0, None))
    axes[0].legend(frameon=False)
    figure.suptitle("Divided by the root, nothing depends on the width")
    return figure


def head_profiles(panels: Mapping[str, Any]) -> "Figure":
    """One number for each head of a model, a row a layer.

    Args:
        panels: what the number is -> (layers, heads).
    """
    figure, axes = _figure(2.6 * len(panels) + 0.8, 2.2, len(panels))
    for axis, (name, numbers) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(numbers, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("head")
        axis.set_xticks(range(0, len(numbers[0]), 2))
        axis.set_yticks(range(len(numbers)))
    axes[0].set_ylabel("layer")
    figure.colorbar(image, ax=axes, label="mean weight", shrink=0.8)
    return figure


def cost_by_length(lengths: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> "Figure":
    """Time or memory over the length of the sequence, both on logarithmic scales.

    Args:
        lengths: in tokens.
        panels: a panel's axis, with its unit -> a line's name -> a number for each length.
        title: the finding.
    """
    figure, axes = _figure(10.5, 3, len(panels))
    for axis, (name, lines) in zip(axes, panels.items(), strict=True):
        for (label, values), colour, marker in zip(lines.items(), (RED, BLUE), ("o-", "s-"), strict=True):
            axis.plot(lengths, values, marker, color=colour, label=label)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(lengths, list(map(str, lengths)))
        axis.set(xlabel="length (tokens)", ylabel=name)
    axes[0].legend(frameon=False)
    figure.suptitle(title)
    return figure


SKY, PURPLE = "#56B4E9", "#CC79A7"


def small_matrices(matrices: Mapping[str, Any], rows: Sequence[str], title: str) -> "Figure":
    """A few small matrices side by side, every number written into its field; blue is negative, red positive."""
    figure, axes = _figure(2.3 * len(matrices), 0.9 + 0.38 * len(rows), len(matrices))
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=True):
        axis.imshow(matrix.tolist(), cmap="RdBu_r", vmin=-6, vmax=6, aspect="auto")
        for row, values in enumerate(matrix.tolist()):
            for column, value in enumerate(values):
                axis.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=10)
        axis.set_title(name, fontsize=11)
        axis.set(xticks=[], yticks=[])
    axes[0].set_yticks(range(len(rows)), rows)
    axes[0].set_xlabel("features")
    figure.suptitle(title)
    return figure


def curves(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    xlabel: str,
    title: str,
    log_from: float | None = None,
) -> "Figure":
    """Up to five named curves a panel, all over the same x.

    Args:
        panels: label of each panel's y axis -> name of each curve -> its values.
        log_from: makes the y axes logarithmic; smaller values are left out.
    """
    figure, axes = _figure(4.4 * max(len(panels), 1.5), 3.4, len(panels))
    for axis, (label, lines) in zip(axes, panels.items(), strict=True):
        looks = zip((BLUE, ORANGE, GREEN, RED, GREY), ("-", "--", "-.", ":", "-"), strict=True)
        for (name, values), (colour, style) in zip(lines.items(), looks, strict=False):
            axis.plot(x, values, color=colour, linestyle=style, linewidth=2, label=name)
        axis.set(xlabel=xlabel, ylabel=label)
        if log_from is not None:
            axis.set(yscale="log", ylim=(log_from, None))
        axis.legend(frameon=False, fontsize=9)
    figure.suptitle(title)
    return figure


def position_similarity(similarity: Any, title: str) -> "Figure":
    """Cosine of each position vector with each other, and its mean over all pairs of the same distance.

    Args:
        similarity: (P, P).
    """
    figure, (left, right) = _figure(9, 3.6, 2)
    image = left.imshow(similarity.tolist(), cmap="viridis", vmin=-0.2, vmax=1)
    left.set(xlabel="position", ylabel="position")
    figure.colorbar(image, ax=left, label="cosine", shrink=0.9)
    distances = range(len(similarity) // 2)
    right.plot(distances, [float(similarity.diagonal(distance).mean()) for distance in distances], color=BLUE)
    right.axhline(0, color=GREY, linewidth=1, linestyle="--")
    right.set(xlabel="distance of two positions (tokens)", ylabel="mean cosine")
    figure.suptitle(title)
    return figure


def shares(bars: Mapping[str, Mapping[str, float]], unit: str, title: str) -> "Figure":
    """A stacked bar for each thing, a colour for each part, with its size where there is room for the number."""
    figure, (axis,) = _figure(9, 1.5 + 0.5 * len(bars))
    parts = list(dict.fromkeys(part for sizes in bars.values() for part in sizes))
    highest = max(sum(sizes.values()) for sizes in bars.values())
    left = dict.fromkeys(bars, 0.0)
    for part, colour in zip(parts, (BLUE, SKY, PURPLE, ORANGE, GREEN, GREY, RED), strict=False):
        sizes = {name: float(bars[name].get(part, 0)) for name in bars}
        drawn = axis.barh(list(bars), list(sizes.values()), left=list(left.values()), color=colour, label=part)
        labels = [f"{size:.3g}" if size > 0.04 * highest else "" for size in sizes.values()]
        axis.bar_label(drawn, labels, label_type="center", color="white" if colour == BLUE else "black")
        left = {name: left[name] + size for name, size in sizes.items()}
    axis.invert_yaxis()
    axis.set(xlabel=unit, title=title)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure
