"""Drawings and pictures with controls of chapters 11 and 12 show what they were given, and nothing covers anything."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from minidistil import plots
from minidistil.plots.explorer import explorer
from minidistil.plots.explorers_ch11 import bits_of_a_weight
from minidistil.plots.explorers_ch12 import template_intervals
from tests.plots.drawn import axes_of, shows, xs

ROWS = [[1.27, -0.5, 0.0], [0.01, 0.02, -0.03]]
DRAWINGS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "number line": (
        lambda: plots.int8_on_a_line([0.314, -1.27, 0.0449, 0.916], 0.01),
        ["0.314", "31", "0.0449", "92", "-127", "-1.27", "magnified: 0.0449", "…half a step: 0.005"],
    ),
    "one scale or many": (
        lambda: plots.one_scale_or_many(
            ROWS, (0.01, [[127, -50, 0], [1, 2, -3]]), ([0.01, 0.03 / 127], [[127, -50, 0], [42, 85, -127]])
        ),
        ["1.27", "-50", "-3", "85", "x 0.00024", "x 0.01"],
    ),
    "layer": (
        lambda: plots.layer_in_integers(
            [1, -0.5], 1 / 127, [127, -64], [[127, 0], [64, -63]], [0.5, 2], [16129, 12160], [63.5, 191.5]
        ),
        ["-0.5", "scale 0.0079", "-64", "-63", "16,129", "12,160", "x 0.0079 x 2", "63.5", "191.5"],
    ),
    "template": (
        lambda: plots.bias_template(
            "The {group} is a [MASK].", ("girl", "boy"), "nurse", (0.02, 0.01), [0.69, -0.11, 0.2], (-0.1, 0.6)
        ),
        ["The girl is a [MASK].", "p(nurse) = 0.02", "p(nurse) = 0.01", "…= +0.69",
         "3 templates: each dot is one log ratio", "nearer to boy",
         "black: mean +0.26; orange: its 95 % interval, -0.10 to +0.60; circle: the template above"],
    ),
    "probe": (
        lambda: plots.what_a_probe_measures(16, 36, 30522),
        ["the world", "people", "the probe: 36 of 30,522 words, 16 sentences, 2 groups, 1 language"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_shows_what_it_was_given(name: str) -> None:
    draw, expected = DRAWINGS[name]
    shows(draw(), expected)


def test_rows_that_waste_their_integers_are_dashed() -> None:
    (axis,) = axes_of(DRAWINGS["one scale or many"][0]())
    assert sum(patch.get_linestyle() == "--" for patch in axis.patches) == 3  # the second row, with the shared scale


def test_a_template_s_differences_are_dots_on_a_line() -> None:
    (axis,) = axes_of(DRAWINGS["template"][0]())
    dots = next(xs(line) for line in axis.lines if len(xs(line)) == 3)
    assert [(dot - 39) / (dots[0] - 39) for dot in dots] == pytest.approx([1, -0.11 / 0.69, 0.2 / 0.69])


COSTS = {
    "one scale for a matrix": {bits: (2.5 * bits, 5.0 * bits, bits / 10) for bits in range(2, 9)},
    "a scale for each row": {bits: (2.6 * bits, 6.0 * bits, bits / 8) for bits in range(2, 9)},
}


def test_bits_can_be_chosen_and_their_cost_is_shown() -> None:
    reach = {"one scale for a matrix": 2.0, "a scale for each row": 1.0}
    shown = explorer(bits_of_a_weight([-1.0, 0.1, 0.5], reach, COSTS), bits=(2, 8), scale=list(COSTS))
    assert shown.figure.get_suptitle() == "4 bits, a scale for each row: 10.4 MiB, 24 dB, 50% of the guesses stay"
    left, right = axes_of(shown.figure)
    assert left.get_title() == "it rounds to 15 of the grid's 15 values"
    shown.controls["bits"].value = 3
    shown.controls["scale"].value = "one scale for a matrix"
    assert shown.figure.get_suptitle() == "3 bits, one scale for a matrix: 7.5 MiB, 15 dB, 30% of the guesses stay"
    left, right = axes_of(shown.figure)
    assert left.get_title() == "it rounds to 5 of the grid's 7 values"  # -1, -0.67 … 1 of -2 … 2, halves upwards
    assert [xs(line)[0] for line in left.lines] == pytest.approx([step * 2 / 3 for step in range(-2, 3)])
    assert len(right.lines) == 3


def test_a_word_its_groups_and_the_number_of_templates_can_be_chosen() -> None:
    table = torch.tensor([[0.5, -1.0], [0.3, 0.2], [0.1, 0.3]])
    ends = torch.tensor([[[0.3, -1.0], [0.5, 0.2]], [[0.1, -0.6], [0.4, 0.25]]])
    tables, both = {"girl / boy": table, "girl / lass": -table}, {"girl / boy": ends, "girl / lass": -ends.flip(1)}
    draw = template_intervals(tables, both, ["a", "b", "c"], ["nurse", "miner"])
    shown = explorer(draw, word=["nurse", "miner"], groups=list(tables), count=(2, 3))
    assert axes_of(shown.figure)[0].get_title() == "nurse: mean +0.30, interval +0.10 to +0.40, clear of 0"
    shown.controls["word"].value = "miner"
    shown.controls["groups"].value = "girl / lass"
    shown.controls["count"].value = 2
    (axis,) = axes_of(shown.figure)
    assert axis.get_title() == "miner: mean +0.40, interval -0.20 to +1.00, with 0 inside"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert xs(axis.lines[-1]) == pytest.approx([1.0, -0.2])
