"""Chapter 2 in pictures: lengths, batches, masks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, RED, Figure, log_ticks, new_figure


def document_lengths(lengths: Sequence[int], limit: int) -> Figure:
    """A histogram of the lengths of documents, [CLS] and [SEP] included, on a logarithmic scale."""
    figure, (axis,) = new_figure()
    edges = [2 ** (step / 4) for step in range(4, 4 * 13)]
    for part, colour, name in (
        ([length for length in lengths if length <= limit], BLUE, "one sequence"),
        ([length for length in lengths if length > limit], ORANGE, "cut into chunks"),
    ):
        axis.hist(part, bins=edges, color=colour, label=name)
    log_ticks(axis, [2**power for power in range(2, 13)])
    axis.axvline(limit, color=GREY, linestyle="--", linewidth=1)
    axis.set(xlabel="tokens of a document, [CLS] and [SEP] included", ylabel="documents")
    axis.set_title(f"{sum(length <= limit for length in lengths) / len(lengths):.0%} fit into {limit} tokens")
    axis.legend(frameon=False)
    return figure


def batch_padding(lengths: Sequence[int], groupings: Mapping[str, Sequence[Sequence[int]]]) -> Figure:
    """A bar for each batch, as high as its longest sequence: text below, padding above."""
    figure, axes = new_figure(9, 3.3, len(groupings))
    for axis, (name, batches) in zip(axes, groupings.items(), strict=True):
        longest = [max(lengths[index] for index in batch) for batch in batches]
        mean = [sum(lengths[index] for index in batch) / len(batch) for batch in batches]
        axis.bar(range(len(batches)), longest, width=1, color=ORANGE, label="padding")
        axis.bar(range(len(batches)), mean, width=1, color=BLUE, label="text")
        axis.set(xlabel="batch", ylim=(0, 1.02 * max(lengths)))
        axis.set_title(f"{name}: {1 - sum(mean) / sum(longest):.0%} padding")
    axes[0].set_ylabel("tokens a sequence")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def padding_by_window(windows: Sequence[int], shares: Sequence[float], whole: float) -> Figure:
    """The fraction of padding by the number of documents that are grouped at a time."""
    figure, (axis,) = new_figure(6.5, 2.8)
    axis.plot(windows, [100 * share for share in shares], "o-", color=BLUE, label="window by window")
    axis.axhline(100 * whole, color=GREY, linestyle="--", linewidth=1, label="whole corpus grouped at once")
    log_ticks(axis, windows)
    axis.minorticks_off()
    axis.set(xlabel="documents in the window", ylabel="padding (%)", ylim=(0, None))
    axis.set_title("The larger the window, the less padding")
    axis.legend(frameon=False)
    return figure


def chosen_per_batch(exact: Sequence[int], independent: Sequence[int], tokens: int, share: float) -> Figure:
    """How many positions of a batch are chosen: an exact count compared with independent draws."""
    figure, (axis,) = new_figure(7, 2.8)
    lowest, highest = min(independent), max(independent)
    axis.hist(independent, bins=[x - 0.5 for x in range(lowest, highest + 2)], density=True, color=BLUE, alpha=0.6,
              label="independent draws")  # fmt: skip
    counts = range(lowest, highest + 1)
    logs = [math.log(math.comb(tokens, n)) + n * math.log(share) + (tokens - n) * math.log1p(-share) for n in counts]
    axis.plot(counts, list(map(math.exp, logs)), color="black", linewidth=1, label="binomial law")
    axis.axvline(exact[0], color=ORANGE, linewidth=3, label=f"exact count: always {exact[0]}")
    axis.set(xlabel=f"positions chosen in a batch of {tokens} tokens", ylabel="share of batches")
    axis.set_title("The same mean; the exact count does not vary")
    axis.legend(frameon=False)
    return figure


MASK_KINDS = {
    "padding": "#FFFFFF", "special token": "#BBBBBB", "not chosen": "#DCE9F2",
    "[MASK]": BLUE, "random token": RED, "kept": GREEN,
}  # fmt: skip


def mask_map(kinds: Any, title: str, rows: str = "sequence") -> Figure:
    """A square for each position of a batch, in the colour of its kind.

    Args:
        kinds: (B, L) integers, indices into MASK_KINDS.
        rows: what a row is.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure, (axis,) = new_figure(9, 0.9 + 0.17 * len(kinds))
    colours = ListedColormap(list(MASK_KINDS.values()))
    axis.pcolormesh(kinds, cmap=colours, vmin=-0.5, vmax=len(MASK_KINDS) - 0.5, edgecolors="white", linewidth=0.4)
    axis.invert_yaxis()
    axis.set(xlabel="position", ylabel=rows, title=title)
    axis.set_yticks([])
    patches = [Patch(facecolor=colour, edgecolor=GREY, label=name) for name, colour in MASK_KINDS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=8)
    return figure


def replacement_shares(measured: Mapping[str, Sequence[float]], expected: Sequence[float]) -> Figure:
    """The fractions of [MASK], random and kept tokens among the chosen ones, and the expected ones as lines."""
    figure, (axis,) = new_figure(6.5, 2.8)
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


def smoothing(counts: Sequence[int], chosen: Mapping[float, Sequence[float]], examples: Mapping[str, int]) -> Figure:
    """What smoothing does: the weight of one occurrence, and how often a token is masked in total.

    Args:
        counts: of some tokens in the corpus.
        chosen: smoothing -> how often each of these tokens was masked.
        examples: word -> count, to be named in the picture.
    """
    figure, (left, right) = new_figure(9, 3.2, 2)
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
    right.set_title("With 0.7, frequent tokens are still hidden more")
    return figure
