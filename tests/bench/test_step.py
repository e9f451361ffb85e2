"""The benchmark of a step: both sides compute the same, this package in less memory."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM

from minidistil.bench import step as stepbench
from minidistil.bench.step import Work, compare, official_losses
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.settings import DistilConfig
from tests.conftest import TINY


@pytest.fixture
def work(tmp_path: Path) -> Work:
    teacher = MaskedLM(replace(TINY, vocab_size=10_000))
    teacher.save_pretrained(tmp_path / "teacher")
    student_of(teacher).save_pretrained(tmp_path / "student")
    ids = torch.randint(10_000, (8, 128))
    attention_mask = (torch.arange(128) < torch.randint(100, 129, (8, 1))).long()
    labels = torch.where((torch.rand(8, 128) < 0.15) & attention_mask.bool(), ids, IGNORE)
    return Work(tmp_path, MaskedBatch(ids, attention_mask, labels), DistilConfig.paper())


@pytest.mark.parametrize("positions", ["masked", "all"])
def test_the_official_way_has_our_losses_and_gradients(work: Work, positions: str) -> None:
    config = replace(work.config, ce_positions=positions)
    teacher, student = (MaskedLM.from_pretrained(work.folder / name).eval() for name in ("teacher", "student"))
    peers = [AutoModelForMaskedLM.from_pretrained(work.folder / name).eval() for name in ("teacher", "student")]
    losses = distillation_losses(teacher, config)(student, work.batch)
    official = official_losses(peers[0], peers[1], work.batch, config)
    for name, value in official.items():
        torch.testing.assert_close(losses[name], value, atol=1e-5, rtol=1e-5)
    losses["loss"].backward()
    official["loss"].backward()
    expected = peers[1].get_input_embeddings().weight.grad
    torch.testing.assert_close(student.encoder.embeddings.word.weight.grad, expected, atol=1e-5, rtol=1e-4)


def test_this_package_takes_half_the_memory(work: Work) -> None:
    official, fp32, _ = compare(replace(work, config=replace(work.config, ce_positions="masked")))
    assert fp32["mebibytes"] < official["mebibytes"] / 2


def test_a_step_that_differs_is_not_timed(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([dict.fromkeys(("loss", "ce", "mlm", "cos", "gradient_norm"), each) for each in (1.0, 1.001, 1.0)])
    monkeypatch.setattr(stepbench, "in_own_process", lambda measure, work: next(results))
    with pytest.raises(RuntimeError, match=r"loss is 1.001 in minidistil and 1.0 in"):
        compare(work)
