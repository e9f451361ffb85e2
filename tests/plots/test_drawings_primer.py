"""The primer's drawings show what they were given."""

from minidistil import plots
from tests.plots.drawn import axes_of, words


def test_a_column_and_a_row_become_a_table() -> None:
    figure = plots.broadcast([10, 20], [1, 2, 3])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert shown[shown.index("(2, 3)") + 1 :] == ["11", "12", "13", "21", "22", "23"]
    grey = [text.get_text() for text in axes_of(figure)[0].texts if text.get_color() == "#999999"]
    assert grey == ["10", "10", "20", "20", "1", "2", "3"]  # the repeated ones
    assert "both are 2 x 3" in figure.alt  # type: ignore[attr-defined]


def test_gradients_are_products_of_slopes() -> None:
    figure = plots.chain_rule([("w", 2), ("product", 6), ("loss", 36)], [3, 12])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert [shown[shown.index(name) + 1 :][:2] for name in ("w", "product", "loss")] == [
        ["2", "36"], ["6", "12"], ["36", "1"],
    ]  # fmt: skip
    assert "gradients go back: w 36, product 12, loss 1" in figure.alt  # type: ignore[attr-defined]
