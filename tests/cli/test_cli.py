"""The command line as a person meets it: what a run leaves, and one sentence with exit code 2 for bad input."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import OWN_LAYERS
from minidistil.ch08_training.settings import DistilConfig, FinetuneConfig, TeachConfig, TrainingConfig
from minidistil.cli.main import main
from minidistil.files import data_folder
from tests.conftest import TINY

SENTENCE = "the list of all files in a folder is read by this function and line {} is returned as one text"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: WordPiece) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    torch.manual_seed(0)
    MaskedLM(TINY).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(SENTENCE.format(number) for number in range(400)))
    return path


@pytest.fixture
def distil(model_folder: Path, text_file: Path, tmp_path: Path) -> list[str]:
    """A whole distillation in seconds."""
    command = f"distil --steps 20 --batch-size 4 --max-length 32 --precision fp32 --seed 7 --teacher {model_folder}"
    return [*command.split(), "--text", str(text_file), "--out", str(tmp_path / "run")]


def test_a_run_leaves_what_was_promised(distil: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(distil) == 0
    printed = capsys.readouterr().out
    assert "training: 20 steps" in printed
    assert "| masked accuracy" in printed
    assert printed.count("* student:") == 3
    folder = tmp_path / "run"
    names = ["config.json", "curves.png", "metrics.json", "metrics.jsonl", "model", "report.md"]
    assert sorted(path.name for path in folder.iterdir() if path.name != "tensorboard") == names
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics.keys() >= {
        "teacher_masked_accuracy", "student_masked_accuracy", "retention", "agreement", "hidden_cosine",
        "teacher_parameters", "student_parameters", "speedup", "seconds", "tokens_per_second",
    }  # fmt: skip
    assert metrics["intervals"].keys() >= {  # not of the retention: this teacher has nothing right in many a document
        "teacher_accuracy", "student_accuracy", "agreement", "teacher_perplexity", "student_perplexity",
        "teacher_calibration_error", "student_calibration_error", "hidden_cosine", "speedup",
    }  # fmt: skip
    assert metrics["intervals"]["speedup"][0] <= metrics["speedup"] <= metrics["intervals"]["speedup"][1]
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [10, 20]
    assert json.loads((folder / "config.json").read_text())["config"]["seed"] == 7
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    student = transformers.AutoModelForMaskedLM.from_pretrained(folder / "model")
    assert type(student).__name__ == "DistilBertForMaskedLM"
    assert sum(parameter.numel() for parameter in student.parameters()) == metrics["student_parameters"]


def test_a_finished_run_is_shown_again_and_never_overwritten(
    distil: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(distil) == 0
    files = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(distil) == 0
    assert "finished already" in capsys.readouterr().out
    assert main([*distil, "--temperature", "3"]) == 2
    assert "temperature 2.0 there, 3.0 now" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files} == files


def test_several_datasets_are_distilled_on(
    distil: list[str], text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = text_file.read_text().splitlines()
    folders = [tmp_path / "encyclopedia", tmp_path / "books"]
    for folder, some in zip(folders, (lines[:300], lines[300:]), strict=True):
        folder.mkdir()
        (folder / "train.txt").write_text("\n".join(some))
    place = distil.index("--text")
    command = [*distil[:place], *distil[place + 2 :], "--hub", str(folders[0]), "--hub", str(folders[1])]
    assert main(command) == 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["corpus"]["name"] == f"{folders[0]} + {folders[1]}"
    assert main(command) == 0
    assert "finished already" in capsys.readouterr().out
    (folders[1] / "train.txt").write_text("\n".join(lines[301:]))
    assert main(command) == 2
    assert "corpus: sha256 " in capsys.readouterr().err


def _listen_to_interrupts() -> None:
    """Undo what a shell does to a command in the background, which ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt_after_its_first_steps(command: list[str], run: Path) -> None:
    log = run / "metrics.jsonl"
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=_listen_to_interrupts,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130
    assert error.strip() == "minidistil: interrupted; run the same command again to continue."


def test_an_interrupted_run_goes_on(distil: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minidistil", *distil, "--steps", "100000"]
    _interrupt_after_its_first_steps(command, tmp_path / "run")
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    reached = int(checkpoint.stem.removeprefix("step-"))
    config = tmp_path / "run" / "config.json"
    settings = json.loads(config.read_text())
    settings["plan"] |= {"steps": reached + 3, "seconds_per_step": 100.0}  # an end that the test can wait for
    config.write_text(json.dumps(settings))
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert f"resumed after step {reached}, about 5 min left" in again.stdout


def test_fill_prints_json_that_a_program_can_read(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fill", "A [MASK] and a [MASK].", "--model", str(model_folder), "--top-k", "2", "--json"]) == 0
    guesses = json.loads(capsys.readouterr().out)
    assert [len(group) for group in guesses] == [2, 2]
    assert guesses[0][0].keys() == {"sequence", "score", "token", "token_str"}


def test_fill_takes_several_texts_and_targets(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["A [MASK].", "A [MASK] and a [MASK]."]
    assert main(["fill", *texts, "--model", str(model_folder), "--targets", "cat,Dog", "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert [{guess["token_str"] for guess in group} for group in (one, *two)] == [{"cat", "dog"}] * 3
    assert main(["fill", *texts, "--model", str(model_folder), "--top-k", "2"]) == 0
    assert len(capsys.readouterr().out.split("\n\n")) == 4  # three masks, and what follows the last one


def test_embed_gives_features_as_json_and_as_an_array(
    model_folder: Path, tmp_path: Path, minilm_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["A man is eating food.", "A longer text about a cat on a mat."]
    official = SentenceTransformer(str(minilm_folder), device="cpu").encode(texts, show_progress_bar=False)
    assert main(["embed", *texts]) == 0
    assert np.allclose(json.loads(capsys.readouterr().out), official, atol=1e-5)
    out = tmp_path / "new" / "vectors.npy"
    assert main(["embed", *texts, "--out", str(out)]) == 0
    assert f"2 x 384 numbers in {out}" in capsys.readouterr().out
    written = np.load(out)
    assert written.dtype == np.float32
    assert np.allclose(written, official, atol=1e-5)
    assert [path.name for path in out.parent.iterdir()] == ["vectors.npy"]
    assert main(["embed", "one", "--model", str(model_folder)]) == 0
    (vector,) = json.loads(capsys.readouterr().out)
    assert len(vector) == TINY.hidden_size
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_evaluate_prints_the_figures(model_folder: Path, text_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", str(model_folder), "--teacher", str(model_folder), "--text", str(text_file), "--json"]
    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["agreement"] == 1.0
    assert figures["teacher"] == figures["student"]
    assert figures["intervals"]["agreement"] == [1.0, 1.0]
    assert figures["bytes"] == 4 * figures["parameters"]
    assert list(figures["speedup"]) == ["1x16", "1x128", "8x16", "8x128"]
    for shape, ratio in figures["speedup"].items():
        low, high = figures["intervals"][f"speedup {shape}"]
        assert 0 < low <= ratio <= high
    assert main(command[:-1]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("agreement", "hidden_cosine", "student_calibration_error"):
        (line,) = [line for line in lines if line.startswith(f"intervals {name} ")]
        assert line.endswith(" {:.4f} to {:.4f}".format(*figures["intervals"][name]))
    assert figures["intervals"]["hidden_cosine"] == pytest.approx([1, 1])


def test_doctor_answers_whatever_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "minilm                  verified: " in printed
    assert "bert-base-uncased" in printed
    assert re.search(r"^memory +\d+\.\d GiB", printed, flags=re.M)
    assert re.search(r"^hub +(https?://\S+ is|not) reachable", printed, flags=re.M)


def _no_held_out_text(folder: Path) -> str:
    (folder / "text.txt").write_text("a document alone\n")
    return "distil --text text.txt --out out"


def _out_below_a_file(folder: Path) -> str:
    (folder / "file").write_text("")
    (folder / "text.txt").write_text("\n".join(SENTENCE.format(number) for number in range(99)))
    return "distil --text text.txt --out file/out"


def _one_dataset_twice(folder: Path) -> str:
    (folder / "books").mkdir()
    (folder / "books" / "train.txt").write_text(SENTENCE)
    return f"distil --hub books --hub {folder / 'books'}"


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("fill [MASK] --model bert-huge", ["'bert-huge'", "minilm"]),
        ("fill [MASK] --model .", ["config.json"]),
        ("fill Nothing", ["[MASK]"]),
        ("embed a --out .", ["could not be written"]),
        ("distil --steps 0", ["steps", "0", "1 or more"]),
        ("distil --layers 0,9", ["9", "0 to 5"]),
        ("distil --hub a/b --text c", ["--hub", "--text"]),
        ("distil --hub a/b --docs", ["--hub", "--docs"]),
        ("distil --hub a --hub b c d e", ["--hub", "revision"]),
        (_one_dataset_twice, ["books"]),
        (_no_held_out_text, ["text.txt", "test split"]),
        (_out_below_a_file, ["file/out", "not writable", "--out"]),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(
    command: str | Callable[[Path], str],
    facts: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = command if isinstance(command, str) else command(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(typed.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("minidistil: ")
    assert error.count("\n") == 1
    assert all(fact in error for fact in facts)
    assert sorted(tmp_path.rglob("*")) == before


CONFIGS: dict[str, TrainingConfig] = {
    "distil": DistilConfig(), "teach": TeachConfig(), "finetune": FinetuneConfig(), "plan": DistilConfig.paper(),
}  # fmt: skip


@pytest.mark.parametrize("command", CONFIGS)
def test_flags_of_settings_show_the_defaults_of_the_configuration(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIGS[command]
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    shown = re.findall(r"^  --([\w-]+) .*\(default: ([\w.-]+)\)$", capsys.readouterr().out, flags=re.M)
    defaults = {flag.replace("-", "_"): default for flag, default in shown}
    if "budget" in defaults:
        assert float(defaults["budget"].removesuffix("s")) == config.budget_seconds
    names = defaults.keys() & {field.name for field in fields(config)}
    assert {"batch_size", "max_length"} <= names
    for name in names:
        assert str(getattr(config, name)) in (defaults[name], str(float(defaults[name]))), name


def test_a_flag_without_a_command_is_told_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--budget", "3m"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "--budget" in error
    assert "minidistil distil" in error


def test_altered_layers_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in data_folder().glob(f"{OWN_LAYERS}.*"):
        content = bytearray(path.read_bytes())
        if path.suffix == ".safetensors":
            content[-1] ^= 1
        (tmp_path / path.name).write_bytes(content)
    monkeypatch.setattr("minidistil.ch05_weights.weights.data_folder", lambda: tmp_path)
    assert main(["fill", "A [MASK]."]) == 2
    assert f"{OWN_LAYERS}.safetensors has sha256" in capsys.readouterr().err


def test_too_little_space_is_noticed_before_anything_is_done(
    distil: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 2**20})())
    assert main(distil) == 2
    assert "1 MiB" in capsys.readouterr().err
    assert not list((tmp_path / "run").iterdir())


def test_a_disk_that_fills_up_during_the_run_leaves_no_half_file(distil: list[str], tmp_path: Path) -> None:
    limit = 1 << 20  # bytes a file may have: less than the model

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = subprocess.run(
        [sys.executable, "-m", "minidistil", *distil],
        preexec_fn=small_files_only, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 2
    assert "could not be written" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.safetensors"))
