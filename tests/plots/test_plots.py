"""Pictures show the numbers they were given."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom

from minidistil import plots
from minidistil.plots import style


def widths(axis: object) -> list[float]:
    return [patch.get_width() for patch in axis.patches]  # type: ignore[attr-defined]


def drawn(axis: object) -> list[float]:
    return np.asarray(axis.lines[0].get_ydata()).tolist()  # type: ignore[attr-defined]


def test_guesses_are_drawn_panel_by_panel() -> None:
    panels = {
        "one": [{"token_str": "a", "score": 0.5}, {"token_str": "b", "score": 0.25}],
        "two": [{"token_str": "b", "score": 1.0}],
    }
    figure = plots.guesses(panels, "title", right_word="b")
    first, second = figure.axes
    assert (widths(first), widths(second)) == ([0.5, 0.25], [1.0])
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b"]
    assert first.get_xlim() == second.get_xlim()
    colours = [patch.get_facecolor() for patch in (*first.patches, *second.patches)]
    assert colours[1] == colours[2] != colours[0]


def test_a_map_of_names_shows_every_name_in_its_column() -> None:
    groups = {"one": [["a", "b", ""]], "two": [["c", "d", "e"]]}
    (axis,) = plots.names_map(groups, ["ours", "his", "hers"], "t").axes
    cells = {text.get_text(): text.get_position() for text in axis.texts}
    assert [cells[name][1] for name in "ab–cde"] == [0, 0, 0, 1, 1, 1]
    ours, his, hers = (cells[name][0] for name in ("ours", "his", "hers"))
    assert [cells[name][0] for name in "ab–cde"] == [ours, his, hers, ours, his, hers]
    assert ours < his < hers
    assert [text.get_text() for text in axis.figure.legends[0].get_texts()] == ["one", "two"]


def test_similarities_are_drawn_and_written() -> None:
    axis = plots.similarities(torch.tensor([[1.0, 0.25], [0.25, 1.0]]), ["one", "other"], "t").axes[0]
    assert [text.get_text() for text in axis.texts] == ["1.00", "0.25", "0.25", "1.00"]
    assert np.asarray(axis.images[0].get_array()).tolist() == [[1, 0.25], [0.25, 1]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one  1", "other  2"]


def test_won_and_lost_shows_shares_of_the_teacher() -> None:
    metrics = {
        "student_parameters": 30, "teacher_parameters": 40, "speedup": 2.0, "retention": 0.9,
        "student_masked_accuracy_before": 0.2, "teacher_masked_accuracy": 0.5,
    }  # fmt: skip
    (axis,) = plots.won_and_lost(metrics).axes
    assert widths(axis) == pytest.approx([75, 50, 40, 90])


def test_curves_hold_every_term_that_was_logged(tmp_path: Path) -> None:
    log = [{"tokens": 1e6 * n, "learning_rate": 0.1, "loss": 1.0, "ce": 3.0, "mlm": 2.0, "cos": 1.0} for n in (1, 2, 3)]
    figure = plots.training_curves(log)
    assert [drawn(axis) for axis in figure.axes] == [[3.0] * 3, [2.0] * 3, [1.0] * 3, [0.1] * 3]
    taught = plots.training_curves([{"tokens": 1e6, "learning_rate": 0.1, "loss": 7.0}])
    assert drawn(taught.axes[0]) == [7.0]
    log[1] |= {"validation_loss": 2.5}
    mlm = plots.training_curves(log).axes[1]
    assert np.asarray(mlm.lines[2].get_xydata()).tolist() == [[2.0, 2.5]]
    plots.save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def all_drawn(axis: object) -> list[list[float]]:
    return [np.asarray(line.get_ydata()).tolist() for line in axis.lines]  # type: ignore[attr-defined]


def heights(axis: object, colour: str) -> list[float]:
    from matplotlib.colors import to_rgba

    bars = [patch for patch in axis.patches if patch.get_facecolor() == to_rgba(colour)]  # type: ignore[attr-defined]
    return [bar.get_height() for bar in bars]


def test_document_lengths_are_counted_on_both_sides_of_the_limit() -> None:
    (axis,) = plots.document_lengths([10, 10, 100, 128, 129, 1000], limit=128).axes
    assert sum(heights(axis, style.BLUE)) == 4
    assert sum(heights(axis, style.ORANGE)) == 2
    assert axis.get_title() == "67% fit into 128 tokens"


def test_batch_padding_draws_longest_and_mean() -> None:
    random, grouped = plots.batch_padding([2, 3, 4, 5], {"random": [[0, 3], [1, 2]], "grouped": [[0, 1], [2, 3]]}).axes
    assert (heights(random, style.ORANGE), heights(random, style.BLUE)) == ([5, 4], [3.5, 3.5])
    assert (heights(grouped, style.ORANGE), heights(grouped, style.BLUE)) == ([3, 5], [2.5, 4.5])
    assert random.get_title() == "random: 22% padding"


def test_padding_by_window_is_in_per_cent() -> None:
    (axis,) = plots.padding_by_window([32, 64], [0.5, 0.25], 0.1).axes
    assert all_drawn(axis) == [[50, 25], [10, 10]]


def test_chosen_per_batch_has_the_binomial_law() -> None:
    (axis,) = plots.chosen_per_batch([1, 1], [0, 1, 1, 2], tokens=2, share=0.5).axes
    assert drawn(axis) == pytest.approx([0.25, 0.5, 0.25])
    assert [patch.get_height() for patch in axis.patches] == pytest.approx([0.25, 0.5, 0.25])  # type: ignore[attr-defined]


def test_the_binomial_law_of_a_large_batch_is_scipys() -> None:
    (axis,) = plots.chosen_per_batch([512], [500, 512, 530], tokens=2048, share=0.25).axes
    assert drawn(axis) == pytest.approx(binom.pmf(range(500, 531), 2048, 0.25).tolist())


def test_a_mask_map_shows_the_kind_of_each_position() -> None:
    kinds = [[0, 1, 2], [3, 4, 5]]
    figure = plots.mask_map(torch.tensor(kinds), "title", rows="epoch")
    shown = figure.axes[0].collections[0].get_array()
    assert shown is not None
    assert shown.tolist() == kinds
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(plots.MASK_KINDS)


def test_replacement_shares_are_in_per_cent() -> None:
    (axis,) = plots.replacement_shares({"one": [0.8, 0.1, 0.1], "two": [0.7, 0.2, 0.1]}, (0.8, 0.1, 0.1)).axes
    assert heights(axis, style.BLUE) == pytest.approx([80, 10, 10])
    assert heights(axis, style.ORANGE) == pytest.approx([70, 20, 10])


def test_smoothing_draws_the_weights_and_what_was_hidden() -> None:
    left, right = plots.smoothing([1, 100], {0.0: [5, 50], 0.5: [6, 60]}, {"the": 100}).axes
    assert all_drawn(left)[:2] == [[1, 1], [1, pytest.approx(0.1)]]
    assert all_drawn(right) == [[5, 50], [6, 60]]
    assert [text.get_text() for text in left.texts] == ["the"]


def test_a_map_has_queries_down_keys_across_and_writes_its_weights() -> None:
    axis = plots.attention_maps({"head": [[0.9, 0.1], [0.2, 0.8]]}, ["a", "b"], "title", digits=True).axes[0]
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): "0.90", (1, 0): "0.10", (0, 1): "0.20", (1, 1): "0.80"}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert axis.images[0].get_array().tolist() == [[0.9, 0.1], [0.2, 0.8]]  # type: ignore[union-attr]


def test_a_panel_for_each_number_of_the_heads() -> None:
    first, second, scale = plots.head_profiles({"before": [[1.0, 0.0]], "after": [[0.0, 0.5]]}, "title").axes
    assert [axis.images[0].get_array().tolist() for axis in (first, second)] == [[[1.0, 0.0]], [[0.0, 0.5]]]  # type: ignore[union-attr]
    assert scale.get_ylabel() == "mean weight"


def test_lines_over_width_and_length_are_the_numbers_given() -> None:
    lines = {"one": [1.0, 2.0], "other": [3.0, 5.0]}
    for figure in (
        plots.softmax_by_width([4, 16], {"entropy": lines}),
        plots.cost_by_length([4, 16], {"MiB": lines}, "title"),
    ):
        drawn = {
            str(line.get_label()): [float(y) for y in np.asarray(line.get_ydata())] for line in figure.axes[0].lines
        }
        assert drawn == lines


def test_one_chapter_is_lit_and_all_are_named() -> None:
    for chapter in (1, 12):
        axis = plots.where_we_are(chapter).axes[0]
        texts = [text for text in axis.texts if text.get_text()]
        lit = [text.get_text() for text in texts if text.get_fontweight() == "bold"]
        assert len(texts) == len(style.CHAPTERS) == 12
        assert lit == [f"{chapter}\n{style.CHAPTERS[chapter - 1]}"]


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


def test_a_choice_of_layers_is_numbered_as_in_the_student() -> None:
    (axis,) = plots.layer_choices({"one": (0, 2, 4), "other": (1, 5)}, 6, "t").axes
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): "0", (2, 0): "1", (4, 0): "2", (1, 1): "0", (5, 1): "1"}
    assert len(axis.collections) == 12


def test_likeness_is_written_in_and_the_best_of_a_row_is_framed() -> None:
    axis, scale = plots.layer_likeness({"p": torch.tensor([[0.25, 0.5, 0.125], [0.75, 0.5, 1.0]])}, "t").axes
    assert [text.get_text() for text in axis.texts] == ["0.25", "0.50", "0.12", "0.75", "0.50", "1.00"]
    assert [round(patch.get_x() + 0.47) for patch in axis.patches] == [1, 2]  # type: ignore[attr-defined]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["emb", "0", "1"]
    assert scale.get_ylabel() == "mean cosine"


def test_bars_are_ranked_and_the_marked_ones_named() -> None:
    (axis,) = plots.ranked({"a": 1.0, "b": 3.0, "c": 2.0}, {"c": "this one"}, "x", "t").axes
    assert widths(axis) == [3.0, 2.0, 1.0]
    assert [text.get_text().strip() for text in axis.texts] == ["", "this one", ""]
    colours = [patch.get_facecolor() for patch in axis.patches]
    assert colours[0] == colours[2] != colours[1]


def test_arrows_lead_from_before_to_after() -> None:
    (axis,) = plots.before_and_after({"a": 0.1, "b": 0.2}, {"a": 0.3, "b": 0.25}, 0.5, "x", "t").axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axis.lines[:2]] == [[0.1, 0.2], [0.3, 0.25]]
    assert np.asarray(axis.lines[2].get_xdata()).tolist() == [0.5, 0.5]
    arrows = [(text.xyann[0], text.xy[0]) for text in axis.texts]  # type: ignore[attr-defined]
    assert arrows == [(0.1, 0.3), (0.2, 0.25)]


def test_distributions_stand_side_by_side_word_by_word() -> None:
    axis = plots.distributions(["a", "b"], {"truth": [0.25, 0.75], "student": [0.5, 0.5]}, "t").axes[0]
    assert (heights(axis, style.GREY), heights(axis, style.BLUE)) == ([0.25, 0.75], [0.5, 0.5])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]


def test_a_landscape_reaches_as_far_as_it_is_told() -> None:
    axis = plots.landscapes({"loss": torch.eye(5)}, 2.0, (1.0, 1.5), "t").axes[0]
    assert axis.get_xlim() == axis.get_ylim() == (-2, 2)
    assert [text.get_position() for text in axis.texts if text.get_text() == " teacher"] == [(1.0, 1.5)]


def test_counted_positions_are_lit() -> None:
    axis = plots.counted_positions(["x", "y"], {"L_1": [True, False], "L_2": [True, True]}, "t").axes[0]
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (0, 0): "●", (1, 0): "·", (0, 1): "●", (1, 1): "●",
    }  # fmt: skip
    assert [label.get_text() for label in axis.get_yticklabels()] == ["L_1", "L_2"]


def test_dark_knowledge_counts_holes_and_draws_the_ranks() -> None:
    left, right = plots.dark_knowledge([0.5, 0.52, 0.99], [0.4, 0.3], 0.1, "t").axes
    assert sum(heights(left, style.BLUE)) == 3
    assert np.asarray(right.lines[0].get_xdata()).tolist() == [2, 3]
    assert all_drawn(right) == [[0.4, 0.3], [0.1, 0.1]]


def test_distance_by_examples_draws_medians_and_every_seed() -> None:
    axis = plots.distance_by_examples([10, 20], {"text": [[3.0, 1.0, 2.0], [0.5, 0.4, 0.9]]}, 0.05, "t").axes[0]
    assert all_drawn(axis) == [[2.0, 0.5], [3.0, 1.0, 2.0], [0.5, 0.4, 0.9], [0.05, 0.05]]


def test_clipped_gradients_are_drawn_from_the_origin() -> None:
    (axis,) = plots.clipped_gradients([[3.0, 4.0]], {"one": [[0.6, 0.8]]}, limit=1.0, title="t").axes
    assert [arrow.xy for arrow in axis.texts] == [(3.0, 4.0), (0.6, 0.8)]  # type: ignore[attr-defined]
    assert {arrow.xyann for arrow in axis.texts} == {(0, 0)}  # type: ignore[attr-defined]
    assert [patch.radius for patch in axis.patches] == [1.0]  # type: ignore[attr-defined]


def test_number_gaps_are_bars_from_the_smallest_to_the_largest_number() -> None:
    (axis,) = plots.number_gaps({"a": (0.25, 0.5, 4.0), "b": (0.5, 1.0, 2.0)}, "t").axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axis.lines] == [[0.5, 4.0], [1.0, 2.0]]
    assert all_drawn(axis) == [[0.25, 0.25], [0.5, 0.5]]
    assert [text.get_text().strip() for text in axis.texts] == ["a", "b"]


def test_every_micro_batch_has_the_colour_of_its_reader() -> None:
    figure = plots.readers([[[0, 2], [1, 3]], [[4, 6], [5, 7]]], "t")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["0", "2", "1", "3", "4", "6", "5", "7"]
    places = [np.asarray(dots.get_offsets())[:, 0].tolist() for dots in axis.collections]
    assert places == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert [np.asarray(line.get_xdata())[0] for line in axis.lines] == [3.5, 7.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["process 0", "process 1"]


def test_reliability_is_drawn_without_empty_bins_and_with_areas_by_count() -> None:
    bins = (torch.tensor([3, 0, 1]), torch.tensor([0.25, float("nan"), 0.875]), torch.tensor([0.5, float("nan"), 1.0]))
    (axis,) = plots.reliability_diagram({"teacher": bins}, "t").axes
    assert all_drawn(axis) == [[0, 1], [0.5, 1.0]]
    assert np.asarray(axis.lines[1].get_xdata()).tolist() == [0.25, 0.875]
    small, large = sorted(axis.collections[0].get_sizes().tolist())  # type: ignore[attr-defined]
    assert large == 3 * small


def test_intervals_are_drawn_from_low_to_high() -> None:
    (axis,) = plots.with_intervals({"a": (2.0, 1.0, 4.0), "b": (3.0, 2.5, 3.5)}, "x", "t").axes
    drawn_from = [np.asarray(line.get_xdata()).tolist() for line in axis.lines]
    assert drawn_from == [[1.0, 4.0], [2.0], [2.5, 3.5], [3.0]]
    assert "2.0  (1.0 to 4.0)" in axis.texts[0].get_text()


def test_an_ablation_shows_every_seed_and_the_papers_row_beside_it() -> None:
    left, right = plots.ablation({"a": [-1.0, -3.0], "b": [-30.0]}, {"a": -2.5}, -5.0, "t").axes
    assert widths(left) == [-2.0, -30.0]
    assert left.get_xlim()[0] == -5
    assert [text.get_text().strip() for text in left.texts] == ["-2.0", "◀ -30.0"]
    assert [np.asarray(line.get_xdata()).tolist() for line in left.lines[:2]] == [[-1.0, -3.0], [-30.0]]
    assert widths(right) == [-2.5]
    assert [text.get_text().strip() for text in right.texts] == ["-2.50", "not in the paper"]
    (alone,) = plots.ablation({"a": [1.0, 2.0], "b": [-1.0]}, None, -3.0, "t").axes
    assert widths(alone) == [1.5, -1.0]
    assert alone.get_xlim()[1] > 2


def test_runs_are_ranked_and_one_is_marked() -> None:
    (axis,) = plots.ladder_of_runs({"a": 0.9, "b": 0.5}, "a", 0.97, "t").axes
    assert widths(axis) == [50, 90]
    assert np.asarray(axis.lines[0].get_xdata()).tolist() == [97, 97]
    assert heights_of(axis, style.ORANGE) == [90]


def heights_of(axis: object, colour: str) -> list[float]:
    from matplotlib.colors import to_rgba

    return [
        bar.get_width()
        for bar in axis.patches  # type: ignore[attr-defined]
        if bar.get_facecolor()[:3] == to_rgba(colour)[:3]
    ]


def test_a_table_of_differences_is_ordered_by_word_and_white_at_0() -> None:
    axis = plots.difference_table(
        torch.tensor([[2.0, -1.0], [4.0, 0.0]]), ["x", "y"], ["up", "down"], "nats", "t"
    ).axes[0]
    assert np.asarray(axis.images[0].get_array()).tolist() == [[-1, 2], [0, 4]]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["down", "up"]
    assert axis.images[0].get_clim() == (-4, 4)


def test_intervals_are_drawn_row_by_row_with_a_line_at_0_in_sight_of_it() -> None:
    (axis,) = plots.intervals({"a": (1.0, 0.5, 2.0), "b": (0.0, -1.0, 1.0)}, "x", "t", {"b"}, "marked").axes
    bars, dots = axis.lines[0:4:2], axis.lines[1:4:2]
    assert [list(np.asarray(bar.get_xdata())) for bar in bars] == [[0.5, 2.0], [-1.0, 1.0]]
    assert [float(np.asarray(dot.get_xdata()).item()) for dot in dots] == [1.0, 0.0]
    assert bars[0].get_color() != bars[1].get_color()
    assert list(np.asarray(axis.lines[4].get_xdata())) == [0, 0]
    (axis,) = plots.intervals({"a": (1.0, 0.5, 2.0)}, "x", "t").axes
    assert axis.get_xlim()[0] == 0


def test_words_lie_at_their_two_values_with_the_line_of_least_squares() -> None:
    across, up = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([-0.4, 0.1, 0.6])
    (axis,) = plots.word_against_word({"p": (across, up)}, ["a", "b", "c"], {"b"}, ("x", "y"), "t").axes
    diagonal, line, dots = axis.lines[:3]
    assert np.asarray(diagonal.get_xdata()).tolist() == np.asarray(diagonal.get_ydata()).tolist()
    slope, intercept = np.polyfit(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), 1)
    assert (slope, intercept) == (pytest.approx(0.5), pytest.approx(0.1))
    assert drawn_at(dots) == [(-1.0, pytest.approx(-0.4)), (0.0, pytest.approx(0.1)), (1.0, pytest.approx(0.6))]
    assert [text.get_text() for text in axis.texts] == ["b"]


def drawn_at(line: object) -> list[tuple[float, float]]:
    return list(zip(*(np.asarray(values).tolist() for values in line.get_data()), strict=True))  # type: ignore[attr-defined]


def test_the_swapped_values_are_counted_and_the_observed_one_is_marked() -> None:
    (axis,) = plots.swapped(torch.tensor([0.1, 0.1, 0.4]), 0.3, "x", "t").axes
    assert sum(patch.get_height() for patch in axis.patches) == 3  # type: ignore[attr-defined]
    assert np.asarray(axis.lines[0].get_xdata()).tolist() == [0.3, 0.3]


def test_number_lines_show_values_and_what_became_of_them() -> None:
    (axis,) = plots.number_lines({"fine": ([0.1, 0.9], [0.0, 1.0]), "coarse": ([0.4], [0.0])}, "t").axes
    marked = [line for line in axis.lines if line.get_marker() in ("o", "|")]
    shown = [np.asarray(line.get_xdata()).tolist() for line in marked]
    assert [each for each in shown if each] == [[0.0, 1.0], [0.1, 0.9], [0.0], [0.4]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["fine", "coarse"]


def test_errors_of_rounding_have_their_bound() -> None:
    panels = {"one": (torch.tensor([[1.0, 2.0], [0.1, -0.2]]), 0.25), "two": (torch.tensor([[3.0], [0.0]]), 0.5)}
    figure = plots.rounding_errors(panels, "t")
    first = figure.axes[0]
    assert drawn(first) == pytest.approx([0.1, -0.2])
    assert [np.asarray(line.get_ydata())[0] for line in first.lines[1:]] == [-0.25, 0.25]
    assert [axis.get_title() for axis in figure.axes] == ["one", "two"]


def test_rows_are_in_the_order_of_the_first_way() -> None:
    (axis,) = plots.by_row({"one": [3.0, 1.0, 2.0], "other": [5.0, 6.0, 7.0]}, "x", "y", "t").axes
    assert [np.asarray(line.get_ydata()).tolist() for line in axis.lines] == [[1.0, 2.0, 3.0], [6.0, 7.0, 5.0]]


def test_names_of_neighbouring_dots_stay_inside_and_do_not_cover_each_other() -> None:
    points = {"the largest one": (420.0, 1.0), "the greyest one": (130.0, 0.23), "the palest one": (65.0, 0.25)}
    axis: Any = plots.trade_offs(points, "x", "y", "t").axes[0]
    boxes = [text.get_window_extent() for text in axis.texts]
    dots = [axis.transData.transform(point) for point in points.values()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert not any(box.contains(*dot) for box in boxes for dot in dots)
    assert all(box.x0 >= axis.get_window_extent().x0 for box in boxes)


def test_trade_offs_name_each_dot() -> None:
    axis: Any = plots.trade_offs({"a": (1.0, 2.0), "b": (3.0, 0.5)}, "x", "y", "t").axes[0]
    assert [(text.get_text(), text.xy) for text in axis.texts] == [("a", (1.0, 2.0)), ("b", (3.0, 0.5))]
    assert axis.get_xlim()[0] == axis.get_ylim()[0] == 0


def test_names_of_neighbouring_dots_do_not_cover_each_other() -> None:
    points = {"the first": (1.0, 0.25), "the second": (1.3, 0.24), "the third": (4.0, 1.0)}
    axis: Any = plots.trade_offs(points, "x", "y", "t").axes[0]
    first, second, third = (text.get_window_extent() for text in axis.texts)
    assert not first.overlaps(second)
    assert not second.overlaps(third)
