"""Drawings and explorers of chapters 1 and 2 show what they were given; no text covers another or is cut off."""

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.colors import to_rgb

from minidistil import plots
from minidistil.plots.drawing import ROLES
from tests.plots.drawn import axes_of, shows, words

PARTS = [
    ("Zoë's ", "zoe's ", [("zoe", ["zo", "##e"]), ("'", ["'"]), ("s", ["s"])]),
    ("[MASK]", "[MASK]", [("[MASK]", ["[MASK]"])]),
    ("!", "!", [("!", ["!"])]),
]
IDS = [101, 7, 8, 9, 10, 103, 12, 102]
DRAWINGS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "five steps": (
        lambda: plots.five_steps(PARTS, IDS),
        ["Zoë's␣[MASK]!", "zoe's␣", "##e", "[CLS]\n101", "103", "[SEP]\n102", "5. frame, ids:\n8 tokens"],
    ),
    "no text": (lambda: plots.five_steps([("", "", [])], [101, 102]), ["[CLS]\n101", "[SEP]\n102"]),
    "match": (
        lambda: plots.greedy_match("abcd", ["ab", "##cd"]),
        ["abcd", "abc", "##cd", "1. not there: shorter", "3. found: take it", "4. found: take it"],
    ),
    "merge": (
        lambda: plots.one_merge(
            {"xyz": ["x", "##y", "##z"], "xy": ["x", "##y"]}, {"xyz": ["xy", "##z"], "xy": ["xy"]}, {"xyz": 2, "xy": 3},
            ("x", "##y"),
        ),
        ["x ##y occurs 5 times: the most frequent pair", "xy is a piece", "xy", "3 times"],
    ),
    "offsets": (
        lambda: plots.offset_trail("É\u200b a", [("e", 0), (" ", 2), ("a", 3)], [("e", 0, 1), ("a", 3, 4)]),
        ["É", "·", "e\n0", "␣\n2", "a\n3", "0–1", "3–4"],
    ),
    "batch": (
        lambda: plots.documents_to_batch(
            {"one": list("abc"), "two": list("d")},
            {"one": [(["[CLS]", "a", "b", "[SEP]"], True), (["[CLS]", "c", "[SEP]"], False)],
             "two": [(["[CLS]", "d", "[SEP]"], True)]},
            [[1, 1, 1, 1], [1, 1, 1, 0]],
        ),
        ["documents", "batch (2, 4)", "too short: dropped", "a", "0", "C", "S"],
    ),
    "labels": (
        lambda: plots.labels_and_loss(["[CLS]", "cat", "sat"], ["[CLS]", "[MASK]", "a"], [-100, 7, 9], {1: 2.5, 2: 1}),
        ["-100", "7", "9", "2.50", "1.00", "mean over the 2 chosen positions: 1.75"],
    ),
    "fates": (
        lambda: plots.three_fates(
            0.25, {"[MASK]": (0.8, "cat", "[MASK]"), "another": (0.1, "on", "piano"), "kept": (0.1, "mat", "mat")}
        ),
        ["25% chosen", "75% are not touched", "80%", "on → piano", "20.0% of all tokens", "2.5% of all tokens"],
    ),
    "weighted": (
        lambda: plots.weighted_draw(
            ["the", "mat"], [3000, 20], {"smoothing 0": [0.5, 0.5], "smoothing 1": [0.2, 0.8]}, thrown=0.3
        ),
        ["the\n50%", "mat\n80%", "3,000", "20", "smoothing\n1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_shows_what_it_was_given(name: str) -> None:
    draw, expected = DRAWINGS[name]
    shows(draw(), expected)


def coloured(figure: Any, role: str) -> list[tuple[float, float]]:
    """Where the boxes of a role lie, and how wide they are."""
    filling = to_rgb(ROLES[role][0])
    patches = axes_of(figure)[0].patches
    return [(patch.get_x(), patch.get_width()) for patch in patches if patch.get_facecolor()[:3] == filling]


def test_a_special_token_is_one_in_all_steps_and_a_mark_is_none() -> None:
    assert len(coloured(plots.five_steps(PARTS, IDS), "mask")) == 4 + 2  # steps 1 to 4, and the frame


@pytest.mark.filterwarnings("error")
def test_characters_that_the_font_lacks_and_dollars_are_drawn_as_they_are() -> None:
    words_of_it = [("$", ["$"]), ("1", ["1"]), ("北", ["[UNK]"]), ("$", ["$"])]
    figure = plots.five_steps([("$1 北$", "$1  北 $", words_of_it)], [101, 1, 2, 3, 1, 102])
    figure._repr_png_()  # type: ignore[attr-defined]
    texts = axes_of(figure)[0].texts
    assert {"$1␣□$", "□", "$"} <= {text.get_text() for text in texts}
    assert not [text for text in texts if "$" in text.get_text() and text.get_parse_math()]


def test_found_pieces_stand_below_their_letters() -> None:
    assert coloured(plots.greedy_match("abcd", ["ab", "##cd"]), "right") == [(1, 10), (11, 10)]


def test_the_token_that_is_hit_lies_below_the_point() -> None:
    chances = {"a": [0.5, 0.5], "b": [0.2, 0.8]}
    figure = plots.weighted_draw(["the", "mat"], [3, 2], chances, thrown=0.3)
    assert [width / 62 for _, width in coloured(figure, "mask")] == pytest.approx([0.5, 0.8])


def test_the_tokenizers_explorer_shows_ones_own_sentence_up_to_a_step() -> None:
    asked = []

    def steps(text: str) -> Any:
        asked.append(text)
        return [(text, text, [(text, [text])])], [101, 5, 102]

    draw = plots.tokenizer_steps(steps)
    assert "5. frame, ids:\n3 tokens" in words(axes_of(draw())[0].texts)
    shown = words(axes_of(draw(sentence="x" * 100, step=2))[0].texts)
    assert "2. normalise" in shown
    assert "3. words" not in shown
    assert [len(text) for text in asked] == [26, 40]


def test_the_explorer_of_masks_counts_what_was_thrown() -> None:
    def throw(probability: float, seed: int, smoothing: float) -> Any:
        chosen = {0: "[MASK]", 1: "piano", 2: "sat"}
        return ["the", "cat", "sat", "down"] * 8, dict(list(chosen.items())[: round(10 * probability)])

    draw = plots.thrown_masks(throw)
    assert words(axes_of(draw(probability=0.3))[0].texts)[0] == "3 of 32 tokens chosen, 1 of them [MASK]"
    assert words(axes_of(draw(probability=0.1))[0].texts)[0] == "1 of 32 tokens chosen, 1 of them [MASK]"
    figure = draw(probability=0.3)
    assert [len(coloured(figure, role)) for role in ("mask", "loss", "right")] == [2, 2, 2]  # one each, and the legend
