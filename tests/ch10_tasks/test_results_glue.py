"""Chapter 10's stored figures: whole, of the models they name, and what the notebook shows."""

import json
from typing import Any

import pytest

from minidistil.ch10_tasks.glue import GLUE
from minidistil.files import data_folder

STORED: dict[str, Any] = json.loads((data_folder() / "results" / "glue.json").read_text(encoding="utf-8"))
SIZES = {"cola": (8551, 1043), "mrpc": (4076, 1725), "sst-2": (67349, 872), "sts-b": (5749, 1500)}


def test_it_is_said_how_the_figures_were_made() -> None:
    assert {"machine", "command", "models"} <= STORED.keys()
    assert all(model["made_by"] for model in STORED["models"].values())


@pytest.mark.parametrize("run", STORED["runs"], ids=lambda run: f"{run['task']} {run['settings']['start']}")
def test_a_stored_run_is_whole(run: dict[str, Any]) -> None:
    task = GLUE[run["task"]]
    assert {run["settings"]["start"], run["settings"]["teacher"] or run["settings"]["start"]} <= STORED["models"].keys()
    assert tuple(run["examples"].values()) == SIZES[run["task"]], "the whole training and development set"
    best = run["epochs"][run["best_epoch"] - 1]
    assert run["score"] == best["score"] == max(look["score"] for look in run["epochs"])
    figures = run["metrics"]["validation"]
    assert run["score"] == pytest.approx(sum(figures[name] for name in task.decisive) / len(task.decisive))
    if run["confusion"]:
        (r, f), (m, h) = run["confusion"]
        assert h + f + m + r == run["examples"]["validation"]
        if "accuracy" in figures:
            assert figures["accuracy"] == pytest.approx((h + r) / (h + f + m + r))


def test_no_run_stands_twice() -> None:
    keys = [(run["task"], json.dumps(run["settings"], sort_keys=True)) for run in STORED["runs"]]
    assert len(set(keys)) == len(keys)


def test_the_readme_quotes_these_figures() -> None:
    readme = (data_folder().parent / "README.md").read_text(encoding="utf-8")
    scores: dict[tuple[str, str], dict[int, float]] = {}
    for run in STORED["runs"]:
        title = STORED["models"][run["settings"]["start"]]["title"] + (", twice" if run["settings"]["teacher"] else "")
        scores.setdefault((run["task"], title), {})[run["settings"]["seed"]] = 100 * run["score"]
    assert all(set(seeds) == {1, 2, 3} for seeds in scores.values()), "means of three seeds"
    means = {key: f"{sum(seeds.values()) / 3:.1f}" for key, seeds in scores.items()}
    models = ("offline teacher", "student", "not distilled")
    first, *others = [[means[task, model] for model in models] for task in ("sst-2", "sts-b", "mrpc", "cola")]
    for quoted in (
        "SST-2 {} for the teacher, {} for its student of three layers, {} for the same student without".format(*first),
        "STS-B {}, {}, {};".format(*others[0]),
        "MRPC {}, {}, {};".format(*others[1]),
        "CoLA {}, {}, {}.".format(*others[2]),
        "A student of half an hour (`--budget 30m`): STS-B {}, MRPC {}.".format(
            *(means[task, "half an hour"] for task in ("sts-b", "mrpc"))
        ),
        "The official MiniLM, three epochs on SST-2: {}; the student with that as a second teacher: {}.".format(
            means["sst-2", "official MiniLM"], means["sst-2", "student, twice"]
        ),
    ):
        assert quoted in readme
