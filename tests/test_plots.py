"""Pictures show the numbers they were given."""

from pathlib import Path

import pytest
import torch

from minidistil import plots


def widths(axis: object) -> list[float]:
    return [patch.get_width() for patch in axis.patches]  # type: ignore[attr-defined]


def drawn(axis: object) -> list[float]:
    return list(axis.lines[0].get_ydata())  # type: ignore[attr-defined]


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
    plots.save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_notebook_shows_a_picture_as_the_result_of_its_cell() -> None:
    figure = plots.guesses({"one": [{"token_str": "a", "score": 0.5}]}, "title")
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def all_drawn(axis: object) -> list[list[float]]:
    return [list(line.get_ydata()) for line in axis.lines]  # type: ignore[attr-defined]


def heights(axis: object, colour: str) -> list[float]:
    from matplotlib.colors import to_rgba

    bars = [patch for patch in axis.patches if patch.get_facecolor() == to_rgba(colour)]  # type: ignore[attr-defined]
    return [bar.get_height() for bar in bars]


def test_document_lengths_are_counted_on_both_sides_of_the_limit() -> None:
    (axis,) = plots.document_lengths([10, 10, 100, 128, 129, 1000], limit=128).axes
    assert sum(heights(axis, plots.BLUE)) == 4
    assert sum(heights(axis, plots.ORANGE)) == 2
    assert axis.get_title() == "67% fit into 128 tokens"


def test_batch_padding_draws_longest_and_mean() -> None:
    random, grouped = plots.batch_padding([2, 3, 4, 5], {"random": [[0, 3], [1, 2]], "grouped": [[0, 1], [2, 3]]}).axes
    assert (heights(random, plots.ORANGE), heights(random, plots.BLUE)) == ([5, 4], [3.5, 3.5])
    assert (heights(grouped, plots.ORANGE), heights(grouped, plots.BLUE)) == ([3, 5], [2.5, 4.5])
    assert random.get_title() == "random: 22% padding"


def test_padding_by_window_is_in_per_cent() -> None:
    (axis,) = plots.padding_by_window([32, 64], [0.5, 0.25], 0.1).axes
    assert all_drawn(axis) == [[50, 25], [10, 10]]


def test_chosen_per_batch_has_the_binomial_law() -> None:
    (axis,) = plots.chosen_per_batch([1, 1], [0, 1, 1, 2], tokens=2, share=0.5).axes
    assert drawn(axis) == pytest.approx([0.25, 0.5, 0.25])
    assert [patch.get_height() for patch in axis.patches] == pytest.approx([0.25, 0.5, 0.25])  # type: ignore[attr-defined]


def test_a_mask_map_shows_the_kind_of_each_position() -> None:
    kinds = [[0, 1, 2], [3, 4, 5]]
    figure = plots.mask_map(torch.tensor(kinds), "title", rows="epoch")
    shown = figure.axes[0].collections[0].get_array()
    assert shown is not None
    assert shown.tolist() == kinds
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(plots.MASK_KINDS)


def test_replacement_shares_are_in_per_cent() -> None:
    (axis,) = plots.replacement_shares({"one": [0.8, 0.1, 0.1], "two": [0.7, 0.2, 0.1]}, (0.8, 0.1, 0.1)).axes
    assert heights(axis, plots.BLUE) == pytest.approx([80, 10, 10])
    assert heights(axis, plots.ORANGE) == pytest.approx([70, 20, 10])


def test_smoothing_draws_the_weights_and_what_was_hidden() -> None:
    left, right = plots.smoothing([1, 100], {0.0: [5, 50], 0.5: [6, 60]}, {"the": 100}).axes
    assert all_drawn(left)[:2] == [[1, 1], [1, pytest.approx(0.1)]]
    assert all_drawn(right) == [[5, 50], [6, 60]]
    assert [text.get_text() for text in left.texts] == ["the"]
