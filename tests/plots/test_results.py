"""Pictures of chapters 8 to 12 show the numbers they were given."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.transforms import Bbox

from minidistil import plots
from minidistil.ch10_tasks.task_metrics import accuracy
from minidistil.plots.style import GREEN, ORANGE, SKY
from tests.plots.drawn import axes_of, bars, cells, heights, squares, widths, words, xs, ys


def test_training_curves_have_every_logged_term(tmp_path: Path) -> None:
    log = [{"tokens": 1e6 * n, "learning_rate": 0.1, "loss": 1.0, "ce": 3.0, "mlm": 2.0, "cos": 1.0} for n in (1, 2, 3)]
    figure = plots.training_curves(log)
    assert [ys(axis.lines[0]) for axis in axes_of(figure)] == [[3.0] * 3, [2.0] * 3, [1.0] * 3, [0.1] * 3]
    taught = plots.training_curves([{"tokens": 1e6, "learning_rate": 0.1, "loss": 7.0}])
    assert ys(axes_of(taught)[0].lines[0]) == [7.0]
    log[1] |= {"validation_loss": 2.5}
    held_out = axes_of(plots.training_curves(log))[1].lines[2]
    assert (xs(held_out), ys(held_out)) == ([2.0], [2.5])
    plots.save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_won_and_lost_is_in_per_cent_of_the_teacher() -> None:
    metrics = {
        "student_parameters": 30, "teacher_parameters": 40, "speedup": 2.0, "retention": 0.9,
        "student_masked_accuracy_before": 0.2, "teacher_masked_accuracy": 0.5,
    }  # fmt: skip
    (axis,) = axes_of(plots.won_and_lost(metrics))
    assert widths(axis) == pytest.approx([75, 50, 40, 90])


def test_clipped_gradients_are_drawn_from_the_origin() -> None:
    (axis,) = axes_of(plots.clipped_gradients([[3.0, 4.0]], {"one": [[0.6, 0.8]]}, limit=1.0, title="t"))
    assert [(arrow.xyann, arrow.xy) for arrow in axis.texts] == [((0, 0), (3.0, 4.0)), ((0, 0), (0.6, 0.8))]
    assert [patch.radius for patch in axis.patches] == [1.0]


def test_number_gaps_are_bars_from_the_smallest_to_the_largest_number() -> None:
    (axis,) = axes_of(plots.number_gaps({"a": (0.25, 0.5, 4.0), "b": (0.5, 1.0, 2.0)}, "t"))
    assert list(map(xs, axis.lines)) == [[0.5, 4.0], [1.0, 2.0]]
    assert list(map(ys, axis.lines)) == [[0.25, 0.25], [0.5, 0.5]]
    assert words(axis.texts) == ["a", "b"]


def test_every_micro_batch_has_the_colour_of_its_process() -> None:
    figure = plots.readers([[[0, 2], [1, 3]], [[4, 6], [5, 7]]], "t")
    (axis,) = axes_of(figure)
    assert words(axis.texts) == ["0", "2", "1", "3", "4", "6", "5", "7"]
    assert [dots.get_offsets()[:, 0].tolist() for dots in axis.collections] == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert [xs(line)[0] for line in axis.lines] == [3.5, 7.5]
    assert words(figure.legends[0].get_texts()) == ["process 0", "process 1"]


def test_reliability_is_drawn_without_empty_bins_and_with_areas_by_count() -> None:
    nan = float("nan")
    bins = torch.tensor([3, 0, 1]), torch.tensor([0.25, nan, 0.875]), torch.tensor([0.5, nan, 1.0])
    (axis,) = axes_of(plots.reliability_diagram({"teacher": bins}, "t"))
    assert list(map(ys, axis.lines)) == [[0, 1], [0.5, 1.0]]
    assert xs(axis.lines[1]) == [0.25, 0.875]
    small, large = sorted(axis.collections[0].get_sizes().tolist())
    assert large == 3 * small


def test_intervals_are_drawn_from_low_to_high() -> None:
    (axis,) = axes_of(plots.with_intervals({"a": (2.0, 1.0, 4.0), "b": (3.0, 2.5, 3.5)}, "x", "t"))
    assert list(map(xs, axis.lines)) == [[1.0, 4.0], [2.0], [2.5, 3.5], [3.0]]
    assert words(axis.texts) == ["2.0  (1.0 to 4.0)", "3.0  (2.5 to 3.5)"]


def test_an_ablation_shows_every_seed_and_the_row_of_the_paper_beside_it() -> None:
    left, right = axes_of(plots.ablation({"a": [-1.0, -3.0], "b": [-30.0]}, {"a": -2.5}, -5.0, "t"))
    assert (widths(left), widths(right)) == ([-2.0, -30.0], [-2.5])
    assert left.get_xlim()[0] == -5
    assert words(left.texts) == ["-2.0", "◀ -30.0"]
    assert list(map(xs, left.lines[:2])) == [[-1.0, -3.0], [-30.0]]
    assert words(right.texts) == ["-2.50", "not in the paper"]
    (alone,) = axes_of(plots.ablation({"a": [1.0, 2.0], "b": [-1.0]}, None, -3.0, "t"))
    assert widths(alone) == [1.5, -1.0]
    assert alone.get_xlim()[1] > 2


def test_runs_are_ranked_and_one_is_marked() -> None:
    (axis,) = axes_of(plots.ladder_of_runs({"a": 0.9, "b": 0.5}, "a", "share", "t", 0.97))
    assert (widths(axis), widths(axis, ORANGE)) == ([50, 90], [90])
    assert xs(axis.lines[0]) == [97, 97]
    (plain,) = axes_of(plots.ladder_of_runs({"a": 0.9, "b": 0.5}, "a", "share", "t"))
    assert (len(plain.lines), plain.get_xlabel()) == (0, "share")


def test_the_course_of_a_finetuning() -> None:
    log = [{"step": 10, "loss": 0.7}, {"step": 20, "loss": 0.5}]
    epochs = [{"epoch": n, "metrics": {"validation": {"accuracy": n / 4, "f1": n / 5}}} for n in (1, 2)]
    left, right = axes_of(plots.finetuning_curves(log, epochs, 10, "title"))
    assert (xs(left.lines[0]), ys(left.lines[0])) == ([1, 2], [0.7, 0.5])
    assert {line.get_label(): ys(line) for line in right.lines} == {"accuracy": [0.25, 0.5], "f1": [0.2, 0.4]}


def test_a_single_line_of_the_log_can_be_seen_and_the_first_of_several_sets_is_named() -> None:
    epochs = [{"epoch": n, "metrics": {"matched": {"accuracy": 0.5}, "mismatched": {"accuracy": 0.4}}} for n in (1, 2)]
    left, right = axes_of(plots.finetuning_curves([{"step": 4, "loss": 0.7}], epochs, 2, "title"))
    assert left.lines[0].get_marker() == "o"
    assert left.get_xlim() == (0, 2)
    assert right.get_ylabel() == "development set (matched)"
    assert ys(right.lines[0]) == [0.5, 0.5]


def test_a_confusion_matrix_has_every_count_in_its_place() -> None:
    (axis,) = axes_of(plots.confusion_matrix([[90, 10], [1500, 1]], ["no", "yes"], "title"))
    assert cells(axis) == {(0, 0): "90", (1, 0): "10", (0, 1): "1,500", (1, 1): "1"}
    assert squares(axis) == [[0.9, 0.1], [1500 / 1501, 1 / 1501]]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("guessed", "right answer")


def test_a_blind_guesser_gets_what_the_metric_says() -> None:
    (axis,) = axes_of(plots.blind_guesses(0.7, "title"))
    drawn = {line.get_label(): ys(line) for line in axis.lines}
    right = [1] * 7 + [0] * 3
    assert np.isclose(drawn["accuracy"][-1], accuracy(right, [1] * 10))
    assert np.isclose(drawn["accuracy"][0], accuracy(right, [0] * 10))
    assert set(drawn["Matthews' correlation"]) == {0.0}


def test_learning_curves_are_drawn_point_by_point() -> None:
    (axis,) = axes_of(plots.learning_curves({"all": {50: 0.5, 100: 0.9}, "head": {100: 0.6}}, 0.55, "title"))
    drawn = {line.get_label(): ys(line) for line in axis.lines if not str(line.get_label()).startswith("_")}
    assert drawn == {"all": [0.5, 0.9], "head": [0.6]}
    assert words(axis.get_xticklabels()) == ["50", "100"]


def test_scores_are_bars_of_means_with_a_dot_for_each_seed() -> None:
    models = {"teacher": {"cola": [40.0, 50.0], "rte": [60.0]}, "student": {"cola": [20.0], "rte": []}}
    ours, paper = axes_of(plots.task_scores({"here": models, "there": {"BERT": {"cola": [56.3]}}}, "title"))
    assert heights(ours) == [45, 60, 20], "a task without a score has no bar"
    assert list(map(ys, ours.lines)) == [[40, 50], [60], [20]]
    assert words(ours.get_xticklabels()) == ["cola", "rte"]
    assert heights(paper) == [56.3]


def test_windows_are_bars_and_those_with_the_whole_answer_are_green() -> None:
    (axis,) = axes_of(plots.window_map([(0, 10), (5, 15), (10, 18)], (8, 11), "t"))
    colours = {
        colour: [(bar.get_x(), bar.get_width()) for bar in bars(axis, colour)] for colour in (SKY, GREEN, ORANGE)
    }
    assert colours == {SKY: [(0, 10), (10, 8)], GREEN: [(5, 10)], ORANGE: [(8, 4)]}
    assert words(axis.get_yticklabels()) == ["window 1", "window 2", "window 3"]


def test_scores_of_spans_are_squares_and_the_others_are_blank() -> None:
    sums = torch.tensor([[1.0, 2.0], [-torch.inf, 4.0]])
    axis = axes_of(plots.span_scores(sums, ["one", "two"], (0, 1), "t"))[0]
    assert np.ma.filled(np.ma.masked_invalid(axis.images[0].get_array()), -1).tolist() == [[1, 2], [-1, 4]]
    assert axis.collections[0].get_offsets().tolist() == [[1, 0]]  # x is the last token
    assert words(axis.get_xticklabels()) == ["one", "two"]


def test_rows_are_in_the_order_of_the_first_way() -> None:
    (axis,) = axes_of(plots.by_row({"one": [3.0, 1.0, 2.0], "other": [5.0, 6.0, 7.0]}, "x", "y", "t"))
    assert list(map(ys, axis.lines)) == [[1.0, 2.0, 3.0], [6.0, 7.0, 5.0]]


def test_number_lines_show_values_and_rounded_values() -> None:
    (axis,) = axes_of(plots.number_lines({"fine": ([0.1, 0.9], [0.0, 1.0]), "coarse": ([0.4], [0.0])}, "t"))
    shown = [xs(line) for line in axis.lines if line.get_marker() in ("o", "|")]
    assert [each for each in shown if each] == [[0.0, 1.0], [0.1, 0.9], [0.0], [0.4]]
    assert words(axis.get_yticklabels()) == ["fine", "coarse"]


def test_rounding_errors_have_their_bound() -> None:
    panels = {"one": (torch.tensor([[1.0, 2.0], [0.1, -0.2]]), 0.25), "two": (torch.tensor([[3.0], [0.0]]), 0.5)}
    first, second = axes_of(plots.rounding_errors(panels, "t"))
    assert ys(first.lines[0]) == pytest.approx([0.1, -0.2])
    assert [ys(line)[0] for line in first.lines[1:]] == [-0.25, 0.25]
    assert (first.get_title(), second.get_title()) == ("one", "two")


def test_trade_offs_name_each_dot() -> None:
    (axis,) = axes_of(plots.trade_offs({"a": (1.0, 2.0), "b": (3.0, 0.5)}, "x", "y", "t"))
    assert [(text.get_text(), text.xy) for text in axis.texts] == [("a", (1.0, 2.0)), ("b", (3.0, 0.5))]
    assert axis.get_xlim()[0] == axis.get_ylim()[0] == 0


@pytest.mark.parametrize(
    "points",
    [
        {"the largest one": (420.0, 1.0), "the greyest one": (130.0, 0.23), "the palest one": (65.0, 0.25)},
        {"the first": (1.0, 0.25), "the second": (1.3, 0.24), "the third": (4.0, 1.0)},
    ],
)
def test_names_of_neighbouring_dots_stay_inside_and_cover_nothing(points: dict[str, tuple[float, float]]) -> None:
    (axis,) = axes_of(plots.trade_offs(points, "x", "y", "t"))
    boxes = [text.get_window_extent() for text in axis.texts]
    middles = [axis.transData.transform(point) for point in points.values()]
    radius = axis.lines[0].get_markersize() / 2 * axis.figure.dpi / 72
    dots = [Bbox.from_extents(*(middle - radius), *(middle + radius)) for middle in middles]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert not any(box.overlaps(dot) for box in boxes for dot in dots)
    assert all(box.x0 >= axis.get_window_extent().x0 for box in boxes)


def test_a_table_of_differences_is_ordered_by_word_and_white_at_0() -> None:
    axis, _ = axes_of(
        plots.difference_table(torch.tensor([[2.0, -1.0], [4.0, 0.0]]), ["x", "y"], ["up", "down"], "nats", "t")
    )
    assert squares(axis) == [[-1, 2], [0, 4]]
    assert words(axis.get_xticklabels()) == ["down", "up"]
    assert axis.images[0].get_clim() == (-4, 4)


def test_intervals_are_drawn_row_by_row_with_a_line_at_0_if_one_is_negative() -> None:
    (axis,) = axes_of(plots.intervals({"a": (1.0, 0.5, 2.0), "b": (0.0, -1.0, 1.0)}, "x", "t", {"b"}, "marked"))
    assert list(map(xs, axis.lines[:5])) == [[0.5, 2.0], [1.0], [-1.0, 1.0], [0.0], [0, 0]]
    assert axis.lines[0].get_color() != axis.lines[2].get_color()
    (axis,) = axes_of(plots.intervals({"a": (1.0, 0.5, 2.0)}, "x", "t"))
    assert axis.get_xlim()[0] == 0


def test_words_lie_at_their_two_values_with_the_least_squares_line() -> None:
    pair = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([-0.4, 0.1, 0.6])
    (axis,) = axes_of(plots.word_against_word({"p": pair}, ["a", "b", "c"], {"b"}, ("x", "y"), "t"))
    diagonal, line, dots = axis.lines[:3]
    assert xs(diagonal) == ys(diagonal)
    assert np.polyfit(xs(line), ys(line), 1).tolist() == pytest.approx([0.5, 0.1])
    assert (xs(dots), ys(dots)) == ([-1, 0, 1], pytest.approx([-0.4, 0.1, 0.6]))
    assert words(axis.texts) == ["b"]


def test_a_words_name_covers_no_dot_of_another_word() -> None:
    pair = torch.tensor([0.0, 0.1, -1.0]), torch.tensor([0.0, 0.07, -1.0])
    (axis,) = axes_of(plots.word_against_word({"p": pair}, ["middle", "b", "c"], {"middle"}, ("x", "y"), "t"))
    assert not axis.texts[0].get_window_extent().contains(*axis.transData.transform((0.1, 0.07)))


def test_the_swapped_values_are_counted_and_the_observed_one_is_marked() -> None:
    (axis,) = axes_of(plots.swapped(torch.tensor([0.1, 0.1, 0.4]), 0.3, "x", "t"))
    assert sum(heights(axis)) == 3
    assert xs(axis.lines[0]) == [0.3, 0.3]
