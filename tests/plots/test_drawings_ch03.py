"""Chapter 3's drawings and its explorer show what they were given."""

import math

import torch

from minidistil import plots
from minidistil.plots.explorers_ch03 import one_head
from tests.plots.drawn import axes_of, squares, words


def test_query_key_and_value_come_from_one_hidden_state() -> None:
    figure = plots.query_key_value("cat", [1, -2, 3], [[4, 5], [6, 7], [8, 9.25]])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert shown[:5] == ["cat", "hidden state", "1.0", "-2.0", "3.0"]
    assert [shown[shown.index(name) + 1] for name in ("query", "key", "value")] == ["4.0", "6.0", "8.0"]
    assert shown.count("9.2") == 1
    assert "query matrix\n3 x 2" in shown
    assert "hidden state of cat is multiplied by three matrices of 3 x 2" in figure.alt  # type: ignore[attr-defined]


def test_a_weighted_mean_lies_between_the_values() -> None:
    figure = plots.weighted_mean(["a", "b"], [0.75, 0.25], [[8, 0], [0, 4]])
    (axis,) = axes_of(figure)
    shown = [text for text in words(axis.texts) if text]
    assert {"0.750", "0.250", "6.00", "1.00", "a (8, 0)", "b (0, 4)"} <= set(shown)  # 0.75 * 8 and 0.25 * 4
    first, _, second, _, output = (line.get_xydata().tolist() for line in axis.lines)
    assert first[0] == second[0] == output[0]
    assert math.dist(first[0], first[1]) * 3 == math.dist(second[0], second[1])  # near the one with most weight
    assert "75% of a, 25% of b" in figure.alt  # type: ignore[attr-defined]


def test_heads_get_their_features_of_every_token_and_a_reshape_does_not() -> None:
    states = torch.arange(12).reshape(2, 6)
    figure = plots.heads_split_and_joined(states.tolist(), 3)
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    for head in range(3):
        right = states[:, 2 * head : 2 * head + 2].flatten().tolist()
        alone = states.reshape(3, 2, 2)[head].flatten().tolist()
        for name, numbers in ((f"head {head}", right), (f"“head {head}”", alone)):
            place = shown.index(name) + 1
            assert shown[place : place + 4] == [str(each) for each in numbers]
    assert "2 tokens of 6 features become 3 heads of 2 x 2" in figure.alt  # type: ignore[attr-defined]


def test_hidden_keys_get_minus_infinity() -> None:
    figure = plots.hidden_keys(["a", "[PAD]"], [True, False], [[1.5, 2.5], [3.5, 4.5]], [[1, 0], [1, 0]])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    masked = shown[shown.index("scores, masked") : shown.index("weights")]
    assert masked.count("−∞") == 2
    assert ("1.5" in masked, "2.5" in masked, "4.5" in masked) == (True, False, False)
    assert shown.count("0.00") == 2
    assert "scores of 1 hidden keys become minus infinity" in figure.alt  # type: ignore[attr-defined]


def test_another_head_of_another_sentence_has_other_numbers() -> None:
    asked: list[str] = []

    def look(text: str) -> tuple[list[str], torch.Tensor]:
        asked.append(text)
        length = len(text.split())
        before = torch.eye(length).roll(1, 0)
        return text.split(), torch.stack([torch.eye(length), before])[None]  # one layer, two heads

    draw = one_head(look, "a b c")
    figure = draw(layer=0, head=0)
    assert "to itself 1.00" in figure.get_suptitle()
    assert "before 0.00" in figure.get_suptitle()
    assert "before 1.00" in draw(layer=0, head=1).get_suptitle()
    other = draw("x y", 0, 1)
    assert squares(axes_of(other)[0]) == [[0, 1], [1, 0]]
    assert asked == ["a b c", "x y"]  # once each
