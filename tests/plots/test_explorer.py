"""An explorer draws again when a control is moved, and shows a still picture where there is no front end."""

from minidistil.plots.explorer import explorer
from minidistil.plots.style import Figure, new_figure


def draw(power: int = 2, word: str = "a") -> Figure:
    figure, (axis,) = new_figure(2, 2)
    axis.set_title(f"{word}: {2**power}")
    return figure


def test_a_control_that_moves_changes_the_picture() -> None:
    shown = explorer(draw, power=(0, 10), word="b")
    first = shown.image.value
    assert shown.figure.axes[0].get_title() == "b: 4"
    shown.controls["power"].value = 5
    assert shown.figure.axes[0].get_title() == "b: 32"
    assert 'alt="b: 32"' in shown.image.value
    assert shown.image.value.split("alt")[0] != first.split("alt")[0]


def test_without_a_front_end_there_is_a_picture_with_its_words() -> None:
    data, metadata = explorer(draw, power=(0, 10))._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "a: 4"
    assert data["text/plain"] == "<Explorer of power, word>"
    assert "application/vnd.jupyter.widget-view+json" in data
