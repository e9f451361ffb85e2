"""Chapter 7, to be moved: which layers a student keeps, and how much of its teacher's accuracy it then has."""

from collections.abc import Callable, Mapping

from minidistil.plots.drawing import ROLES
from minidistil.plots.style import BLUE, ORANGE, Figure, new_figure, row_names


def layers_to_keep(count: int, measured: Mapping[str, Mapping[tuple[int, ...], float]]) -> Callable[..., Figure]:
    """A teacher's layers, the chosen ones filled, beside what students made of them were measured to keep.

    Args:
        count: layers of the teacher.
        measured: when -> layers of a student -> its accuracy as a fraction of the teacher's. The first has all choices.
    """
    everything = next(iter(measured.values()))

    def draw(layers: str = "0 2 4") -> Figure:
        chosen = tuple(map(int, layers.split()))
        rank = sorted(everything.values(), reverse=True).index(everything[chosen]) + 1
        title = f"Layers {layers}: {everything[chosen]:.0%} of the teacher's accuracy before training, rank {rank} of "
        figure, (left, right) = new_figure(9, 2.8, 2, title=title + str(len(everything)))
        for layer in range(count):
            filling, frame, line = ROLES["teacher" if layer in chosen else "dropped"]
            left.bar(0.5, 0.8, 0.8, layer - 0.4, color=filling, edgecolor=frame, linestyle=line)
            left.text(0.5, layer, f"layer {layer}", ha="center", va="center")
            if layer in chosen:
                left.annotate("", (1.4, chosen.index(layer) * 2), (0.95, layer), arrowprops={"arrowstyle": "-|>"})
        filling, frame, _ = ROLES["student"]
        for place in range(len(chosen)):
            left.bar(1.8, 0.8, 0.8, 2 * place - 0.4, color=filling, edgecolor=frame)
            left.text(1.8, 2 * place, f"layer {place}", ha="center", va="center")
        left.set_axis_off()
        left.set_ylim(-0.6, count - 0.4)
        for row, values in enumerate(measured.values()):
            right.plot([100 * value for value in values.values()], [row] * len(values), "|", color="#999999")
            if chosen in values:
                right.plot(100 * values[chosen], row, "D", color=ORANGE)
                right.text(100 * values[chosen] + 2, row - 0.1, f"{values[chosen]:.0%}", va="bottom")
            else:
                right.text(1, row - 0.1, "these were not trained", va="bottom", fontsize=9, color="#666666")
        row_names(right, list(measured))
        right.axvline(100, color=BLUE, linestyle="--")
        right.set(xlim=(0, 108), xlabel="% of the teacher's masked accuracy")
        return figure

    return draw
