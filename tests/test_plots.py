"""Pictures show the numbers they were given."""

from pathlib import Path

import pytest

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
