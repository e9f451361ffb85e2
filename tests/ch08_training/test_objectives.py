"""Chapter 8, objectives: logits in chunks give the losses and gradients of all logits at once."""

import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import (
    chunk_size,
    distillation_losses,
    masked_lm_losses,
    triple_loss,
    triple_loss_in_chunks,
)
from minidistil.ch08_training.settings import DistilConfig
from tests.conftest import TINY

SMALL = replace(TINY, vocab_size=300, initializer_range=0.3)


def a_batch() -> MaskedBatch:
    """Some hundred tokens, padding, a label now and then."""
    input_ids = torch.randint(300, (9, 60))
    attention_mask = (torch.arange(60) < torch.randint(20, 60, (9, 1))).long()
    labels = torch.where((torch.rand(9, 60) < 0.2) & attention_mask.bool(), input_ids, IGNORE)
    return MaskedBatch(input_ids, attention_mask, labels)


def official(teacher: MaskedLM, student: MaskedLM, batch: MaskedBatch, config: DistilConfig) -> torch.Tensor:
    """The loss as the official script has it: every logit of both models, then a selection of them."""
    ours = student(batch.input_ids, batch.attention_mask)
    theirs = teacher(batch.input_ids, batch.attention_mask)
    real = batch.attention_mask.bool()
    at = real if config.ce_positions == "all" else batch.labels != IGNORE
    t = config.temperature
    ce = nn.KLDivLoss(reduction="batchmean")((ours.logits[at] / t).log_softmax(-1), (theirs.logits[at] / t).softmax(-1))
    mlm = nn.CrossEntropyLoss(ignore_index=-100)(ours.logits.flatten(0, 1), batch.labels.flatten())
    one = torch.ones(int(real.sum()))
    cos = nn.CosineEmbeddingLoss()(ours.last_hidden_state[real], theirs.last_hidden_state[real], one)
    mse = (ours.logits[at] - theirs.logits[at]).square().sum() / at.sum()
    return config.alpha_ce * t**2 * ce + config.alpha_mlm * mlm + config.alpha_cos * cos + config.alpha_mse * mse


@pytest.mark.parametrize("positions", ["masked", "all"])
@pytest.mark.parametrize("alphas", [(5, 2, 1, 0), (5, 2, 1, 0.01), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0)])
def test_losses_and_gradients_are_those_of_the_official_step(
    positions: str, alphas: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidistil.ch08_training.objectives.CHUNK", 100)  # the last chunk is a shorter one
    names = ("alpha_ce", "alpha_mlm", "alpha_cos", "alpha_mse")
    config = DistilConfig(ce_positions=positions, **dict(zip(names, alphas, strict=True)))  # type: ignore[arg-type]
    teacher = MaskedLM(SMALL).eval().requires_grad_(False)
    student, batch = student_of(teacher).eval(), a_batch()
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    terms = distillation_losses(teacher, config)(student, batch)
    expected = official(teacher, student, batch, config)
    torch.testing.assert_close(terms["loss"], expected, atol=1e-5, rtol=1e-5)
    parameters = list(student.parameters())
    (terms["loss"] / 3).backward()  # as with three micro-batches a step
    for parameter, right in zip(
        parameters, torch.autograd.grad(expected / 3, parameters, allow_unused=True), strict=True
    ):
        mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(mine, torch.zeros_like(mine) if right is None else right, atol=2e-5, rtol=1e-4)


def test_chunks_give_the_losses_and_gradients_of_all_logits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.ch08_training.objectives.CHUNK", 7)
    config = DistilConfig(alpha_mse=0.01, ce_positions="all")
    teacher, student = MaskedLM(SMALL), MaskedLM(SMALL)
    labels = torch.randint(300, (9,))  # of the first tokens
    found = []
    for way in (triple_loss, triple_loss_in_chunks):
        hidden = torch.randn(40, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
        terms = way(student, teacher, hidden, torch.ones(40, 32).cumsum(1), labels, config)
        found.append(
            [
                *(terms[name] for name in sorted(terms)),
                *torch.autograd.grad(terms["loss"], [hidden, *student.head.parameters()]),
            ]
        )
    assert terms.keys() == {"loss", "ce", "mlm", "cos", "mse"}
    for plain, chunked in zip(*found, strict=True):
        torch.testing.assert_close(chunked, plain, atol=1e-5, rtol=1e-4)


class Kept:
    """A tensor that is kept for the backward pass."""

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor


def test_chunks_keep_nothing_of_the_size_of_all_logits() -> None:
    teacher = MaskedLM(replace(SMALL, vocab_size=5000)).requires_grad_(False)
    student, batch = student_of(teacher), a_batch()
    kept: weakref.WeakSet[Kept] = weakref.WeakSet()

    def keep(tensor: torch.Tensor) -> Kept:
        kept.add(wrapped := Kept(tensor))
        return wrapped

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda wrapped: wrapped.tensor):
        terms = distillation_losses(teacher, DistilConfig(ce_positions="all"))(student, batch)
    assert terms["loss"].requires_grad
    largest = max(wrapped.tensor.numel() for wrapped in kept)  # those of a chunk are gone
    assert largest == student.encoder.embeddings.word.weight.numel() < int(batch.attention_mask.sum()) * 5000


def test_a_narrower_student_learns_without_the_cosine() -> None:
    teacher = MaskedLM(SMALL).requires_grad_(False)
    student = MaskedLM(replace(SMALL, hidden_size=16, intermediate_size=32))
    for positions in ("masked", "all"):
        config = DistilConfig(alpha_cos=0, ce_positions=positions)
        terms = distillation_losses(teacher, config)(student, a_batch())
        assert "cos" not in terms
        terms["loss"].backward()


def test_logits_at_masked_positions_only_give_the_full_loss() -> None:
    model, batch = MaskedLM(SMALL).eval(), a_batch()
    full = model(batch.input_ids, batch.attention_mask, labels=batch.labels).loss
    assert masked_lm_losses(model, batch)["loss"].item() == pytest.approx(full.item(), rel=1e-5)


def test_a_gpu_takes_larger_chunks_by_all_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chunk_size(torch.device("cpu"), 30522) == 256
    found = []
    for gibibytes in (1, 15, 139):
        memory = SimpleNamespace(total_memory=gibibytes * 2**30)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device, memory=memory: memory)
        found.append(chunk_size(torch.device("cuda"), 30522))
    assert found == [256, 512, 4096]
