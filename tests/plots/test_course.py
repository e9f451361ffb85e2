"""The pictures of the clinic and of a certificate show what they were given."""

from minidistil import plots
from minidistil.plots.style import BLUE, GREEN, ORANGE
from tests.plots.drawn import axes_of, widths, words, xs, ys


def test_a_run_is_drawn_over_healthy_ones() -> None:
    run, healthy = ({"log": [{"step": step, "loss": slope * step} for step in (4, 8)]} for slope in (3.0, 1.0))
    (axis,) = axes_of(plots.against_healthy(run, [healthy, healthy], {"loss": "the loss"}))
    *grey, orange = axis.lines
    assert len(grey) == 2
    assert (orange.get_color(), xs(orange), ys(orange)) == (ORANGE, [4, 8], [12, 24])
    assert ys(grey[0]) == [4, 8]
    assert axis.get_title() == "the loss"


def test_a_certificate_counts_ones_own_pieces_and_says_what_the_student_keeps() -> None:
    chapters = [("3. Attention", ["a", "b"], ["c"]), ("4. Encoder", [], ["d"]), ("6. Losses", [], [])]
    content = {
        "pieces": [{"title": title, "yours": yours, "packages": packages} for title, yours, packages in chapters],
        "guesses": [{"word": "list", "score": 0.5}, {"word": "copy", "score": 0.25}],
        "name": "Ada", "text": "a [MASK]", "model": "minilm", "date": "2026-11-30", "machine": "a CPU",
        "student": {"retention": 0.875, "retention_interval": [0.86, 0.89], "seconds": 1800.0, "tokens": 4500},
    }  # fmt: skip
    figure = plots.certificate(content)
    left, right = axes_of(figure)
    assert figure.get_suptitle() == "2 of 4 pieces of a BERT, written by Ada"
    assert words(left.get_yticklabels()) == ["3. Attention", "4. Encoder"]
    from matplotlib.colors import to_rgb

    own = [dot for dot in left.collections if tuple(dot.get_facecolor()[0][:3]) == to_rgb(GREEN)]
    assert (len(own), len(left.collections)) == (2, 4)
    assert widths(right, BLUE) == [0.5, 0.25]
    said = figure.get_supxlabel()
    assert "keeps 87.5% (86.0% to 89.0%)" in said
    assert "30 minutes and 4,500 tokens" in said
    assert "no student" in plots.certificate(content | {"student": None}).get_supxlabel()
