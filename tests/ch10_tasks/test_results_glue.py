"""Chapter 10's stored GLUE results: complete, consistent, and as the README quotes them."""

import json
from typing import Any

import pytest

from minidistil.ch10_tasks.glue import GLUE
from minidistil.files import data_folder

STORED: dict[str, Any] = json.loads((data_folder() / "results" / "glue.json").read_text(encoding="utf-8"))
SIZES = {"cola": (8551, 1043), "mrpc": (4076, 1725), "sst-2": (67349, 872), "sts-b": (5749, 1500)}


def test_the_file_says_how_the_results_were_made() -> None:
    assert {"machine", "command", "models"} <= STORED.keys()
    assert all(model["made_by"] for model in STORED["models"].values())


@pytest.mark.parametrize("run", STORED["runs"], ids=lambda run: f"{run['task']} {run['settings']['start']}")
def test_a_stored_run_is_consistent(run: dict[str, Any]) -> None:
    task = GLUE[run["task"]]
    assert {run["settings"]["start"], run["settings"]["teacher"] or run["settings"]["start"]} <= STORED["models"].keys()
    assert tuple(run["examples"].values()) == SIZES[run["task"]], "the whole training and development set"
    best = run["epochs"][run["best_epoch"] - 1]
    assert run["score"] == best["score"] == max(epoch["score"] for epoch in run["epochs"])
    metrics = run["metrics"]["validation"]
    assert run["score"] == pytest.approx(sum(metrics[name] for name in task.decisive) / len(task.decisive))
    if run["confusion"]:
        (r, f), (m, h) = run["confusion"]
        assert h + f + m + r == run["examples"]["validation"]
        if "accuracy" in metrics:
            assert metrics["accuracy"] == pytest.approx((h + r) / (h + f + m + r))


def test_no_run_is_stored_twice() -> None:
    keys = [(run["task"], json.dumps(run["settings"], sort_keys=True)) for run in STORED["runs"]]
    assert len(set(keys)) == len(keys)


def test_the_readme_quotes_these_results() -> None:
    readme = (data_folder().parent / "README.md").read_text(encoding="utf-8")
    by_seed: dict[tuple[str, str], dict[int, float]] = {}
    for run in STORED["runs"]:
        title = STORED["models"][run["settings"]["start"]]["title"] + (", twice" if run["settings"]["teacher"] else "")
        by_seed.setdefault((run["task"], title), {})[run["settings"]["seed"]] = 100 * run["score"]
    assert all(set(seeds) == {1, 2, 3} for seeds in by_seed.values()), "means of three seeds"
    means = {key: f"{sum(seeds.values()) / 3:.1f}" for key, seeds in by_seed.items()}
    models = ("offline teacher", "student", "not distilled")
    sst2, stsb, mrpc, cola = ([means[task, model] for model in models] for task in ("sst-2", "sts-b", "mrpc", "cola"))
    for quoted in (
        "SST-2 {} for the teacher, {} for its student of three layers, {} for the same student without".format(*sst2),
        "STS-B {}, {}, {};".format(*stsb),
        "MRPC {}, {}, {};".format(*mrpc),
        "CoLA {}, {}, {}.".format(*cola),
        f"`--budget 30m`): STS-B {means['sts-b', 'half an hour']}, MRPC {means['mrpc', 'half an hour']}.",
        f"The official MiniLM, three epochs on SST-2: {means['sst-2', 'official MiniLM']}; "
        f"the student with that as a second teacher: {means['sst-2', 'student, twice']}.",
    ):
        assert quoted in readme
