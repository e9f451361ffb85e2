"""Drawings of chapters 6 to 8 show what they were given, and no text covers another or is cut off."""

from collections.abc import Callable
from typing import Any

import pytest

from minidistil import plots
from tests.plots.drawn import axes_of, shows

STATES = {"state": [3.0, 4.0], "probabilities": [0.5, 0.25, 0.125, 0.125]}
HUMPS = [0.05, 0.45, 0.05, 0.35, 0.1]
COSINES = [[max(0.0, 1 - abs(row - column) / 5) for column in range(7)] for row in range(7)]
PARTS = {"embeddings": 23_835_648, "token types": 1_536, "layer": 7_087_872, "head": 622_650}
DRAWINGS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "three losses": (
        lambda: plots.three_losses(
            ["the", "small", "[MASK]"], "cat", STATES, STATES | {"state": [5.0, 0.0]},
            {"ce": 0.1733, "mlm": 1.3863, "cos": 0.4}, {"ce": 5.0, "mlm": 2.0, "cos": 1.0},
        ),
        ["the small [MASK]", "text: cat", "3", "4", "5", "0", "0.5", "0.125", "$L_{ce}$ = 0.173", "…= 4.039"],
    ),
    "temperatures": (
        lambda: plots.temperatures(["cat", "dog"], [0.0, -2.0], [1, 2]),
        ["cat", "dog", "T = 2", "-2.00", "-1.00", "0.881", "0.119", "0.731", "0.269"],
    ),
    "directions": (
        lambda: plots.kl_directions(
            HUMPS, {"one": [0.2] * 5, "other": [0.1, 0.6, 0.1, 0.1, 0.1]}, {"one": [0.62, 1.36], "other": [9.9, 0.51]}
        ),
        ["best student: one", "best student: other", "KL(teacher || student) = 0.62", "KL(student || teacher) = 0.51"],
    ),
    "layers": (
        lambda: plots.layers_kept((0, 2, 4, 7, 9, 11), 12, PARTS),
        ["layer 11", "layer 5, 7.09 M", "head, 0.62 M", "teacher: 109.5 M", "student: 67.0 M", "pooler, next sentence"],
    ),
    "tensors": (
        lambda: plots.tensor_sources(
            {"a": [1], "position": [[1, 0]], "type": [[3, -1]], "b": [7]}, {"a": [1], "position": [[4, -1]]},
            {"a": "a", "position": "position"}, {"position": "type"},
        ),
        ["type\n[[3, -1]]", "position\n[[4, -1]]", "+ row 0"],
    ),
    "missing layers": (lambda: plots.missing_layers((0, 2, 4), COSINES), ["layer\n5", "6", "0.80"]),
    "step": (
        lambda: plots.one_step([1.0, 2.0], [0.3, -40.0], [0.015, -2.0], [0.9, 2.1]),
        ["1", "2", "0.3", "-40", "0.015", "-2", "0.9", "2.1", "3. clip"],
    ),
    "accumulation": (
        lambda: plots.accumulation([120, 93, 99], [1.5, 2.25, 3.0]),
        ["micro-batch\n2: 93\nmasked tokens", "norm 2.25", "+ $g_3$ / 3"],
    ),
    "checkpoint": (
        lambda: plots.checkpoint_parts("step-24", {"model": 5000, "exp_avg": 5000, "exp_avg_sq": 5000}, 24),
        ["step-24", "weights\nmodel\n5,000 numbers", "step 24"],
    ),
    "processes": (lambda: plots.data_parallel([[0, 2], [1, 3]]), ["process 1", "0", "1", "2", "3"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_shows_what_it_was_given(name: str) -> None:
    draw, expected = DRAWINGS[name]
    shows(draw(), expected)


def test_boxes_of_a_checkpoint_are_as_wide_as_their_numbers() -> None:
    (axis,) = axes_of(plots.checkpoint_parts("x", {"model": 1000, "exp_avg": 1000, "exp_avg_sq": 2000}, 1))
    assert [patch.get_width() for patch in axis.patches[1:4]] == pytest.approx([17, 17, 34])


def test_bars_of_probabilities_have_their_lengths() -> None:
    (axis,) = axes_of(plots.temperatures(["a", "b"], [0.0, -2.0], [1]))
    long, short = sorted((patch.get_width() for patch in axis.patches if patch.get_width() != 7), reverse=True)
    assert long / short == pytest.approx(2.718281828**2, rel=1e-6)
