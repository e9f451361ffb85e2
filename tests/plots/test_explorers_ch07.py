"""The explorer of chapter 7: other layers, other numbers."""

from minidistil.plots.explorer import explorer
from minidistil.plots.explorers_ch07 import layers_to_keep
from tests.plots.drawn import words, xs

MEASURED: dict[str, dict[tuple[int, ...], float]] = {
    "before": {(0, 2, 4): 0.5, (3, 4, 5): 0.1, (0, 1, 2): 0.6},
    "after": {(0, 2, 4): 0.75},
}


def test_other_layers_show_their_own_accuracy_and_rank() -> None:
    shown = explorer(layers_to_keep(6, MEASURED), layers=["0 1 2", "0 2 4", "3 4 5"])
    left, right = shown.figure.axes
    assert shown.figure.get_suptitle().startswith("Layers 0 2 4: 50% of the teacher's accuracy before training, rank 2")
    assert words(right.texts) == ["50%", "75%"]
    assert words(left.texts).count("layer 4") == 1
    shown.controls["layers"].value = "3 4 5"
    left, right = shown.figure.axes
    assert shown.figure.get_suptitle().endswith("10% of the teacher's accuracy before training, rank 3 of 3")
    assert [xs(line) for line in right.lines if line.get_marker() == "D"] == [[10.0]]
    assert words(right.texts) == ["10%", "these were not trained"]
