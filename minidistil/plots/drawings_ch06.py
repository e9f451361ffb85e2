"""Chapter 6, drawn: what each loss reads, a temperature at work, the two directions of KL."""

from collections.abc import Mapping, Sequence
from math import exp

from minidistil.plots.drawing import ROLES, arrow, box, cells, sheet, write
from minidistil.plots.style import Figure

Position = Mapping[str, Sequence[float]]


def three_losses(
    tokens: Sequence[str], label: str, teacher: Position, student: Position, terms: Mapping[str, float],
    weights: Mapping[str, float],
) -> Figure:  # fmt: skip
    """Teacher and student on one masked text, and where each of the three losses reads.

    Args:
        label: the word that [MASK] stands for.
        teacher, student: "state" and "probabilities" of the masked position.
        terms, weights: ce, mlm and cos -> its value and its factor in the sum.
    """
    total = sum(weights[name] * terms[name] for name in weights)
    figure, axis = sheet(
        70, 52,
        "Teacher and student read the same masked text. L_cos compares their hidden states, L_ce their probabilities; "
        f"L_mlm compares the student's probabilities with the word of the text, {label}. The sum is {total:.3f}.",
    )  # fmt: skip
    box(axis, 2, 1, 66, 4, " ".join(tokens), "text", size=11)
    for x, inward, role, values in ((2, 1, "teacher", teacher), (45, -1, "student", student)):
        middle = x + 11.5
        for low, height, part in ((8.0, 7.0, "encoder"), (25.0, 4.4, "head")):
            box(axis, x, low, 23, height, f"{role}: {part}", role, size=11)
        for low, kind, width in ((18.0, "state", 14), (32.4, "probabilities", 23)):
            shown = [f"{value:.3g}" for value in values[kind]]
            cells(axis, middle - width / 2, low, shown, role, width / len(shown), 3.6)
            arrow(axis, (middle + inward * width / 2, low + 1.8), (35 - inward * 7, low + 1.8))
        for low, high in ((5.0, 8.0), (15.0, 18.0), (21.6, 25.0), (29.4, 32.4)):
            arrow(axis, (middle, low), (middle, high))
    for name, left, y in (("cos", 28, 17.3), ("ce", 28, 31.7), ("mlm", 49.5, 42)):
        box(axis, left, y, 14, 5, f"$L_{{{name}}}$ = {terms[name]:.3f}", "loss", size=10.5)
    arrow(axis, (56.5, 36), (56.5, 42))
    box(axis, 28, 42, 14, 5, f"text: {label}", "text", size=11)
    arrow(axis, (42, 44.5), (49.5, 44.5))
    write(axis, 35, 24, "hidden states", ha="center", size=10)
    write(axis, 35, 38.4, "probabilities", ha="center", size=10)
    parts = " + ".join(f"{weights[name]:g} $L_{{{name}}}$" for name in weights)
    write(axis, 2, 49.7, f"loss = {parts} = {total:.3f}", size=11)
    return figure


def temperatures(words: Sequence[str], logits: Sequence[float], values: Sequence[float]) -> Figure:
    """One row of logits divided by each temperature of `values`, and the probabilities that a softmax makes of it."""
    top = 4 * len(words)
    figure, axis = sheet(
        15 + 28 * len(values), top + 6.5,
        "The logits of one position divided by the temperatures " + ", ".join(f"{value:g}" for value in values)
        + ": the higher the temperature, the more alike the probabilities.",
    )  # fmt: skip
    rows = [top - 3.5 - 4 * place for place in range(len(words))]
    write(axis, 11, top + 1.5, "logit z", ha="center", size=10)
    for word, logit, y in zip(words, logits, rows, strict=True):
        write(axis, 6.5, y + 1.7, word, ha="right", size=11)
        box(axis, 7.5, y, 7, 3.4, f"{logit:.2f}", "number", size=10)
    for x, temperature in zip(range(18, 99, 28), values, strict=False):
        write(axis, x, top + 4.7, f"T = {temperature:g}", size=11, weight="bold")
        write(axis, x + 3.5, top + 1.5, "z / T", ha="center", size=10)
        write(axis, x + 10, top + 1.5, "softmax", size=10)
        powers = [exp(logit / temperature) for logit in logits]
        for logit, power, y in zip(logits, powers, rows, strict=True):
            share = power / sum(powers)
            box(axis, x, y, 7, 3.4, f"{logit / temperature:.2f}", "number", size=10)
            arrow(axis, (x + 7, y + 1.7), (x + 10, y + 1.7))
            box(axis, x + 10, y, 14 * share, 3.4, "", "teacher")
            write(axis, x + 10.6 + 14 * share, y + 1.7, f"{share:.3f}", size=10)
    return figure


def kl_directions(
    teacher: Sequence[float], students: Mapping[str, Sequence[float]], costs: Mapping[str, Sequence[float]]
) -> Figure:
    """Teacher above, student below, a panel for each direction of KL; arrows start at the peaks of its weights.

    Args:
        students: name -> probabilities, first the best for KL(teacher || student), then for KL(student || teacher).
        costs: name -> KL(teacher || student) and KL(student || teacher).
    """
    figure, axis = sheet(
        74, 42,
        "KL(teacher || student) is weighted by the teacher, so its best student covers both humps; "
        "KL(student || teacher) is weighted by the student, so its best student chooses one hump.",
    )  # fmt: skip
    tall = 10 / max(max(teacher), *map(max, students.values()))
    for x, weighs, other, (name, student) in zip(
        (1, 40), ("teacher", "student"), ("student", "teacher"), students.items(), strict=True
    ):
        places = [x + 33 * (place + 0.5) / len(teacher) for place in range(len(teacher))]
        for role, values, floor in (("teacher", teacher, 25), ("student", student, 12)):
            fill, frame, _ = ROLES[role]
            heights = [floor + tall * value for value in values]
            axis.fill_between(places, floor, heights, step="mid", facecolor=fill, edgecolor=frame, linewidth=1.3)
            write(axis, x + 33, floor + 8.5, role, ha="right", size=10)
        weights = teacher if weighs == "teacher" else student
        for place in range(1, len(weights) - 1):
            if weights[place - 1] < weights[place] >= weights[place + 1]:
                ends = (places[place], 24.7), (places[place], 12.3 + tall * student[place])
                arrow(axis, *(ends if weighs == "teacher" else ends[::-1]), linewidth=2)
        write(axis, x, 40, f"KL({weighs} || {other})", size=11, weight="bold")
        write(axis, x, 37.3, f"weighted by the {weighs}", size=10)
        write(axis, x, 9, f"best student: {name}", size=11)
        for y, order, cost in zip((5.5, 2.5), ("teacher || student", "student || teacher"), costs[name], strict=True):
            bold = "bold" if order.startswith(weighs) else "normal"
            write(axis, x, y, f"KL({order}) = {cost:.2f}", size=10, weight=bold)
    return figure
