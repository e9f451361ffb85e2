"""Chapter 7, drawn: which layers are kept, where each tensor comes from, what a missing layer changes."""

from collections.abc import Mapping, Sequence

from minidistil.plots.drawing import arrow, box, sheet, write
from minidistil.plots.style import Figure


def layers_kept(layers: Sequence[int], count: int, parameters: Mapping[str, int]) -> Figure:
    """BERT with `count` layers beside its student, layer by layer; what the student does not have is dotted.

    Args:
        layers: of the teacher, which the student keeps.
        parameters: how many there are in "embeddings", "token types", one "layer" and "head".
    """
    both = parameters["embeddings"] + parameters["head"]
    teacher = both + parameters["token types"] + count * parameters["layer"]
    student = both + len(layers) * parameters["layer"]
    top = 9.2 + 3.6 * count
    figure, axis = sheet(
        74, top + 11.5,
        f"A teacher of {count} layers and {teacher:,} parameters beside its student, which keeps its embeddings, its "
        f"head and the layers {', '.join(map(str, layers))}: {student:,} parameters. Token types and pooler go.",
    )  # fmt: skip
    for x, name, size in ((1, "teacher", teacher), (46, "student", student)):
        write(axis, x, top + 9.6, f"{name}: {size / 1e6:.1f} M", size=11, weight="bold")
        for y, part in ((5, "embeddings"), (top, "head")):
            box(axis, x, y, 25, 3, f"{part}, {parameters[part] / 1e6:.2f} M", name, size=10)
            arrow(axis, (26, y + 1.5), (46, y + 1.5))
    for y, part in ((1, "token types"), (top + 3.9, "pooler, next sentence")):
        box(axis, 1, y, 25, 3, part, "dropped", size=10, color="#555555")
    below = 8.0
    for layer in range(count):
        y = 8.9 + 3.6 * layer
        role = "teacher" if layer in layers else "dropped"
        box(axis, 1, y, 25, 3, f"layer {layer}", role, size=10, color="black" if layer in layers else "#555555")
        if layer in layers:
            arrow(axis, (26, y + 1.5), (46, y + 1.5))
            label = f"layer {list(layers).index(layer)}, {parameters['layer'] / 1e6:.2f} M"
            box(axis, 46, y, 25, 3, label, "student", size=10)
            axis.plot([58.5, 58.5], [below, y], color="#555555", linewidth=1.3)
            below = y + 3
    axis.plot([58.5, 58.5], [below, top], color="#555555", linewidth=1.3)
    return figure


def tensor_sources(
    teacher: Mapping[str, object], student: Mapping[str, object], sources: Mapping[str, str], added: Mapping[str, str]
) -> Figure:
    """Each tensor of a small student with an arrow from the teacher's tensor that it is a copy of.

    Args:
        teacher, student: name -> values.
        sources: name in the student -> name in the teacher.
        added: name in the student -> name in the teacher of the tensor whose row 0 is added to the copy.
    """
    high = 6.2 * len(teacher)
    figure, axis = sheet(
        76, high + 5,
        "; ".join(f"the student's {name} is a copy of the teacher's {source}" for name, source in sources.items())
        + "".join(f"; row 0 of {source} is added to {name}" for name, source in added.items()),
    )  # fmt: skip
    middles = {}
    for x, role, tensors in ((1, "teacher", teacher), (45, "student", student)):
        write(axis, x, high + 2.6, role, size=11, weight="bold")
        for place, (name, values) in enumerate(tensors.items()):
            y = high - 4.6 - place * (high - 5.4) / (len(tensors) - 1)
            copied = role == "student" or name in sources.values()
            short = name.removeprefix("encoder.").removesuffix(".weight")
            box(axis, x, y, 30, 5.4, f"{short}\n{values}", role if copied else "dropped", size=10, color="black")
            middles[role, name] = y + 2.7
    for name, source in sources.items():
        arrow(axis, (31, middles["teacher", source]), (45, middles["student", name]))
    for name, source in added.items():
        start, end = (31, middles["teacher", source]), (45, middles["student", name] - 1.5)
        arrow(axis, start, end, linestyle="--", color="#D55E00")
        write(axis, 39.5, sum((start[1], end[1])) / 2 - 2, "+ row 0", size=10)
    return figure


def missing_layers(layers: Sequence[int], cosines: Sequence[Sequence[float]]) -> Figure:
    """A teacher's hidden states in a row; past the layers that a student lacks, an arrow with the states' cosine.

    Args:
        cosines: (N + 1, N + 1), of each state with each: after the embeddings and after each of N layers.
    """
    count = len(cosines) - 1
    missing = [layer for layer in range(count) if layer not in layers]
    figure, axis = sheet(
        12 * count + 8, 20,
        "Hidden states 0 to " + str(count) + " with the layers between them. "
        + " ".join(
            f"Without layer {layer}, state {layer} stands for state {layer + 1}: "
            f"cosine {cosines[layer][layer + 1]:.2f}." for layer in missing
        ),
    )  # fmt: skip
    for state in range(count + 1):
        box(axis, 1 + 12 * state, 5, 4.5, 4, str(state), "number", size=11)
    for layer in range(count):
        x = 5.5 + 12 * layer
        role = "teacher" if layer in layers else "dropped"
        box(axis, x + 1.5, 4, 4.6, 6, f"layer\n{layer}", role, size=9, color="#333333")
        if layer in layers:
            arrow(axis, (x, 7), (x + 1.6, 7), mutation_scale=7)
            arrow(axis, (x + 6, 7), (x + 7.5, 7), mutation_scale=7)
        else:
            arrow(axis, (x - 2.2, 9), (x + 9.7, 9), bend=-0.5)
            write(axis, x + 3.7, 14.5, f"{cosines[layer][layer + 1]:.2f}", ha="center", size=11)
    write(axis, 1, 18, "cosine of the states before and after a missing layer", size=10)
    write(axis, 1, 1.8, "numbered squares: hidden states of the teacher", size=10)
    return figure
