"""The figures that README and page of results quote are those of the runs on record; links lead somewhere."""

import json
import re
import statistics
from pathlib import Path

import pytest

from data.pictures.take import PICTURES, picture

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "data" / "results" / "README.md").read_text(encoding="utf-8")


def test_the_measured_table_is_that_of_the_recorded_run() -> None:
    run = json.loads((ROOT / "data" / "results" / "first_light.json").read_text(encoding="utf-8"))
    for row in (
        f"| parameters | {run['teacher_parameters']:,} | {run['student_parameters']:,} |",
        f"held-out docs | {run['teacher_masked_accuracy']:.3f} | {run['student_masked_accuracy']:.3f} |",
        f"| … before training | | {run['student_masked_accuracy_before']:.3f} |",
        f"| perplexity | {run['teacher_perplexity']:.1f} | {run['student_perplexity']:.1f} |",
        f"| speed | 1 | {run['speedup']:.2f} |",
        f"keeps {run['retention']:.1%} of its teacher's accuracy after {run['seconds']:.0f} seconds",
        f"`{run['command']}`",
        f"on {run['machine'].removesuffix(', no GPU')}, no GPU ({run['date']};",
        f"on {run['tokens']:,} tokens in {run['precision']}, with {run['peak_memory_mib'] / 1024:.1f} GiB of memory",
    ):
        assert row in README
        assert row in RESULTS
    runs = json.loads((ROOT / "data" / "results" / "layers.json").read_text(encoding="utf-8"))["runs"]
    longest = max(runs, key=lambda other: other["steps"])
    layers = ",".join(map(str, longest["layers"]))
    assert (
        f"after {longest['tokens']:,} (`minidistil distil --layers {layers} --steps {longest['steps']}`) it keeps "
        f"{longest['retention']:.1%}"
    ) in RESULTS
    assert run["retention"] == run["student_masked_accuracy"] / run["teacher_masked_accuracy"]


def test_the_main_job_was_run_with_three_seeds() -> None:
    stored = json.loads((ROOT / "data" / "results" / "main_job.json").read_text(encoding="utf-8"))
    runs = stored["runs"]
    assert [run["seed"] for run in runs] == [56, 57, 58]
    assert {tuple(run["layers"]) for run in runs} == {(0, 1, 2)}
    assert all(run["retention"] == run["student_masked_accuracy"] / run["teacher_masked_accuracy"] for run in runs)
    assert all(run["seconds"] < 300 for run in runs)
    kept = [100 * run["retention"] for run in runs]
    tokens = statistics.mean(run["tokens"] for run in runs) / 1e6
    (precision,) = {run["precision"] for run in runs}
    assert (
        f"in the same time, {tokens:.1f} million in {precision}, it keeps {statistics.mean(kept):.1f}% (three seeds, "
        f"{min(kept):.1f} to {max(kept):.1f}; [runs](main_job.json))"
    ) in RESULTS


def test_the_run_of_half_an_hour_has_three_seeds() -> None:
    runs = json.loads((ROOT / "data" / "results" / "budget_30m.json").read_text(encoding="utf-8"))["runs"]
    assert [run["seed"] for run in runs] == [56, 57, 58]
    assert {tuple(run["layers"]) for run in runs} == {(0, 2, 4)}
    assert all(run["retention"] == run["student_masked_accuracy"] / run["teacher_masked_accuracy"] for run in runs)
    assert all(run["retention"] > 0.96 for run in runs)
    assert all(1800 * 0.95 < run["seconds"] < 1800 * 1.03 for run in runs)  # the plan is corrected for the last time
    kept = [100 * run["retention"] for run in runs]  # when a quarter of the steps is left
    tokens = statistics.mean(run["tokens"] for run in runs) / 1e6
    assert (
        f"and after half an hour and {tokens:.1f} million (`minidistil distil --budget 30m`, layers 0, 2, 4) "
        f"{statistics.mean(kept):.1f}% (three seeds, {min(kept):.1f} to {max(kept):.1f}; "
        "[runs](budget_30m.json))."
    ) in RESULTS


def test_the_plan_is_the_recorded_one() -> None:
    lines = (ROOT / "data" / "results" / "plan.txt").read_text(encoding="utf-8").splitlines()
    (head,) = [place for place, line in enumerate(lines) if line.startswith("devices")]
    rows = [re.split(r"\s{2,}", line) for line in lines[head + 1 :]]
    assert rows[0][0] == "this machine"
    assert [len(row) for row in rows] == [3, 4, 4, 4]
    rows[0].append("-")  # nobody pays for it
    assert "\n".join(f"| {' | '.join(row)} |" for row in rows) in RESULTS
    (memory,) = [line for line in lines if line.startswith("memory: ")]
    assert f"at least {memory.split()[1]} GiB a process" in RESULTS


def test_the_commands_of_the_readme_set_themselves_up() -> None:
    commands = [line for line in README.splitlines() if "-m venv" in line]
    set_up = "python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt && "
    assert [command.removeprefix(set_up) for command in commands] == [
        ".venv/bin/python -m minidistil",
        ".venv/bin/jupyter lab notebooks/00_tour.ipynb",
        ".venv/bin/python -m pytest -n 2",
    ]


def test_the_teachers_figures_are_those_of_its_provenance() -> None:
    last = json.loads((ROOT / "data" / "minilm-masked-lm.json").read_text(encoding="utf-8"))
    first = json.loads((ROOT / "data" / "results" / "teach_first.json").read_text(encoding="utf-8"))
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for each, length in ((first, f"--budget {first['settings']['budget_seconds'] / 60:.0f}m"),
                         (last, f"--steps {last['steps']}")):  # fmt: skip
        assert f"{length} --batch-size {each['settings']['batch_size']} --precision {each['precision']}" in page
    assert f"--teacher {last['start']}" in page
    assert f"{(first['tokens'] + last['tokens']) / 1e6:.0f} million tokens in all" in page
    legs = [f"{each['tokens'] / 1e6:.1f} million in {each['steps']:,}" for each in (first, last)]
    assert f"{legs[0]} steps, then {legs[1]}," in page
    assert "hours of these runs, {:.1f} and {:.1f},".format(*(each["seconds"] / 3600 for each in (first, last))) in page
    assert last["figures"].keys() == first["figures"].keys()
    for name, figures in last["figures"].items():
        before = first["figures"][name]
        row = f"| {figures['hidden_tokens']:,} | {figures['accuracy']:.3f} | {figures['perplexity']:.1f} "
        assert f"{row}| {before['accuracy']:.3f} | {before['perplexity']:.1f} |" in page
    run = json.loads((ROOT / "data" / "results" / "first_light.json").read_text(encoding="utf-8"))
    found = f"finds {run['teacher_masked_accuracy']:.3f} of {run['held_out_tokens']:,} hidden tokens"
    assert f"{found}, with a perplexity of {run['teacher_perplexity']:.1f}." in page


def test_the_table_of_speeds_is_that_of_the_recorded_benchmarks() -> None:
    ratios = re.findall(r"^\| .* \| ([\d.]+) \| (?:`minidistil bench \w+` )?\|$", RESULTS, re.MULTILINE)
    recorded = {
        "bench_tokenizer.txt": ("docs corpus, cold", "docs corpus, warm", "random strings, cold"),
        "bench_step.txt": tuple(
            f"{where:<8} minidistil, {precision}" for where in ("masked", "all") for precision in ("fp32", "bf16")
        ),
        "bench_inference.txt": ("a sentence", "a paragraph", "32 x 512", "1 x 512", "time "),
    }
    expected = []
    for name, rows in recorded.items():
        lines = (ROOT / "data" / "results" / name).read_text(encoding="utf-8").splitlines()
        for row in rows:
            (line,) = [line for line in lines if line.startswith(row)]
            expected.append(next(field for field in reversed(re.split(r"  +", line)) if field in ratios))
    assert ratios == expected


def test_the_readmes_short_figures_are_those_of_the_results() -> None:
    half_an_hour = json.loads((ROOT / "data" / "results" / "budget_30m.json").read_text(encoding="utf-8"))["runs"]
    kept = statistics.mean(100 * run["retention"] for run in half_an_hour)
    assert f"after half an hour on two cores it keeps {kept:.1f}%" in README
    for row, words in (
        ("| a distillation step, L_ce at masked positions, fp32 |", "{} times as fast as the official way"),
        ("| … in bf16 |", "{} times in bf16"),
        ("| text to ids, cold cache |", "text to ids {} times as fast as the Rust tokenizers"),
    ):
        line = next(line for line in RESULTS.splitlines() if line.startswith(row))
        assert words.format(line.split("|")[3].strip()) in README


PAGES = (
    "README.md", "data/README.md", "data/results/README.md", "minidistil/README.md", "exercises/README.md",
    "exercises/INSTRUCTORS.md", "notebooks/INSTALL.md", "notebooks/FAQ.md", ".github/CONTRIBUTING.md",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert not [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]


def test_the_tree_of_the_readme_has_every_folder_of_the_package() -> None:
    tree = README.partition("## What is where")[2].partition("## ")[0]
    shelves = {path.parent.name for path in (ROOT / "minidistil").glob("*/__init__.py")}
    assert not [name for name in shelves if not name.startswith("ch") and f"{name}/" not in tree]
    assert not [path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem not in tree]


def test_the_pictures_are_those_that_the_notebooks_draw() -> None:
    shown = re.findall(r"!\[[^]]+\]\(data/pictures/([^)]+)\)", README)
    assert set(shown) == set(PICTURES)
    for name, source in PICTURES.items():
        assert (ROOT / "data" / "pictures" / name).read_bytes() == picture(*source)


def test_the_students_figures_are_those_of_its_provenance() -> None:
    found = json.loads((ROOT / "data" / "minilm-student" / "layers.json").read_text(encoding="utf-8"))
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"{found['tokens'] / 1e6:.1f} million tokens in {found['runs'][-1]['steps']:,} steps" in page
    kept = {}
    for name, each in found["figures"].items():
        kept[name] = f"{each['student']['accuracy'] / each['teacher']['accuracy']:.1%}"
        accuracies = f"{each['teacher']['accuracy']:.3f} | {each['student']['accuracy']:.3f}"
        assert f"| {each['hidden_tokens']:,} | {accuracies} | {kept[name]} |" in page
    general = sorted((each for name, each in kept.items() if name != "docs corpus"), key=lambda each: float(each[:-1]))
    shares = (
        f"{kept['docs corpus']} of its teacher's accuracy on the same docs and {general[0]} to {general[-1]} on general"
    )
    assert f"{found['tokens'] / 1e6:.1f} million tokens, {shares} English" in README
