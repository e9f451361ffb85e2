"""Pictures of chapter 4: that they show the numbers they are given."""

import numpy as np
import torch

from minidistil import plots


def test_small_matrices_have_their_numbers_written_in() -> None:
    figure = plots.small_matrices({"a": torch.tensor([[1.0, -2.5]]), "b": torch.tensor([[0.0, 1.41421]])}, ["row"], "t")
    assert [[text.get_text() for text in axis.texts] for axis in figure.axes] == [["1", "-2.5"], ["0", "1.41"]]


def test_curves_are_the_values_and_small_ones_are_left_out_on_request() -> None:
    axis = plots.curves([0, 1], {"size": {"one": [1.0, 2.0], "other": [1e-9, 1.0]}}, "depth", "t", log_from=1e-5).axes[
        0
    ]
    assert [np.asarray(line.get_ydata()).tolist() for line in axis.lines] == [[1.0, 2.0], [1e-9, 1.0]]
    assert axis.get_ylim()[0] == 1e-5
    assert axis.get_ylabel() == "size"


def test_position_similarity_is_averaged_by_distance() -> None:
    similarity = torch.tensor([[1.0, 0.5, 0.2, 0.0], [0.5, 1, 0.7, 0], [0.2, 0.7, 1, 0], [0, 0, 0, 1]])
    right = plots.position_similarity(similarity, "t").axes[1]
    means = np.asarray(right.lines[0].get_ydata()).round(6).tolist()
    assert means == [1.0, 0.4]  # (0.5 + 0.7 + 0) / 3


def test_shares_follow_one_another_along_the_bar() -> None:
    axis = plots.shares({"big": {"a": 2, "b": 3}, "small": {"b": 1}}, "unit", "t").axes[0]
    ends = {(bar.get_x(), bar.get_x() + bar.get_width()) for bars in axis.containers for bar in bars}
    assert ends == {(0, 2), (2, 5), (0, 0), (0, 1)}
