"""Pictures of chapters 1 to 7 show the numbers they were given."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import binom

from minidistil import plots
from minidistil.plots.style import BLUE, CHAPTERS, GREEN, GREY, ORANGE, new_figure
from tests.plots.drawn import axes_of, bars, cells, heights, squares, widths, words, xs, ys


def test_one_chapter_is_highlighted_and_all_are_named() -> None:
    for chapter in (1, 13):
        (axis,) = axes_of(plots.where_we_are(chapter))
        texts = [text for text in axis.texts if text.get_text()]
        assert len(texts) == len(CHAPTERS) == 13
        assert words(text for text in texts if text.get_fontweight() == "bold") == [
            f"{chapter}\n{CHAPTERS[chapter - 1]}"
        ]


def test_the_map_of_chapters_says_in_words_which_one_is_highlighted() -> None:
    def alt(chapter: int) -> str:
        return plots.where_we_are(chapter)._repr_png_()[1]["alt"]  # type: ignore[attr-defined]

    assert alt(3).endswith("Highlighted: 3 attention.")
    assert "1 WordPiece: text to ids, 2 corpus and masking" in alt(0)
    assert "Highlighted:" not in alt(0)


LINES = {"one": [1.0, 2.0], "other": [3.0, 5.0]}
SIMILARITY = torch.tensor([[1.0, 0.5, 0.2, 0.0], [0.5, 1, 0.7, 0], [0.2, 0.7, 1, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("draw", "panel", "expected"),
    [
        (lambda: plots.word_frequencies([60, 30, 10]), 0, [[60, 30, 10]]),
        (lambda: plots.word_frequencies([60, 30, 10]), 1, [[60, 90, 100]]),
        (lambda: plots.padding_by_window([32, 64], [0.5, 0.25], 0.1), 0, [[50, 25], [10, 10]]),
        (lambda: plots.softmax_by_width([4, 16], {"entropy": LINES}), 0, [[1, 2], [3, 5]]),
        (lambda: plots.cost_by_length([4, 16], {"MiB": LINES}, "t"), 0, [[1, 2], [3, 5]]),
        (lambda: plots.position_similarity(SIMILARITY, "t"), 1, [pytest.approx([1.0, 0.4], rel=0, abs=5e-7)]),
        (lambda: plots.distance_by_examples([10, 20], {"text": [[3.0, 1.0, 2.0], [0.5, 0.4, 0.9]]}, 0.05, "t"), 0,
         [[2.0, 0.5], [3.0, 1.0, 2.0], [0.5, 0.4, 0.9], [0.05, 0.05]]),  # medians, and a dot for each seed
    ],
)  # fmt: skip
def test_lines_have_the_given_values(draw: Callable[[], Any], panel: int, expected: list[Any]) -> None:
    assert list(map(ys, axes_of(draw())[panel].lines[: len(expected)])) == expected


def test_chosen_per_batch_has_the_binomial_law() -> None:
    (axis,) = axes_of(plots.chosen_per_batch([1, 1], [0, 1, 1, 2], tokens=2, share=0.5))
    assert ys(axis.lines[0]) == heights(axis) == pytest.approx([0.25, 0.5, 0.25])
    (axis,) = axes_of(plots.chosen_per_batch([512], [500, 512, 530], tokens=2048, share=0.25))
    assert ys(axis.lines[0]) == pytest.approx(binom.pmf(range(500, 531), 2048, 0.25).tolist())


def test_tokens_stand_under_their_characters() -> None:
    (axis,) = axes_of(plots.token_map("café!", ["[CLS]", "cafe", "!"], [(0, 0), (0, 4), (4, 5)]))
    places = {text: x for (x, _), text in cells(axis).items()}
    assert (places["cafe"], places["!"]) == (1.5, 4.0)
    assert "[CLS]" not in places


def test_curves_of_vocabularies_begin_with_the_characters() -> None:
    (axis,) = axes_of(plots.vocabulary_growth({"frequency": [4.0, 3.0, 2.5]}, characters=10))
    assert xs(axis.lines[0]) == [10, 11, 12]


def test_a_picture_is_shown_by_a_notebook() -> None:
    figure = plots.speeds([("docs", 4e6, 1e6)])
    picture, about = figure._repr_png_()  # type: ignore[attr-defined]
    assert picture.startswith(b"\x89PNG")
    assert about["alt"] == figure.axes[0].get_title() != ""


def test_a_title_at_the_left_is_read_too() -> None:
    figure, (axis,) = new_figure()
    axis.set_title("at the left", loc="left")
    assert figure._repr_png_()[1]["alt"] == "at the left"  # type: ignore[attr-defined]


def test_a_picture_keeps_its_words_where_pyplot_is_in_use() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats

    shell = InteractiveShell()
    select_figure_formats(shell, {"png"})  # done by `%matplotlib inline`, and by the first explorer of a notebook
    assert shell.display_formatter is not None
    shown, about = shell.display_formatter.format(plots.where_we_are(3))
    assert shown.keys() >= {"image/png", "text/plain"}
    assert about["image/png"]["alt"].endswith("Highlighted: 3 attention.")


def test_jupyterlab_gets_the_words_in_html_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    figure, _ = new_figure(title='"one" < two')
    assert "text/html" not in figure._repr_mimebundle_()[0]  # type: ignore[attr-defined]
    monkeypatch.setenv("MINIDISTIL_ALT_TEXT", "1")
    shown = figure._repr_mimebundle_()[0]  # type: ignore[attr-defined]
    assert 'alt="&quot;one&quot; &lt; two"' in shown["text/html"]
    assert shown["image/png"].startswith(b"\x89PNG")


def test_document_lengths_are_counted_on_both_sides_of_the_limit() -> None:
    (axis,) = axes_of(plots.document_lengths([10, 10, 100, 128, 129, 1000], limit=128))
    assert (sum(heights(axis, BLUE)), sum(heights(axis, ORANGE))) == (4, 2)
    assert axis.get_title() == "67% fit into 128 tokens"


def test_batch_padding_draws_longest_and_mean() -> None:
    groupings = {"random": [[0, 3], [1, 2]], "grouped": [[0, 1], [2, 3]]}
    random, grouped = axes_of(plots.batch_padding([2, 3, 4, 5], groupings))
    assert (heights(random, ORANGE), heights(random, BLUE)) == ([5, 4], [3.5, 3.5])
    assert (heights(grouped, ORANGE), heights(grouped, BLUE)) == ([3, 5], [2.5, 4.5])
    assert random.get_title() == "random: 22% padding"


def test_a_mask_map_shows_the_kind_of_each_position() -> None:
    kinds = [[0, 1, 2], [3, 4, 5]]
    figure = plots.mask_map(torch.tensor(kinds), "title", rows="epoch")
    assert axes_of(figure)[0].collections[0].get_array().tolist() == kinds
    assert words(figure.legends[0].get_texts()) == list(plots.MASK_KINDS)


def test_replacement_shares_are_in_per_cent() -> None:
    measured = {"one": [0.8, 0.1, 0.1], "two": [0.7, 0.2, 0.1]}
    (axis,) = axes_of(plots.replacement_shares(measured, (0.8, 0.1, 0.1)))
    assert heights(axis, BLUE) == pytest.approx([80, 10, 10])
    assert heights(axis, ORANGE) == pytest.approx([70, 20, 10])


def test_smoothing_draws_the_weights_and_what_was_masked() -> None:
    left, right = axes_of(plots.smoothing([1, 100], {0.0: [5, 50], 0.5: [6, 60]}, {"the": 100}))
    assert list(map(ys, left.lines[:2])) == [[1, 1], [1, pytest.approx(0.1)]]
    assert list(map(ys, right.lines)) == [[5, 50], [6, 60]]
    assert words(left.texts) == ["the"]


def test_an_attention_map_has_a_row_for_each_query_and_writes_its_weights() -> None:
    (axis,) = axes_of(plots.attention_maps({"head": [[0.9, 0.1], [0.2, 0.8]]}, ["a", "b"], "title", digits=True))
    assert cells(axis) == {(0, 0): "0.90", (1, 0): "0.10", (0, 1): "0.20", (1, 1): "0.80"}
    assert words(axis.get_yticklabels()) == ["a", "b"]
    assert squares(axis) == [[0.9, 0.1], [0.2, 0.8]]


def test_head_profiles_have_a_panel_for_each_number() -> None:
    *panels, scale = axes_of(plots.head_profiles({"before": [[1.0, 0.0]], "after": [[0.0, 0.5]]}, "title"))
    assert list(map(squares, panels)) == [[[1.0, 0.0]], [[0.0, 0.5]]]
    assert scale.get_ylabel() == "mean weight"


def test_small_matrices_have_their_numbers_written_in() -> None:
    figure = plots.small_matrices({"a": torch.tensor([[1.0, -2.5]]), "b": torch.tensor([[0.0, 1.41421]])}, ["row"], "t")
    assert [words(axis.texts) for axis in figure.axes] == [["1", "-2.5"], ["0", "1.41"]]


def test_curves_are_the_values_and_a_logarithmic_axis_begins_where_asked() -> None:
    panels = {"size": {"one": [1.0, 2.0], "other": [1e-9, 1.0]}}
    (axis,) = axes_of(plots.curves([0, 1], panels, "depth", "t", log_from=1e-5))
    assert list(map(ys, axis.lines)) == [[1.0, 2.0], [1e-9, 1.0]]
    assert (axis.get_ylim()[0], axis.get_ylabel()) == (1e-5, "size")


def test_the_parts_of_a_stacked_bar_follow_one_another() -> None:
    (axis,) = axes_of(plots.shares({"big": {"a": 2, "b": 3}, "small": {"b": 1}}, "unit", "t"))
    ends = {(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars(axis)}
    assert ends == {(0, 2), (2, 5), (0, 0), (0, 1)}


def test_guesses_are_drawn_panel_by_panel() -> None:
    panels = {
        "one": [{"token_str": "a", "score": 0.5}, {"token_str": "b", "score": 0.25}],
        "two": [{"token_str": "b", "score": 1.0}],
    }
    first, second = axes_of(plots.guesses(panels, "title", right_word="b"))
    assert (widths(first), widths(second)) == ([0.5, 0.25], [1.0])
    assert (widths(first, GREEN), widths(second, GREEN)) == ([0.25], [1.0])
    assert words(first.get_yticklabels()) == ["a", "b"]
    assert first.get_xlim() == second.get_xlim()


def test_a_map_of_names_shows_every_name_in_its_column() -> None:
    groups = {"one": [["a", "b", ""]], "two": [["c", "d", "e"]]}
    figure = plots.names_map(groups, ["ours", "his", "hers"], "t")
    places = {text: place for place, text in cells(axes_of(figure)[0]).items()}
    assert [places[name][1] for name in "ab–cde"] == [0, 0, 0, 1, 1, 1]
    columns = [places[name][0] for name in ("ours", "his", "hers")]
    assert [places[name][0] for name in "ab–cde"] == columns * 2
    assert columns == sorted(set(columns))
    assert words(figure.legends[0].get_texts()) == ["one", "two"]


def test_similarities_are_drawn_and_written() -> None:
    axis = axes_of(plots.similarities(torch.tensor([[1.0, 0.25], [0.25, 1.0]]), ["one", "other"], "t"))[0]
    assert words(axis.texts) == ["1.00", "0.25", "0.25", "1.00"]
    assert squares(axis) == [[1, 0.25], [0.25, 1]]
    assert words(axis.get_yticklabels()) == ["one  1", "other  2"]


def test_distributions_stand_side_by_side_word_by_word() -> None:
    (axis,) = axes_of(plots.distributions(["a", "b"], {"truth": [0.25, 0.75], "student": [0.5, 0.5]}, "t"))
    assert (heights(axis, GREY), heights(axis, BLUE)) == ([0.25, 0.75], [0.5, 0.5])
    assert words(axis.get_xticklabels()) == ["a", "b"]


def test_a_landscape_has_the_given_reach_and_the_teacher_in_its_place() -> None:
    axis = axes_of(plots.landscapes({"loss": torch.eye(5)}, 2.0, (1.0, 1.5), "t"))[0]
    assert axis.get_xlim() == axis.get_ylim() == (-2, 2)
    assert cells(axis)[1.0, 1.5] == " teacher"


def test_counted_positions_are_marked() -> None:
    (axis,) = axes_of(plots.counted_positions(["x", "y"], {"L_1": [True, False], "L_2": [True, True]}, "t"))
    assert cells(axis) == {(0, 0): "●", (1, 0): "·", (0, 1): "●", (1, 1): "●"}
    assert words(axis.get_yticklabels()) == ["L_1", "L_2"]


def test_dark_knowledge_counts_the_masks_and_draws_the_ranks() -> None:
    left, right = axes_of(plots.dark_knowledge([0.5, 0.52, 0.99], [0.4, 0.3], 0.1, "t"))
    assert sum(heights(left, BLUE)) == 3
    assert xs(right.lines[0]) == [2, 3]
    assert list(map(ys, right.lines)) == [[0.4, 0.3], [0.1, 0.1]]


def test_a_choice_of_layers_has_the_numbers_of_the_student() -> None:
    (axis,) = axes_of(plots.layer_choices({"one": (0, 2, 4), "other": (1, 5)}, 6, "t"))
    assert cells(axis) == {(0, 0): "0", (2, 0): "1", (4, 0): "2", (1, 1): "0", (5, 1): "1"}
    assert len(axis.collections) == 12


def test_likeness_is_written_in_and_the_best_of_a_row_has_a_frame() -> None:
    axis, scale = axes_of(plots.layer_likeness({"p": torch.tensor([[0.25, 0.5, 0.125], [0.75, 0.5, 1.0]])}, "t"))
    assert words(axis.texts) == ["0.25", "0.50", "0.12", "0.75", "0.50", "1.00"]
    assert [round(patch.get_x() + 0.47) for patch in axis.patches] == [1, 2]
    assert words(axis.get_xticklabels()) == ["emb", "0", "1"]
    assert scale.get_ylabel() == "mean cosine"


def test_bars_are_ranked_and_the_marked_ones_named() -> None:
    (axis,) = axes_of(plots.ranked({"a": 1.0, "b": 3.0, "c": 2.0}, {"c": "this one"}, "x", "t"))
    assert (widths(axis), widths(axis, BLUE)) == ([3.0, 2.0, 1.0], [2.0])
    assert words(axis.texts) == ["", "this one", ""]


def test_arrows_lead_from_before_to_after() -> None:
    (axis,) = axes_of(plots.before_and_after({"a": 0.1, "b": 0.2}, {"a": 0.3, "b": 0.25}, 0.5, "x", "t"))
    assert list(map(xs, axis.lines)) == [[0.1, 0.2], [0.3, 0.25], [0.5, 0.5]]
    assert [(text.xyann[0], text.xy[0]) for text in axis.texts] == [(0.1, 0.3), (0.2, 0.25)]
