"""Drawings of chapters 9 and 10 show what they were given, and no text covers another or is cut off."""

from collections.abc import Callable
from typing import Any

import pytest

from minidistil import plots
from tests.plots.drawn import axes_of, shows

DRAWINGS: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "retention": (
        lambda: plots.retention_and_agreement(["a", "list", "of"], ["a", "file", "of"], ["the", "file", "of"]),
        ["right: 2/3", "right: 1/3", "same: 2/3", "retention = 1/2 = 50 %", "agreement = 2/3 = 66.7 %"],
        "The teacher is right at 2, the student at 1: retention 50 %",
    ),
    "bootstrap": (
        lambda: plots.bootstrap_interval([(3, 4), (0, 2)], [(0, 0), (1, 0)], [0.75, 0.5, 0.5, 0.0], (0.2, 0.7)),
        ["document 0\n3 of 4", "6 of 8 = 0.75", "3 of 6 = 0.50", "95 %: 0.20 to 0.70", "the accuracy of all 4 draws"],
        "the middle 95 % lie from 0.20 to 0.70",
    ),
    "calibration": (
        lambda: plots.calibration_gap([0.2, 0.4, 0.5, 0.9], [False, True, False, True], [0, 0.5, 1]),
        [
            "confidence 0.5 to 1", "mean confidence 0.37", "right\n0.33", "gap 0.03, 3 of 4 guesses",
            "expected calibration error = 3/4 · 0.033 + 1/4 · 0.100 = 0.05",
        ],
        "3 guesses: mean confidence 0.37, right 0.33",
    ),
    "classifier": (
        lambda: plots.classifier_on_cls(
            ["[CLS]", "so", "good", "[SEP]"], [2.0, 1.0], [[-1.0, 0.0], [1.0, 1.0]], ["bad", "good"]
        ),
        ["-2", "3", "0.007", "0.993", "unused", "[SEP]"],
        "a softmax: bad 0.01, good 0.99",
    ),
    "labels": (
        lambda: plots.labels_of_pieces([("Marta", "B-PER", ["mart", "##a"]), ("sang", "O", ["sang"])]),
        ["Marta", "mart", "##a", "-100", "O"],
        "Marta has the tag B-PER and the pieces mart, ##a.",
    ),
    "span": (
        lambda: plots.span_answer(["by", "marta", "in"], [0.5, 4.0, 5.0], [6.0, 3.0, 0.0], (1, 1)),
        ["0.5", "6", "green: the best pair in order, 4 + 3 = 7",
         "dashed: the maximum of each score alone: the end comes before the start"],
        "The best pair in order is marta with 4 + 3",
    ),
    "windows": (
        lambda: plots.windows_with_stride([*"abcdefgh"], [0, 3], 5, (5, 6), [(0, 0), (6, 7)]),
        ["a", "window 2", "(6, 7)", "stride 3"],
        "A text of 8 tokens, read in windows of 5, which begin 3 apart.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_shows_what_it_was_given(name: str) -> None:
    draw, expected, alt = DRAWINGS[name]
    assert alt in shows(draw(), expected)


def test_what_is_right_and_what_is_wrong_look_different() -> None:
    (axis,) = axes_of(plots.retention_and_agreement(["a", "b"], ["a", "a"], ["a", "b"]))
    dotted = [patch.get_linestyle() == ":" for patch in axis.patches if patch.get_width() == 7]
    assert dotted == [False, False, False, True, False, False, False, True]  # hidden, teacher, student, same


def test_a_draw_outside_the_interval_is_not_filled() -> None:
    (axis,) = axes_of(plots.bootstrap_interval([(1, 2)], [(0,)], [0.0, 0.5, 1.0], (0.2, 0.8)))
    inside = [line.get_markerfacecolor() for line in axis.lines if line.get_marker() == "o"]
    assert [colour == "#c6e8dc" for colour in inside] == [False, True, False]


def test_pieces_after_the_first_have_no_label() -> None:
    (axis,) = axes_of(plots.labels_of_pieces([("Lindqvist", "I-PER", ["lin", "##d", "##qvist"])]))
    labels = [text.get_text() for text in axis.texts if text.get_position()[1] == pytest.approx(4.2)]
    assert labels == ["labels", "I-PER", "-100", "-100"]
