"""Chapter 9's long experiment: each row changes what it says and nothing else; nothing is run twice."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.cli.main import main
from minidistil.files import data_folder
from minidistil.runs import ablation
from minidistil.runs.ablation import GROUPS, Condition, ablate, configured, starting_student, table

CONFIG = DistilConfig(steps=2, batch_size=2, max_length=16, precision="fp32", validate_every=None)
SMALL = (GROUPS["losses"][0], GROUPS["losses"][-1])


@pytest.fixture
def two_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROUPS, "losses", SMALL)


@pytest.fixture
def some_text(docs_corpus: Corpus) -> Corpus:
    return Corpus("tiny", docs_corpus.train[:60], [], docs_corpus.test[:12])


def test_the_rows_are_those_of_the_papers_table() -> None:
    whole = DistilConfig(steps=10)
    weights = {}
    for condition in GROUPS["losses"]:
        config = configured(condition, whole, seed=3)
        assert (config.steps, config.seed, config.layers) == (10, 3, None)
        weights[condition.name] = (config.alpha_ce, config.alpha_mlm, config.alpha_cos, condition.random_start)
    assert weights == {
        "all": (5, 2, 1, False), "without-ce": (0, 2, 1, False), "without-cos": (5, 2, 0, False),
        "without-mlm": (5, 0, 1, False), "mlm-alone": (0, 2, 0, False), "random": (5, 2, 1, True),
    }  # fmt: skip


def test_a_setting_is_changed_at_equal_reading() -> None:
    whole = DistilConfig(steps=100)
    for condition in GROUPS["settings"]:
        config = configured(condition, whole, seed=1)
        assert config.steps is not None
        read = config.steps * config.batch_size * config.max_length
        assert read == (2 if condition.name == "longer" else 1) * 100 * 16 * 128, condition.name
    names = [condition.name for group in GROUPS.values() for condition in group]
    assert len(names) == len(set(names)) + 1  # the whole recipe begins both groups


def test_a_random_start_shares_nothing_with_the_teacher_and_follows_its_seed(tiny_teacher: MaskedLM) -> None:
    random = Condition("random", "random", random_start=True)
    one, again, other = (starting_student(tiny_teacher, random, configured(random, CONFIG, seed)) for seed in (1, 1, 2))
    copied = starting_student(tiny_teacher, SMALL[0], configured(SMALL[0], CONFIG, 1))
    assert one.config == copied.config
    assert torch.equal(one.head.word.weight, again.head.word.weight)
    assert not torch.equal(one.head.word.weight, other.head.word.weight)
    assert torch.equal(copied.head.word.weight, student_of(tiny_teacher).head.word.weight)
    assert not torch.equal(one.head.word.weight, copied.head.word.weight)


def test_all_conditions_come_once_before_any_comes_twice_and_a_finished_run_is_not_repeated(
    two_conditions: None,
    tiny_teacher: MaskedLM,
    some_text: Corpus,
    tokenizer: WordPiece,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished: list[str] = []

    def counted(*arguments: Any) -> Any:
        run = distil(*arguments)
        finished.append(f"{run.folder.name}{' again' if run.was_finished else ''}")
        written = tmp_path / "losses.json"
        assert len(json.loads(written.read_text())["runs"] if written.exists() else []) == (len(finished) - 1) % 4
        return run

    distil = ablation.distil
    monkeypatch.setattr(ablation, "distil", counted)
    results = ablate(tiny_teacher, some_text, tokenizer, CONFIG, (1, 2), tmp_path)
    order = ["all-seed1", "random-seed1", "all-seed2", "random-seed2"]
    assert finished == order
    (tmp_path / "losses.json").unlink()
    again = ablate(tiny_teacher, some_text, tokenizer, CONFIG, (1, 2), tmp_path)
    assert again["runs"] == results["runs"]
    assert finished[4:] == [f"{name} again" for name in order]
    stored = json.loads((tmp_path / "losses.json").read_text())
    for run in stored["runs"]:
        metrics = json.loads((tmp_path / f"{run['condition']}-seed{run['seed']}" / "metrics.json").read_text())
        assert {name: metrics[name] for name in ablation.FIGURES if name != "retention"}.items() <= run.items()
        assert stored["teacher"]["perplexity"] == metrics["teacher_perplexity"]


def test_the_table_shows_means_and_the_range() -> None:
    def run(name: str, accuracy: float) -> dict[str, Any]:
        figures = {"student_perplexity": 10.0, "retention": 2 * accuracy, "agreement": 0.5, "hidden_cosine": 0.25}
        return {"condition": name, "says": name.upper(), "student_masked_accuracy": accuracy} | figures

    lines = list(table({"runs": [run("a", 0.25), run("b", 0.1), run("a", 0.75)]}))
    assert lines[2] == "| A | 2 | 0.500 | 0.250 to 0.750 | 100.0% | 10.0 | 0.500 | 0.250 |"
    assert lines[3].startswith("| B | 1 | 0.100 |")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"group": "weather"}, "no group 'weather': expected losses or settings"),
        ({"seeds": ()}, r"seeds are \[\]: expected one or more"),
        ({"seeds": (1, 2, 1)}, r"seeds are \[1, 2, 1\]"),
        ({"config": DistilConfig()}, "no number of steps"),
    ],
)
def test_bad_requests(
    changed: dict[str, Any], told: str, tiny_teacher: MaskedLM, some_text: Corpus, tokenizer: WordPiece, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"config": CONFIG, "seeds": (1,), "out": tmp_path} | changed
    with pytest.raises(ValueError, match=told):
        ablate(tiny_teacher, some_text, tokenizer, **arguments)


def test_the_command_notes_how_it_was_called(
    two_conditions: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tokenizer: WordPiece,
    tiny_teacher: MaskedLM,
) -> None:
    tiny_teacher.save_pretrained(tmp_path / "model")
    tokenizer.save(tmp_path / "model")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"the list of all files in folder {n} is read by this function" for n in range(300)))
    typed = f"ablate --teacher {tmp_path / 'model'} --text {text} --steps 2 --batch-size 2 --max-length 16 --seeds 4"
    assert main([*typed.split(), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "run 2 of 2: random weights at the start, seed 4" in printed
    assert printed.count("| all three losses | 1 |") == 2
    stored = json.loads((tmp_path / "out" / "losses.json").read_text())
    assert stored["command"] == f"python -m minidistil {typed} --out {tmp_path / 'out'}"
    assert [run["seed"] for run in stored["runs"]] == [4, 4]
    with pytest.raises(SystemExit, match="2"):
        main([*typed.split()[:-1], "1;2"])


@pytest.mark.parametrize("group", GROUPS)
def test_the_stored_results_are_whole_and_made_by_the_recipe_as_it_is(group: str) -> None:
    stored = json.loads((data_folder() / "results" / f"ablation_{group}.json").read_text(encoding="utf-8"))
    assert stored["command"].startswith("python -m minidistil ablate ")
    steps, precision = stored["config"]["steps"], {"losses": "fp32", "settings": "bf16"}[group]
    now = DistilConfig(steps=steps, precision=precision, validate_every=None).to_json()
    assert now == {"freeze_words": False} | stored["config"]  # which did not exist then: all was trained
    done = {(run["condition"], run["seed"]) for run in stored["runs"]}
    assert len(done) == len(stored["runs"])
    assert done == {(condition.name, seed) for condition in GROUPS[group] for seed in (1, 2, 3)}
    conditions = {condition.name: condition for condition in GROUPS[group]}
    for run in stored["runs"]:
        condition = conditions[run["condition"]]
        assert run["steps"] == steps * condition.steps
        if "max_length" not in condition.changes:  # else another text is asked of another teacher
            accuracy = run.get("teacher_masked_accuracy", stored["teacher"]["masked_accuracy"])  # of another processor
            assert run["retention"] == pytest.approx(run["student_masked_accuracy"] / accuracy)


def test_the_stored_students_of_other_layers_are_made_by_the_command_beside_them() -> None:
    stored = json.loads((data_folder() / "results" / "layers.json").read_text(encoding="utf-8"))
    for run in stored["runs"]:
        layers = ",".join(map(str, run["layers"]))
        command = stored["command"].replace(" L ", f" {layers} ").replace(" N ", f" {run['steps']} ")
        assert run["command"].startswith(command)
        assert run["retention"] == pytest.approx(run["student_masked_accuracy"] / run["teacher_masked_accuracy"])
