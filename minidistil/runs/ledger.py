"""The ledger: every claim of the DistilBERT paper and of its model card that can be tested, beside our own figure.

`python -m minidistil.runs.ledger` makes data/results/ledger.json from the claims (`claims`) and the files on record; no
figure is typed. What a status means:

* reproduced: about the thing itself (its architecture, its tokens, its own tables), and our figure agrees;
* reproduced on the small pair: about the method, and the 95 % interval of the offline teacher and its students of three
  layers lies on the claim's side;
* contradicted: about the thing itself or the method, and our figure says otherwise;
* untested here: about models, data or machines that are not here, or undecided, as the interval holds both sides. A
  figure of the small pair may stand beside it; it decides nothing.
"""

import argparse
import json
import re
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import PAPER_LAYERS, student_config
from minidistil.ch09_evaluation.speed import speedup_by_shape
from minidistil.files import data_folder, write_atomically

STATUSES = ("reproduced", "reproduced on the small pair", "contradicted", "untested here")
RESULTS = data_folder() / "results"
T_OF_TWO = 4.303  # Student's t for 95 % with two degrees of freedom: three seeds
PAIR = EncoderConfig(), student_config(EncoderConfig(), PAPER_LAYERS)  # BERT-base, DistilBERT


@dataclass(frozen=True)
class Figure:
    """A figure of ours, with the ends of its interval; equal ends: it is exact."""

    value: float
    low: float
    high: float
    file: str  # below the project's folder
    key: str  # where in the file, in words
    date: str
    unit: str = ""


def stored(name: str) -> Any:
    """A JSON file of data/results."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def exact(value: float, file: str, key: str, date: str, unit: str = "") -> Figure:
    """A figure without chance in it."""
    return Figure(value, value, value, file, key, date, unit)


def over_seeds(values: list[float], file: str, key: str, date: str, unit: str = "") -> Figure:
    """The mean of three seeds, with its 95 % interval by Student's t."""
    assert len(values) == 3, (file, key, values)
    middle, half = statistics.fmean(values), T_OF_TWO * statistics.stdev(values) / 3**0.5
    return Figure(middle, middle - half, middle + half, f"data/results/{file}", key, date, unit)


def ablation(condition: str, name: str = "student_masked_accuracy", beside: str = "all") -> Figure:
    """What a condition changes, seed by seed, in a figure of the ablations of the losses."""
    file = stored("ablation_losses.json")
    one, other = ([run[name] for run in file["runs"] if run["condition"] == each] for each in (condition, beside))
    key = f"runs: {name} of {condition} less that of {beside}"
    return over_seeds([a - b for a, b in zip(one, other, strict=True)], "ablation_losses.json", key, file["date"])


def glue(tasks: tuple[str, ...], one: str, other: str, of: Callable[[float, float], float], words: str) -> Figure:
    """Two models' scores on tasks compared seed by seed, mean over the tasks."""
    file = stored("glue.json")
    titles = {name: model["title"] for name, model in file["models"].items()}

    def scores(task: str, title: str) -> dict[int, float]:
        return {
            run["settings"]["seed"]: run["score"]
            for run in file["runs"]
            if run["task"] == task and titles[run["settings"]["start"]] == title and not run["settings"]["teacher"]
        }

    by_seed = [
        statistics.fmean(of(scores(task, one)[seed], scores(task, other)[seed]) for task in tasks) for seed in (1, 2, 3)
    ]
    key = f"runs of {', '.join(tasks)}: score of {one}, {words} that of {other}"
    return over_seeds(by_seed, "glue.json", key, "2026-11-27")


def lines_of(name: str, row: str) -> tuple[list[float], str]:
    """The numbers in the first line of a benchmark that begins so, and its date."""
    text = (RESULTS / name).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(row))
    date = re.search(r"\d{4}-\d\d-\d\d", text)
    assert date, name
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d(?:\.\d+)?", line[len(row) :])], date[0]


def ledger() -> dict[str, Any]:
    """The ledger as it is stored."""
    from minidistil.runs.claims import claims

    rows = [each.row() for each in claims()]
    counts = Counter(row["status"] for row in rows)
    made = {"command": "python -m minidistil.runs.ledger", "claims": len(rows)}
    return made | {"counts": {status: counts[status] for status in STATUSES}, "rows": rows}


def text() -> str:
    """The ledger as its file holds it, a row in a line."""
    whole = ledger()
    rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in whole.pop("rows"))
    return json.dumps(whole, indent=1)[:-2] + ',\n "rows": [\n' + rows + "\n ]\n}\n"


def sentence(whole: dict[str, Any]) -> str:
    """The count, for a page."""
    counts = whole["counts"]
    tables = sum((row["figure"] or {}).get("file") == "data/results/published.json" for row in whole["rows"])
    return (
        f"Of {whole['claims']} claims of the paper and the model card, {counts['reproduced']} are reproduced here, "
        f"{counts['reproduced on the small pair']} on the small pair, {counts['contradicted']} are contradicted and "
        f"{counts['untested here']} untested here; {tables} of them set the paper's words beside its own tables"
    )


def measure_speed() -> None:
    """BERT-base's time for a text over DistilBERT's, with random weights, into speed_pair.json: some five minutes."""
    import datetime

    from minidistil.ch08_training.device import described

    models = [MaskedLM(config) for config in PAIR]
    found = speedup_by_shape(models[0], models[1], [(1, 32), (1, 128)], repeats=25)
    shapes = {f"{size} x {length}": [ratio, *ends] for (size, length), (ratio, ends) in found.items()}
    record = {
        "command": "python -m minidistil.runs.ledger --speed", "date": str(datetime.date.today()),
        "machine": described(torch.device("cpu")), "what": "times as fast: median, lowest and highest of 25 rounds",
    }  # fmt: skip
    content = json.dumps(record | {"shapes": shapes}, indent=1) + "\n"
    write_atomically(RESULTS / "speed_pair.json", lambda part: part.write_text(content, encoding="utf-8"))


def parser() -> argparse.ArgumentParser:
    """The flags of `python -m minidistil.runs.ledger`."""
    flags = argparse.ArgumentParser(description="Make data/results/ledger.json from the files on record.")
    flags.add_argument("--speed", action="store_true", help="first time BERT-base and DistilBERT again")
    return flags


if __name__ == "__main__":
    if parser().parse_args().speed:
        measure_speed()
    write_atomically(RESULTS / "ledger.json", lambda part: part.write_text(text(), encoding="utf-8"))
    print(sentence(ledger()) + ".")
