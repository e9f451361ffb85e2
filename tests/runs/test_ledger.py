"""The ledger is what its command makes of the files on record, and each row can be followed up."""

import argparse
import ast
import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from minidistil.cli.main import parser
from minidistil.runs import ledger

ROOT = Path(__file__).parents[2]
STORED = json.loads((ROOT / "data" / "results" / "ledger.json").read_text(encoding="utf-8"))
ROWS = STORED["rows"]


def test_the_file_is_what_the_command_makes() -> None:
    made = ledger.text()
    assert json.loads(made).keys() == STORED.keys()
    for ours, stored in zip(json.loads(made)["rows"], ROWS, strict=True):
        figure, kept = ours.pop("figure"), {**stored}.pop("figure")
        assert ours == {name: value for name, value in stored.items() if name != "figure"}
        assert (figure is None) == (kept is None)
        for name, value in (figure or {}).items():  # sums may be rounded otherwise elsewhere
            assert kept[name] == (pytest.approx(value, rel=1e-4, abs=1e-9) if isinstance(value, float) else value)


def test_there_are_forty_claims_or_more_and_none_is_told_twice() -> None:
    assert STORED["claims"] == len(ROWS) >= 40
    assert len({(row["claim"], row["place"]) for row in ROWS}) == len(ROWS)
    assert {row["status"] for row in ROWS} == set(ledger.STATUSES) == set(STORED["counts"])
    for status, count in STORED["counts"].items():
        assert count == sum(row["status"] == status for row in ROWS)


def can_be_run(what: str) -> bool:
    """Whether a command parses, a notebook has the section, or a file the test."""
    if what.startswith("python -m minidistil."):
        module, *flags = shlex.split(what)[2:]
        found = importlib.util.find_spec(module) is not None
        return (found and not flags) or (module == ledger.__name__ and bool(ledger.parser().parse_args(flags)))
    if what.startswith("python -m minidistil "):
        try:
            options = parser().parse_args(shlex.split(what)[3:], argparse.Namespace(typed=[], device=None))
        except SystemExit:
            return False
        return callable(options.run)
    if section := re.fullmatch(r"(notebooks/\w+\.ipynb), section ([\d.]+)", what):
        cells = json.loads((ROOT / section[1]).read_text(encoding="utf-8"))["cells"]
        return any(f"\n## {section[2]} " in "\n" + "".join(cell["source"]) for cell in cells)
    if test := re.fullmatch(r"(tests/\w+/\w+\.py)::(\w+)", what):
        tree = ast.parse((ROOT / test[1]).read_text(encoding="utf-8"))
        return any(isinstance(node, ast.FunctionDef) and node.name == test[2] for node in tree.body)
    return False


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["claim"][:40])
def test_a_row_can_be_followed_up(row: dict[str, Any]) -> None:
    assert can_be_run(row["made_by"]), row["made_by"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
    figure = row["figure"]
    assert figure or row["status"] == "untested here", "what is decided has a figure of its own"
    if figure:
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert (ROOT / figure["file"]).is_file()
        assert figure["key"]


@pytest.mark.parametrize(
    "wrong",
    [
        "python -m minidistil distil --no-such-flag",
        "python -m minidistil.nothing",
        "notebooks/13_full_size.ipynb, section 13.99",
        "tests/runs/test_ledger.py::test_nothing",
        "by hand",
    ],
)
def test_what_cannot_be_run_is_found(wrong: str) -> None:
    assert not can_be_run(wrong)


@pytest.mark.parametrize(
    ("claim", "value", "low", "high"),
    [  # by hand from the files: three seeds, t = 4.303
        ("Without L_ce the student is worse (-2.96)", 0.0226664, 0.0135247, 0.031808),
        ("L_cos aligns the directions of the hidden states", 0.0898553, 0.0821419, 0.0975687),
        ("DistilBERT's macro-score is 77.0, the mean of nine", 77.0111, 77.0111, 77.0111),
        ("Up to 19 points above ELMo, on STS-B", 16.5, 16.5, 16.5),
        ("It inherits some of its teacher's bias", 0.30835, 0.23706, 0.36128),
    ],
)
def test_figures_are_those_of_the_files(claim: str, value: float, low: float, high: float) -> None:
    (row,) = [row for row in ROWS if row["claim"] == claim]
    figure = row["figure"]
    assert figure["value"] == pytest.approx(value, rel=1e-4)
    assert (figure["low"], figure["high"]) == pytest.approx((low, high), rel=1e-4)


def test_the_small_pair_decides_only_with_its_whole_interval() -> None:
    for row in ROWS:
        if row["status"] == "reproduced on the small pair":
            assert row["figure"]["low"] > 0, row["claim"]
            assert (
                "ablat" in row["figure"]["file"] or "glue" in row["figure"]["file"] or "bias" in row["figure"]["file"]
            )


def test_the_readme_has_the_count() -> None:
    assert ledger.sentence(STORED) in (ROOT / "README.md").read_text(encoding="utf-8")
