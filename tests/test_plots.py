"""Pictures: that they show the numbers they are given."""

import numpy as np
import torch

from minidistil import plots


def test_one_chapter_is_lit_and_all_are_named() -> None:
    for chapter in (1, 12):
        axis = plots.where_we_are(chapter).axes[0]
        texts = [text for text in axis.texts if text.get_text()]
        lit = [text.get_text() for text in texts if text.get_fontweight() == "bold"]
        assert len(texts) == len(plots.CHAPTERS) == 12
        assert lit == [f"{chapter}\n{plots.CHAPTERS[chapter - 1]}"]


def test_the_share_of_lookups_answered_ends_at_all() -> None:
    left, right = plots.word_frequencies([60, 30, 10]).axes
    assert list(right.lines[0].get_ydata()) == [60, 90, 100]
    assert list(left.lines[0].get_ydata()) == [60, 30, 10]


def test_curves_begin_with_the_characters() -> None:
    axis = plots.vocabulary_growth({"frequency": [4.0, 3.0, 2.5]}, characters=10).axes[0]
    assert list(axis.lines[0].get_xdata()) == [10, 11, 12]


def test_tokens_stand_under_their_characters() -> None:
    axis = plots.token_map("café!", ["[CLS]", "cafe", "!"], [(0, 0), (0, 4), (4, 5)]).axes[0]
    words = {text.get_text(): text.get_position()[0] for text in axis.texts}
    assert (words["cafe"], words["!"]) == (1.5, 4.0)
    assert "[CLS]" not in words


def test_a_picture_shows_itself_in_a_notebook() -> None:
    png = plots.speeds([("docs", 4e6, 1e6)])._repr_png_()  # type: ignore[attr-defined]
    assert png.startswith(b"\x89PNG")


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
