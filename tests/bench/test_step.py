"""The benchmark of a step: both sides compute the same, ours in less time and memory."""

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
from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.settings import DistilConfig
from tests.conftest import TINY


@pytest.fixture
def work(tmp_path: Path) -> Work:
    torch.manual_seed(0)
    teacher = MaskedLM(replace(TINY, vocab_size=10_000))
    teacher.save_pretrained(tmp_path / "teacher")
    student_of(teacher).save_pretrained(tmp_path / "student")
    ids = torch.randint(10_000, (8, 128))
    attention_mask = (torch.arange(128) < torch.randint(100, 129, (8, 1))).long()
    labels = torch.where((torch.rand(8, 128) < 0.15) & attention_mask.bool(), ids, IGNORE)
    return Work(tmp_path, Batch(ids, attention_mask, labels), DistilConfig.paper())


@pytest.mark.parametrize("positions", ["masked", "all"])
def test_the_official_way_has_our_losses_and_gradients(work: Work, positions: str) -> None:
    config = replace(work.config, ce_positions=positions)
    teacher, student = (MaskedLM.from_pretrained(work.folder / name).eval() for name in ("teacher", "student"))
    theirs = [AutoModelForMaskedLM.from_pretrained(work.folder / name).eval() for name in ("teacher", "student")]
    mine = distillation_losses(teacher, config)(student, work.batch)
    official = official_losses(theirs[0], theirs[1], work.batch, config)
    for name, value in official.items():
        torch.testing.assert_close(mine[name], value, atol=1e-5, rtol=1e-5)
    mine["loss"].backward()
    official["loss"].backward()
    right = theirs[1].get_input_embeddings().weight.grad
    torch.testing.assert_close(student.encoder.embeddings.word.weight.grad, right, atol=1e-5, rtol=1e-4)


def test_ours_takes_half_the_memory(work: Work) -> None:
    official, ours, _ = compare(replace(work, config=replace(work.config, ce_positions="masked")))
    assert ours["mebibytes"] < official["mebibytes"] / 2


def test_a_step_that_differs_is_not_timed(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([1.0, 1.001, 1.0])

    def measured(measure: object, work: Work) -> dict[str, float]:
        return dict.fromkeys(("loss", "ce", "mlm", "cos", "gradient_norm", "seconds", "mebibytes"), next(results))

    monkeypatch.setattr(stepbench, "_in_a_process_of_its_own", measured)
    with pytest.raises(RuntimeError, match=r"loss is 1.001 here and 1.0 the official way"):
        compare(work)
