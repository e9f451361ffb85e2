"""Pictures: that they show the numbers they are given."""

import numpy as np

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
    assert np.asarray(right.lines[0].get_ydata()).tolist() == [60, 90, 100]
    assert np.asarray(left.lines[0].get_ydata()).tolist() == [60, 30, 10]


def test_curves_begin_with_the_characters() -> None:
    axis = plots.vocabulary_growth({"frequency": [4.0, 3.0, 2.5]}, characters=10).axes[0]
    assert np.asarray(axis.lines[0].get_xdata()).tolist() == [10, 11, 12]


def test_tokens_stand_under_their_characters() -> None:
    axis = plots.token_map("café!", ["[CLS]", "cafe", "!"], [(0, 0), (0, 4), (4, 5)]).axes[0]
    words = {text.get_text(): text.get_position()[0] for text in axis.texts}
    assert (words["cafe"], words["!"]) == (1.5, 4.0)
    assert "[CLS]" not in words


def test_a_picture_shows_itself_in_a_notebook() -> None:
    png = plots.speeds([("docs", 4e6, 1e6)])._repr_png_()  # type: ignore[attr-defined]
    assert png.startswith(b"\x89PNG")
