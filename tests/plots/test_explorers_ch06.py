"""Explorers of chapter 6: a control that is moved changes the numbers in the picture."""

from minidistil.plots.explorer import explorer
from minidistil.plots.explorers_ch06 import hump_fits, one_position, truth_by_examples
from tests.plots.drawn import heights, xs, ys


def test_weights_and_temperature_at_one_position() -> None:
    def at(temperature: float, ce: float, mlm: float, cos: float) -> dict[str, object]:
        return {
            "teacher": [0.5, 0.5], "student": [1 / temperature, 1 - 1 / temperature],
            "terms": {"ce": 1.0, "mlm": 2.0, "cos": 3.0}, "push": {"ce": [ce, -ce], "mlm": [mlm, -mlm]},
        }  # fmt: skip

    shown = explorer(
        one_position(["a", "b"], at), temperature=(1.0, 8.0), ce=(0.0, 9.0), mlm=(0.0, 9.0), cos=(0.0, 9.0)
    )
    assert shown.figure.get_suptitle() == "loss = 5 x 1.000 + 2 x 2.000 + 1 x 3.000 = 12.000"
    shown.controls["mlm"].value = 3.0
    assert shown.figure.get_suptitle().endswith(" = 14.000")
    assert heights(shown.figure.axes[1]) == [5, -5, 3, -3]
    shown.controls["temperature"].value = 4.0
    assert heights(shown.figure.axes[0]) == [0.5, 0.5, 0.25, 0.75]


def test_the_direction_of_kl_chooses_the_student() -> None:
    def best(apart: float, left: float, width: float, direction: str) -> tuple[list[float], list[float], float]:
        return [left, 1 - left], [1.0, 0.0] if direction.startswith("student") else [0.5, 0.5], apart / 10

    both = ["teacher || student", "student || teacher"]
    shown = explorer(hump_fits(best), apart=(0, 30), left=(0.1, 0.9), width=(1.0, 5.0), direction=both)
    assert shown.figure.get_suptitle() == "least KL(teacher || student) = 1.90 nats"
    assert ys(shown.figure.axes[0].lines[0]) == [0.5, 0.5]
    shown.controls["direction"].value = both[1]
    shown.controls["apart"].value = 25
    assert shown.figure.get_suptitle() == "least KL(student || teacher) = 2.50 nats"
    assert (xs(shown.figure.axes[0].lines[0]), ys(shown.figure.axes[0].lines[0])) == ([0, 1], [1, 0])


def test_a_student_beside_the_truth() -> None:
    words = ["x", "cat", "dog"]
    truth = {"a [MASK]": [0.0, 0.75, 0.25], "the [MASK]": [0.0, 0.5, 0.5]}
    guesses = {
        ("text", 25): [[0.5, 0.375, 0.125], [0.0, 0.5, 0.5]],
        ("truth", 25): [[0.0, 0.75, 0.25], [0.0, 0.5, 0.5]],
        ("truth", 100): [[0.0, 0.75, 0.25], [0.75, 0.125, 0.125]],
        ("text", 100): [[1.0, 0.0, 0.0]] * 2,
    }
    draw = truth_by_examples(words, truth, guesses, dict.fromkeys(guesses, 0.4))
    shown = explorer(draw, hole=list(truth), sentences=[25, 100], targets=["text", "truth"])
    told = "25 sentences, learned from: text\n0.69 nats from the truth at this hole, 0.40 on average"  # ln 2
    assert shown.figure.get_suptitle() == told
    assert heights(shown.figure.axes[0]) == [0.75, 0.25, 0, 0.375, 0.125, 0.5]  # cat, dog, x: as the truth orders them
    shown.controls["targets"].value = "truth"
    shown.controls["sentences"].value = 100
    shown.controls["hole"].value = "the [MASK]"
    assert heights(shown.figure.axes[0]) == [0.5, 0.5, 0, 0.125, 0.125, 0.75]
    assert shown.figure.get_suptitle().startswith("100 sentences, learned from: truth\n1.39 nats")  # ln 4
