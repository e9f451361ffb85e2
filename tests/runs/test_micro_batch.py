"""`--batch-size auto`: the largest micro-batch that fits, with the effective batch kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.cli.main import main, parser
from minidistil.runs import micro_batch
from minidistil.runs.micro_batch import fits, fitted
from tests.conftest import TINY

CONFIG = DistilConfig(batch_size=16, accumulate=3, max_length=16)


@pytest.fixture(scope="module")
def models() -> tuple[MaskedLM, MaskedLM]:
    teacher = MaskedLM(replace(TINY, vocab_size=40)).eval().requires_grad_(False)
    return teacher, student_of(teacher)


@pytest.fixture
def a_gpu_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretend that models are on a GPU that has memory for so many sequences."""

    def pretend(most: int) -> None:
        monkeypatch.setattr(micro_batch, "device_of", lambda model: torch.device("cuda"))
        monkeypatch.setattr(micro_batch, "fits", lambda teacher, student, config: config.batch_size <= most)

    return pretend


@pytest.mark.parametrize(("most", "expected"), [(1000, (48, 1)), (13, (12, 4)), (7, (6, 8)), (1, (1, 48))])
def test_the_largest_that_fits_is_taken_and_the_effective_batch_kept(
    most: int,
    expected: tuple[int, int],
    models: tuple[MaskedLM, MaskedLM],
    a_gpu_for: Callable[[int], None],
    tmp_path: Path,
) -> None:
    a_gpu_for(most)
    found = fitted(*models, CONFIG, tmp_path)
    assert (found.batch_size, found.accumulate) == expected
    assert replace(found, batch_size=16, accumulate=3) == CONFIG


def test_a_run_that_has_begun_keeps_its_own(
    models: tuple[MaskedLM, MaskedLM], a_gpu_for: Callable[[int], None], tmp_path: Path
) -> None:
    a_gpu_for(13)
    begun = fitted(*models, CONFIG, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"kind": "DistilConfig", "config": begun.to_json()}))
    a_gpu_for(1000)  # goes on on a larger one
    assert fitted(*models, CONFIG, tmp_path) == begun


def test_where_nothing_fits_one_sentence_says_so(
    models: tuple[MaskedLM, MaskedLM], a_gpu_for: Callable[[int], None], tmp_path: Path
) -> None:
    a_gpu_for(0)
    with pytest.raises(MemoryError, match=r"one sequence of 16 tokens.*--max-length"):
        fitted(*models, CONFIG, tmp_path)


def test_a_cpu_keeps_the_settings(models: tuple[MaskedLM, MaskedLM], tmp_path: Path) -> None:
    assert fitted(*models, CONFIG, tmp_path) == CONFIG


def test_a_trial_says_what_fits_and_leaves_the_student_as_it_was(
    models: tuple[MaskedLM, MaskedLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, student = models
    losses = micro_batch.distillation_losses

    def with_little_memory(teacher: MaskedLM, config: DistilConfig) -> Any:
        if config.batch_size > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return losses(teacher, config)

    monkeypatch.setattr(micro_batch, "distillation_losses", with_little_memory)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    assert [fits(teacher, student, replace(CONFIG, batch_size=size)) for size in (8, 4)] == [False, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in student.state_dict().items())
    assert all(parameter.grad is None for parameter in student.parameters())


def test_the_flag_takes_a_number_or_auto(capsys: pytest.CaptureFixture[str]) -> None:
    for given, expected in (("auto", "auto"), ("12", 12)):
        assert parser().parse_args(["distil", "--batch-size", given]).batch_size == expected
    with pytest.raises(SystemExit):
        main(["distil", "--batch-size", "many"])
    assert "'many': expected a whole number, or auto" in capsys.readouterr().err
