"""The picture of a certificate."""

import textwrap
from collections.abc import Mapping
from typing import Any

from minidistil.plots.style import BLUE, GREEN, Figure, new_figure, row_names


def certificate(content: Mapping[str, Any]) -> Figure:
    """Whose pieces ran, as a square each; the guesses as bars; the learner's own student in words.

    Args:
        content: as in certificate.json.
    """
    rows = [row for row in content["pieces"] if row["yours"] or row["packages"]]
    yours, all_pieces = (
        sum(len(row["yours"]) for row in rows),
        sum(len(row["yours"] + row["packages"]) for row in rows),
    )
    figure, (left, right) = new_figure(10, 4.2, 2)
    whose = content["name"] or "the learner"
    figure.suptitle(f"{yours} of {all_pieces} pieces of a BERT, written by {whose}", fontsize=15)
    for place, row in enumerate(rows):
        for column, name in enumerate(row["yours"] + row["packages"]):
            colour = GREEN if name in row["yours"] else "#dddddd"
            left.scatter(column, place, s=260, marker="s", color=colour)
    row_names(left, [row["title"] for row in rows])
    left.set_xlim(-0.7, max(len(row["yours"] + row["packages"]) for row in rows) - 0.3)
    left.set_xticks([])
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    left.set_title("green: own code, grey: the package's", fontsize=10)
    guesses = content["guesses"]
    bars = right.barh(range(len(guesses)), [each["score"] for each in guesses], color=BLUE)
    right.bar_label(bars, [f"{each['score']:.2f}" for each in guesses], padding=3)
    row_names(right, [each["word"] for each in guesses])
    right.set_title(textwrap.fill(content["text"], 40) + f"\n({content['model']})", fontsize=10)
    right.set_xlim(0, 1.15 * max(each["score"] for each in guesses))
    student = content["student"]
    said = "no student of its own yet: minidistil distil"
    if student:
        interval = student["retention_interval"]
        ends = f" ({interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
        kept = "nothing to keep" if student["retention"] is None else f"keeps {student['retention']:.1%}{ends}"
        said = f"own student: {kept} of its teacher's masked accuracy, "
        said += f"after {_time(student['seconds'])} and {student['tokens']:,} tokens"
    figure.supxlabel(f"{said}\n{content['date']}, {content['machine']}", fontsize=10)
    return figure


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
