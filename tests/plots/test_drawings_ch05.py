"""Chapter 5's drawings and its explorer show what they were given."""

import json
from typing import Any

from minidistil import plots
from minidistil.plots.explorers_ch05 import filled
from tests.plots.drawn import axes_of, widths, words


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


def test_one_hidden_state_goes_through_the_head_to_words() -> None:
    figure = plots.filled_mask(["[CLS]", "[MASK]", "."], 1, [0.25, -1.5], [("list", 0.5), ("set", 0.125)])
    shown = [text for text in words(axes_of(figure)[0].texts) if text]
    assert {"[CLS]", "[MASK]", "list", "0.50", "set", "0.12", "[0.2, -1.5, …]"} <= set(shown)
    grey = [text.get_color() for text in axes_of(figure)[0].texts if text.get_text() == "h"]
    assert grey == ["#999999", "black", "#999999"]
    assert "number 1, goes through the head, which gives list the probability 0.50" in figure.alt  # type: ignore[attr-defined]


def test_another_text_has_other_words_as_bars_and_as_json() -> None:
    def guess(text: str, top_k: int) -> list[Any]:
        if "[MASK]" not in text:
            raise ValueError("There is no [MASK] in it.")
        words = [{"sequence": text, "score": 1 / (2 + each), "token": each, "token_str": text[each]} for each in (0, 1)]
        return words[:top_k] if text.count("[MASK]") == 1 else [words[:top_k], words[1:]]

    draw = filled(guess, "xy [MASK]")
    bars, beside = axes_of(draw())
    assert draw().get_suptitle() == "best word: x, 0.500"
    assert widths(bars) == [1 / 2, 1 / 3]
    assert json.loads(words(beside.texts)[0]) == guess("xy [MASK]", 2)
    assert widths(axes_of(draw(top_k=1))[0]) == [1 / 2]
    assert draw("ab [MASK] [MASK]").get_suptitle() == "best word: a, 0.500"
    assert len(axes_of(draw("ab [MASK] [MASK]"))) == 3
    assert words(axes_of(draw("nothing"))[0].texts) == ["There is no [MASK] in it."]
