"""Two rules of Windows, imitated: fsync needs a handle that may write, and a mapped file can be neither removed nor
replaced."""

import fcntl
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import minidistil as md
from minidistil.ch08_training.objectives import masked_lm_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.training import train
from tests.devices.small import SETTINGS, a_feed, small

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps, which only Linux has")


def mapped(path: Any) -> bool:
    """Whether a tensor, or anything else, still lies in this file."""
    lines = (line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines())
    return os.path.realpath(path) in {line[5] for line in lines if len(line) == 6}


@pytest.fixture
def windows() -> Iterator[None]:
    fsync, unlink, replace = os.fsync, os.unlink, os.replace

    def careful_fsync(handle: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        fsync(handle)

    def careful_unlink(path: Any, **how: Any) -> None:
        if not how and mapped(path):
            raise PermissionError(13, "[WinError 32] The file is being used by another process", str(path))
        unlink(path, **how)

    def careful_replace(old: Any, new: Any, **how: Any) -> None:
        if mapped(new):
            raise PermissionError(13, "[WinError 5] Access is denied", str(new))
        replace(old, new, **how)

    with (
        mock.patch("minidistil.ch05_weights.weights.COPIES", True),
        mock.patch("os.fsync", careful_fsync),
        mock.patch("os.unlink", careful_unlink),
        mock.patch("os.replace", careful_replace),
    ):
        yield


def test_a_model_is_saved_over_the_folder_that_it_came_from(windows: None, tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    md.MaskedLM.from_pretrained(tmp_path).save_pretrained(tmp_path)


def test_a_resumed_run_removes_the_old_checkpoint(windows: None, tmp_path: Path) -> None:
    feed = a_feed(md.WordPiece.from_pretrained("minilm"), SETTINGS)
    for stop in (2, None):
        steps: Any = train(small(), masked_lm_losses, feed, SETTINGS, Plan(6, "fp32", 1.0), tmp_path)
        for _ in itertools.islice(steps, stop):
            pass
        steps.close()
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["step-00000006.safetensors"]


def test_no_model_lies_in_its_file(windows: None, tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    model = md.MaskedLM.from_pretrained(tmp_path)
    assert not mapped(tmp_path / "model.safetensors")
    assert model.config.num_hidden_layers == 4
