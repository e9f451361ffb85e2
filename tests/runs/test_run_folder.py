"""A run's folder: one run at a time, and what is damaged or of another run is one sentence that names the file."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.checkpoints import load_checkpoint
from minidistil.ch08_training.settings import DistilConfig
from minidistil.files import write_atomically
from minidistil.runs.distillation import distil
from minidistil.runs.run_folder import RunFolder
from tests.conftest import TINY

LARGE = "128 GiB"
CONFIG = DistilConfig(steps=4, batch_size=4, max_length=32, precision="fp32", log_every=1, validate_every=None)


@pytest.fixture(scope="module")
def corpus(docs_corpus: Corpus) -> Corpus:
    return Corpus("some", docs_corpus.train[:40], [], docs_corpus.test[:5])


@pytest.fixture(scope="module")
def teacher() -> MaskedLM:
    torch.manual_seed(0)
    return MaskedLM(TINY).eval()


@pytest.fixture(scope="module")
def finished(teacher: MaskedLM, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "finished"
    distil(teacher, student_of(teacher), corpus, CONFIG, folder)
    return folder


@pytest.fixture(scope="module")
def stopped(teacher: MaskedLM, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted in its last evaluation."""
    folder = tmp_path_factory.mktemp("run") / "stopped"

    def interrupt(line: str) -> None:
        if line.startswith("evaluating"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder, say=interrupt)
    return folder


def test_a_second_run_in_the_folder_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    first, second = (RunFolder(tmp_path, {"kind": "some"}, print) for _ in range(2))
    with first.locked(), pytest.raises(ValueError, match="Another process is at work in the folder"), second.locked():
        pass
    with second.locked():
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_half_written_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    parts = [tmp_path / ".report.md.7.part", tmp_path / "checkpoints" / ".step-00000007.safetensors.7.part"]
    parts.append(tmp_path / "checkpoints" / ".tmpdS1qcC")  # what safetensors writes before it gives a file its name
    for part in parts:
        part.write_bytes(b"half")
    (tmp_path / "report.md").write_text("whole")
    with RunFolder(tmp_path, {"kind": "some"}, print).locked():
        assert not any(part.exists() for part in parts)
    assert (tmp_path / "report.md").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", ""),
        ("metrics.json", "[1, 2]"),
        ("metrics.json", "{}"),
        ("metrics.json", '{"seconds": "4", "figures": 3}'),
        ("metrics.jsonl", None),
        ("metrics.jsonl", "{"),
        ("metrics.jsonl", "1"),
        ("metrics.json", "[" * 100_000),
        ("metrics.json", LARGE),
        ("metrics.jsonl", LARGE),
        ("config.json", LARGE),
        ("config.json", "[]"),
        ("config.json", "{}"),
    ],
)
def test_a_damaged_file_of_a_finished_run_is_named(
    name: str, content: str | None, finished: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    (folder / name).unlink()
    if content == LARGE:
        with (folder / name).open("wb") as file:
            file.truncate(2**37)  # 128 GiB, of which nothing is on the disk
    elif content is not None:
        (folder / name).write_text(content)
    with pytest.raises(ValueError, match=str(folder / name)):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder)


@pytest.mark.parametrize(
    "plan",
    [
        {"steps": 1e9},
        {"steps": 10**9},
        {"steps": 0},
        {"precision": "int8"},
        {"speed": 1},
        {"seconds_per_step": "1"},
        {"corrections": [[1]]},
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    plan: dict[str, object], stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"plan": settings["plan"] | plan}))
    with pytest.raises(ValueError, match=r"The plan in .*config\.json is damaged"):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes: Linux or macOS")
def test_a_pipe_in_the_place_of_a_file_does_not_hang_the_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        RunFolder(tmp_path, {"kind": "some"}, print)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "curves.png", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_an_older_version_did_not_write_blocks_nothing(tmp_path: Path) -> None:
    written = {"kind": "some", "config": {"seed": 1}}
    (tmp_path / "config.json").write_text(json.dumps(written))
    RunFolder(tmp_path, {"kind": "some", "config": {"seed": 1, "new": 2}, "more": 3}, print)
    with pytest.raises(ValueError, match="seed 1 there, 2 now"):
        RunFolder(tmp_path, {"kind": "some", "config": {"seed": 2, "new": 2}}, print)


@pytest.mark.parametrize("lost", ["model", "config.json", "."])
def test_a_folder_that_is_deleted_while_the_run_ends_is_no_finished_run(
    lost: str, teacher: MaskedLM, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, write = tmp_path / "run", RunFolder.write_text

    def deleting(self: RunFolder, name: str, text: str) -> None:
        write(self, name, text)
        if name == "report.md":
            shutil.rmtree(folder / lost, ignore_errors=True)
            (folder / lost).unlink(missing_ok=True)

    monkeypatch.setattr(RunFolder, "write_text", deleting)
    with pytest.raises(OSError, match=f"run has lost .*{'model.safetensors' if lost != 'config.json' else lost}"):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder)
    assert not (folder / "metrics.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' full disk")
def test_a_disk_that_is_full_when_the_log_grows_is_one_sentence(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, {"kind": "some"}, print)
    folder.append_log([{"step": 1}], -1)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n'
    folder.append_log([{"step": 1}, {"step": 2}], 1)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"metrics\.jsonl could not be written: No space left .*free some space"):
        folder.append_log([{"step": 1}, {"step": 2}], 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes: Linux or macOS")
@pytest.mark.parametrize("kind", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_no_checkpoint(kind: Callable[[Path], None], teacher: MaskedLM, tmp_path: Path) -> None:
    kind(tmp_path / "step-00000004.safetensors")
    with pytest.raises(ValueError, match=r"step-00000004\.safetensors is damaged .*no regular file"):
        load_checkpoint(tmp_path, teacher, torch.optim.AdamW(teacher.parameters()))


def rewritten(folder: Path, change: str) -> None:
    """Change the tensors or the progress of the checkpoint in a folder."""
    (path,) = (folder / "checkpoints").glob("step-*")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    if change in metadata:
        del metadata[change]
    elif change == "zeros":
        tensors = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    else:
        metadata["progress"] = json.dumps(json.loads(metadata["progress"]) | json.loads(change))
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    "change",
    ["zeros", "run", "digest", '{"step": "4"}', '{"tokens": 1}', '{"step": -1}', '{"log": [1]}', '{"more": 1}'],
)
def test_a_damaged_checkpoint_is_refused(
    change: str, stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    rewritten(folder, change)
    with pytest.raises(ValueError, match=r"step-00000004\.safetensors is damaged or belongs to another run"):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder)


def test_the_checkpoint_of_another_run_is_refused(
    stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    shutil.copytree(stopped / "checkpoints", tmp_path / "checkpoints")
    with pytest.raises(ValueError, match="by a run with other settings"):
        distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path)


def test_the_stopped_run_itself_goes_on(stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    said: list[str] = []
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"student_masked_accuracy_before": "damaged"}))
    run = distil(teacher, student_of(teacher), corpus, CONFIG, folder, say=said.append)
    assert run.metrics["steps"] == 4
    assert run.metrics["student_masked_accuracy_before"] == settings["student_masked_accuracy_before"]
    assert not [line for line in said if "bit for bit" in line]
    assert not (folder / "checkpoints").exists()


def test_a_run_that_goes_on_on_another_device_says_so(
    stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"device": "Tesla T4"}))
    said: list[str] = []
    assert distil(teacher, student_of(teacher), corpus, CONFIG, folder, say=said.append).metrics["steps"] == 4
    (line,) = [line for line in said if "bit for bit" in line]
    assert "Tesla T4" in line
    assert "of a CPU" in line


def test_a_begun_run_goes_on_in_another_precision_and_says_so(
    stopped: Path, teacher: MaskedLM, corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    said: list[str] = []
    bf16 = replace(CONFIG, precision="bf16")
    run = distil(teacher, student_of(teacher), corpus, bf16, folder, say=said.append)
    (line,) = [line for line in said if "bit for bit" in line]
    assert "in fp32" in line
    assert "in bf16" in line
    assert run.metrics["precision"] == "bf16"
    assert distil(teacher, student_of(teacher), corpus, bf16, folder).was_finished
    with pytest.raises(ValueError, match="precision bf16 there, fp32 now"):
        distil(teacher, student_of(teacher), corpus, CONFIG, folder)
