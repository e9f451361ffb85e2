"""Chapter 7 in pictures: which layers a student copies, and how similar it is to its teacher."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidistil.plots.style import BLUE, GREEN, GREY, ORANGE, Figure, new_figure, row_names, write_numbers


def layer_choices(choices: Mapping[str, Sequence[int]], num_hidden_layers: int, title: str) -> Figure:
    """A row for each choice: the layers of the teacher, the copied ones filled, with their number in the student."""
    figure, (axis,) = new_figure(7.5, 0.9 + 0.36 * len(choices))
    for row, layers in enumerate(choices.values()):
        for layer in range(num_hidden_layers):
            taken = layer in layers
            axis.scatter(layer, row, s=330, marker="s", color=BLUE if taken else "#e6e6e6")
            if taken:
                axis.text(layer, row, str(layers.index(layer)), color="white", ha="center", va="center", weight="bold")
    row_names(axis, list(choices))
    axis.set_xticks(range(num_hidden_layers))
    axis.set(xlabel="layer of the teacher (in the square: of the student)", title=title)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def layer_likeness(panels: Mapping[str, Any], title: str) -> Figure:
    """Mean cosines of hidden states as heat maps, with a frame around the largest of each row if it is above 0.2.

    Args:
        panels: title of a panel -> (S, T): a row for each state of the student, a column for each of the teacher.
    """
    from matplotlib.patches import Rectangle

    figure, axes = new_figure(4.2 * len(panels), 3.3, len(panels), title=title)
    for axis, (name, matrix) in zip(axes, panels.items(), strict=True):
        rows = [[float(value) for value in row] for row in matrix]
        image = axis.imshow(rows, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        write_numbers(axis, rows, ".2f", lambda cosine: cosine < 0.6)
        for y, row in enumerate(rows):
            if max(row) > 0.2:  # below that, nothing is similar
                corner = row.index(max(row)) - 0.47, y - 0.46
                axis.add_patch(Rectangle(corner, 0.94, 0.92, fill=False, edgecolor=ORANGE, linewidth=2.5))
        axis.set_xticks(range(len(rows[0])), ["emb", *range(len(rows[0]) - 1)])
        axis.set_yticks(range(len(rows)), ["emb", *range(len(rows) - 1)])
        axis.set(xlabel="after layer … of the teacher", title=name)
    axes[0].set_ylabel("after layer … of the student")
    figure.colorbar(image, ax=axes, label="mean cosine", shrink=0.9)
    return figure


def ranked(values: Mapping[str, float], marked: Mapping[str, str], xlabel: str, title: str) -> Figure:
    """Bars from the largest value to the smallest.

    Args:
        marked: name of a highlighted bar -> what to write beside it.
    """
    order = sorted(values, key=lambda name: -values[name])
    figure, (axis,) = new_figure(7.5, 0.8 + 0.2 * len(order))
    axis.barh(order, [values[name] for name in order], color=[BLUE if name in marked else "#bbbbbb" for name in order])
    for name in order:
        axis.text(values[name], name, f" {marked.get(name, '')}", va="center", fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.25 * max(values.values()))
    axis.tick_params(axis="y", labelsize=9)
    axis.set(xlabel=xlabel, title=title)
    return figure


def before_and_after(
    before: Mapping[str, float], after: Mapping[str, float], goal: float, xlabel: str, title: str
) -> Figure:
    """An arrow for each name from its value before training to its value after; `goal` is the teacher's value."""
    figure, (axis,) = new_figure(7.5, 1.1 + 0.38 * len(before))
    arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 2}
    for row, name in enumerate(before):
        axis.annotate("", (after[name], row), (before[name], row), arrowprops=arrow)
    axis.plot(list(before.values()), range(len(before)), "o", color=GREY, label="before training")
    axis.plot(list(after.values()), range(len(before)), "D", color=BLUE, label="after")
    axis.axvline(goal, color=GREEN, linestyle="--", label="teacher")
    row_names(axis, list(before))
    axis.set_xlim(left=0)
    axis.set(xlabel=xlabel, title=title)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
