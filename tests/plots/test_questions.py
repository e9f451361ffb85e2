"""Chapter 10's pictures of questions and names show the numbers they were given."""

import numpy as np
import torch
from matplotlib.colors import same_color

from minidistil import plots
from minidistil.plots.style import GREEN, SKY


def test_windows_are_bars_and_those_with_the_whole_answer_are_green() -> None:
    (axis,) = plots.window_map([(0, 10), (5, 15), (10, 18)], (8, 11), "t").axes
    bars = axis.patches[:3]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 10), (5, 10), (10, 8)]  # type: ignore[attr-defined]
    assert [same_color(bar.get_facecolor(), GREEN) for bar in bars] == [False, True, False]
    assert same_color(bars[0].get_facecolor(), SKY)
    answer = axis.patches[3]
    assert (answer.get_x(), answer.get_width()) == (8, 4)  # type: ignore[attr-defined]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["window 1", "window 2", "window 3"]


def test_scores_of_spans_are_squares_and_what_is_none_is_blank() -> None:
    sums = torch.tensor([[1.0, 2.0], [-torch.inf, 4.0]])
    axis = plots.span_scores(sums, ["one", "two"], (0, 1), "t").axes[0]
    shown = np.ma.filled(np.ma.masked_invalid(np.asarray(axis.images[0].get_array())), -1)
    assert shown.tolist() == [[1, 2], [-1, 4]]
    assert np.asarray(axis.collections[0].get_offsets()).tolist() == [[1, 0]]  # x is the last token
    assert [label.get_text() for label in axis.get_xticklabels()] == ["one", "two"]


def test_each_piece_stands_above_its_label() -> None:
    (axis,) = plots.piece_labels(["[CLS]", "lin", "##d", "sang"], ["", "B-PER", "", "O"], "t").axes
    texts = [(text.get_text(), text.get_position()) for text in axis.texts]
    assert [text for text, _ in texts] == ["[CLS]", "–", "lin", "B-PER", "##d", "–", "sang", "O"]
    places = [position[0] for _, position in texts]
    assert places[::2] == places[1::2] == sorted(places[::2])
    faces = [patch.get_facecolor() for patch in axis.patches]
    assert faces[0] == faces[2]
    assert len({faces[0], faces[1], faces[3]}) == 3
