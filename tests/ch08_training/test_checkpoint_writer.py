"""Chapter 8, checkpoints written beside the training: whole, one at a time, and no error is lost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training import checkpoints
from minidistil.ch08_training.checkpoints import CheckpointWriter, Progress
from minidistil.ch08_training.feed import Feed
from minidistil.ch08_training.objectives import masked_lm_losses
from minidistil.ch08_training.training import make_optimizer, train
from tests.ch08_training.test_training import CONFIG, PLAN, Numbered
from tests.conftest import TINY


@pytest.fixture
def model() -> MaskedLM:
    torch.manual_seed(0)
    return MaskedLM(replace(TINY, vocab_size=40))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Files are written when the event is set, and no sooner."""
    go, save_file = threading.Event(), checkpoints.save_file

    def wait(*args: Any, **kwargs: Any) -> None:
        assert go.wait(60)
        save_file(*args, **kwargs)

    monkeypatch.setattr(checkpoints, "save_file", wait)
    yield go
    go.set()


def test_a_checkpoint_has_the_numbers_of_its_step_whatever_the_training_does_meanwhile(
    model: MaskedLM, slow: threading.Event, tmp_path: Path
) -> None:
    before = model.head.bias.detach().clone()
    writer, progress = CheckpointWriter(tmp_path, "a run"), Progress(step=3)
    writer.save(model, make_optimizer(model, CONFIG), progress)
    assert not list(tmp_path.glob("step-*"))  # the training goes on
    writer.check()
    with torch.no_grad():
        model.head.bias.add_(1.0)
    progress.step = 4
    slow.set()
    writer.wait()
    (path,) = tmp_path.glob("step-*")
    assert path.stem == "step-00000003"
    assert torch.equal(load_file(path)["model.head.bias"], before)


def test_checkpoints_are_written_one_after_the_other(
    model: MaskedLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, save_file = 0, 0, checkpoints.save_file

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.05)
        save_file(*args, **kwargs)
        inside -= 1

    monkeypatch.setattr(checkpoints, "save_file", counted)
    writer = CheckpointWriter(tmp_path, "a run")
    for step in (1, 2, 3):
        writer.save(model, make_optimizer(model, CONFIG), Progress(step=step))
    writer.wait()
    assert most == 1
    assert [path.stem for path in tmp_path.glob("step-*")] == ["step-00000003"]


def test_a_failed_checkpoint_ends_the_run_at_the_next_steps_and_the_last_one_is_tried_again(
    model: MaskedLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file = checkpoints.save_file
    calls: list[int] = []

    def failing(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        save_file(*args, **kwargs)

    monkeypatch.setattr(checkpoints, "save_file", failing)
    config = replace(CONFIG, checkpoint_seconds=1e-9)
    run = train(model, masked_lm_losses, cast(Feed, Numbered()), config, PLAN, tmp_path)
    steps: list[int] = []
    with pytest.raises(OSError, match="No space left on device"):
        steps.extend(progress.step for progress in run)
    assert steps in ([1], [1, 2])
    assert [path.stem for path in tmp_path.glob("step-*")] == [f"step-{steps[-1]:08d}"]


def test_a_failure_of_the_last_checkpoint_is_no_success(
    model: MaskedLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", failing)
    with pytest.raises(OSError, match="No space left on device"):
        list(train(model, masked_lm_losses, cast(Feed, Numbered()), CONFIG, PLAN, tmp_path))
