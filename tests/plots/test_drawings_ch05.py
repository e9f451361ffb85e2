"""Chapter 5's drawings show what they were given."""

from minidistil import plots
from tests.plots.drawn import axes_of, words


def test_a_tied_table_scores_a_hidden_state_with_every_row() -> None:
    figure = plots.tied_table(["a", "b"], [[1, 2], [3, -1]], [2, 1], read=1)
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert {"a", "b", "id 1", "hidden state"} <= set(shown)
    assert shown[shown.index("a") + 3] == "4"  # 1 * 2 + 2 * 1, after the row's own numbers
    assert shown[shown.index("b") + 3] == "5"
    assert "id 1 reads the row of b; all rows score a hidden state, b best" in figure.alt  # type: ignore[attr-defined]


def test_each_head_says_what_it_reads() -> None:
    heads = {"one\nhead": ([0], "a class"), "other": ([0, 1], "two scores")}
    figure = plots.heads_on_one_encoder(["[CLS]", "day"], heads)
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert {"0  [CLS]", "1  day", "one\nhead", "other", "a class", "two scores"} <= set(shown)
    assert "one head reads [CLS]; other reads [CLS], day" in figure.alt  # type: ignore[attr-defined]
    grey = [text.get_color() for text in axes_of(figure)[0].texts if text.get_text() in ("0", "1")]
    assert grey == ["black", "#999999", "black", "black"]


def test_a_file_of_weights_shows_where_tensors_lie() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "F32", "shape": [250], "data_offsets": [24, 1024]},
    }
    figure = plots.weights_file(header, 120, ["a"])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert "header, JSON:\n120 bytes" in shown
    assert "numbers: 1,024 bytes" in shown
    assert "a\nF32, [2, 3], bytes 0 to 24" in shown
    assert "1,024 bytes of numbers" in figure.alt  # type: ignore[attr-defined]
