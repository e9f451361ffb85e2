"""Chapter 4's drawings show what they were given."""

from minidistil import plots
from tests.plots.drawn import axes_of, words


def test_a_row_of_each_table_is_added_to_the_sum() -> None:
    tables = {"word": (["a", "b"], [[1, 2], [3, 4]]), "place": (["0"], [[10, 20]])}
    figure = plots.embedding_rows(tables, picked=[1, 0])
    (axis,) = axes_of(figure)
    shown = words(axis.texts)
    assert {"word", "place", "a", "b", "0", "+"} <= set(shown)
    assert shown[-3:] == ["13", "24", "sum"]
    assert [text.get_text() for text in axis.texts if text.get_fontweight() == "bold"] == [
        "word",
        "b",
        "place",
        "0",
        "sum",
    ]
    assert "word: b, place: 0" in figure.alt  # type: ignore[attr-defined]


def test_a_blocks_stream_names_its_five_vectors() -> None:
    figure = plots.residual_stream([[1.0], [-0.25], [0.75], [2.0], [-1.5]])
    listed = [text.split("\n") for text in words(axes_of(figure)[0].texts)]
    assert [each for each in listed if each[0] in ("input", "added", "halfway", "output")] == [
        ["added", "-0.25"], ["added", "+2.00"], ["input", "+1.00"], ["halfway", "+0.75"], ["output", "-1.50"],
    ]  # fmt: skip
    assert "layer norm follows each sum" in figure.alt  # type: ignore[attr-defined]


def test_two_encoders_have_their_blocks_and_their_totals() -> None:
    parts = {"word embeddings": 2.0, "position embeddings": 1.0, "a block": 3.0, "masked-LM head": 0.5}
    counts = {"big": parts | {"token-type embeddings": 0.25}, "small": parts | {"token-type embeddings": 0.0}}
    figure = plots.two_encoders(counts, {"big": 4, "small": 2})
    shown = words(axes_of(figure)[0].texts)
    assert ("big: 15.8 million" in shown, "small: 9.5 million" in shown) == (True, True)
    assert [sum(text.startswith(f"block {layer}:") for text in shown) for layer in range(5)] == [2, 2, 1, 1, 0]
    assert shown.count("no types") == 1
    assert "small has 2 blocks and 9.5 million" in figure.alt  # type: ignore[attr-defined]
