"""Chapter 10's pictures show the numbers they were given."""

import numpy as np

from minidistil import plots
from minidistil.ch10_tasks.task_metrics import accuracy


def ys(line: object) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()  # type: ignore[attr-defined]


def heights(axis: object) -> list[float]:
    return [patch.get_height() for patch in axis.patches]  # type: ignore[attr-defined]


def test_the_course_of_a_finetuning() -> None:
    log = [{"step": 10, "loss": 0.7}, {"step": 20, "loss": 0.5}]
    looks = [{"epoch": n, "metrics": {"validation": {"accuracy": n / 4, "f1": n / 5}}} for n in (1, 2)]
    left, right = plots.finetuning_curves(log, looks, 10, "title").axes
    assert np.asarray(left.lines[0].get_xdata()).tolist() == [1, 2]
    assert ys(left.lines[0]) == [0.7, 0.5]
    assert {line.get_label(): ys(line) for line in right.lines} == {"accuracy": [0.25, 0.5], "f1": [0.2, 0.4]}


def test_a_single_line_of_the_log_can_be_seen_and_the_first_of_several_sets_is_named() -> None:
    looks = [{"epoch": n, "metrics": {"matched": {"accuracy": 0.5}, "mismatched": {"accuracy": 0.4}}} for n in (1, 2)]
    left, right = plots.finetuning_curves([{"step": 4, "loss": 0.7}], looks, 2, "title").axes
    assert left.lines[0].get_marker() == "o"
    assert left.get_xlim() == (0, 2)
    assert right.get_ylabel() == "development set (matched)"
    assert ys(right.lines[0]) == [0.5, 0.5]


def test_a_confusion_matrix_has_every_count_in_its_place() -> None:
    (axis,) = plots.confusion_matrix([[90, 10], [1500, 1]], ["no", "yes"], "title").axes
    cells = {text.get_text(): text.get_position() for text in axis.texts}
    assert cells == {"90": (0, 0), "10": (1, 0), "1,500": (0, 1), "1": (1, 1)}
    assert np.asarray(axis.images[0].get_array()).tolist() == [[0.9, 0.1], [1500 / 1501, 1 / 1501]]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("guessed", "right answer")


def test_a_blind_guesser_gets_what_the_metric_says() -> None:
    (axis,) = plots.blind_guesses(0.7, "title").axes
    drawn = {line.get_label(): ys(line) for line in axis.lines}
    right = [1] * 7 + [0] * 3
    assert np.isclose(drawn["accuracy"][-1], accuracy(right, [1] * 10))
    assert np.isclose(drawn["accuracy"][0], accuracy(right, [0] * 10))
    assert set(drawn["Matthews' correlation"]) == {0.0}


def test_learning_curves_are_drawn_point_by_point() -> None:
    (axis,) = plots.learning_curves({"all": {50: 0.5, 100: 0.9}, "head": {100: 0.6}}, 0.55, "title").axes
    drawn = {line.get_label(): ys(line) for line in axis.lines if not str(line.get_label()).startswith("_")}
    assert drawn == {"all": [0.5, 0.9], "head": [0.6]}
    assert [label.get_text() for label in axis.get_xticklabels()] == ["50", "100"]


def test_scores_are_bars_of_means_with_a_dot_for_each_seed() -> None:
    models = {"teacher": {"cola": [40.0, 50.0], "rte": [60.0]}, "student": {"cola": [20.0], "rte": []}}
    ours, paper = plots.task_scores({"here": models, "there": {"BERT": {"cola": [56.3]}}}, "title").axes
    assert heights(ours) == [45, 60, 20], "a task without a score has no bar"
    assert [ys(line) for line in ours.lines] == [[40, 50], [60], [20]]
    assert [label.get_text() for label in ours.get_xticklabels()] == ["cola", "rte"]
    assert heights(paper) == [56.3]
