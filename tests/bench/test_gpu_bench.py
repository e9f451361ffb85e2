"""`minidistil bench gpu`, in its small size: both ways in each precision, and a resumed run."""

import re

import pytest
import torch

from minidistil.bench import gpu
from minidistil.bench.step import Result
from minidistil.cli.main import main


def test_the_table_names_the_device_and_has_both_ways(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "SMALL_SHAPES", gpu.SMALL_SHAPES[:1])
    monkeypatch.setattr(gpu, "device_operations", lambda device, precision: 1e12)
    monkeypatch.setattr(gpu, "in_own_process", lambda measure, work: measure(work))  # quicker, and the peak is no test
    assert main(["bench", "gpu", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "of a CPU" in text.splitlines()[0]
    assert "no GPU" in text.splitlines()[1]
    rows = re.findall(r"8 x 32 masked +(official|minidistil), (fp32|bf16) +[\d.]+ +[\d,]+ +\d+% +[\d,]+\n", text)
    assert rows == [(way, precision) for precision in ("fp32", "bf16") for way in ("official", "minidistil")]
    assert text.count("resumed bit for bit") == 2


def test_a_run_that_does_not_resume_exactly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([torch.zeros(3), torch.zeros(3), torch.tensor([0.0, 1e-3, 0.0])])
    monkeypatch.setattr(gpu, "_ends_of_a_run", lambda *_: next(ends))
    said = gpu.resumed(torch.device("cpu"), "fp32")
    assert "resumed off by 1.0e-03" in said
    assert "twice the same run bit for bit" in said


def test_what_does_not_fit_is_told_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(way: object, work: object) -> Result:
        if way is gpu.measure_official:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return dict.fromkeys(("clock", "mebibytes", "loss", "ce", "mlm", "cos"), 1.0)

    monkeypatch.setattr(gpu, "in_own_process", measure)
    official, ours = gpu._rows(gpu.Shape(2, 8, "all"), gpu.SMALL, {"fp32": 1e12})
    assert "more memory than" in official
    assert "official" in official
    assert "minidistil" in ours
    assert " 1000.0 " in ours
