"""Chapter 8, devices and precisions."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training import device, loss_scale, parallel
from minidistil.ch08_training.device import best_device, in_16_bits, precisions, sent_to
from minidistil.ch08_training.feed import Feed, MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses, masked_lm_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import Step, accumulate_gradients, train
from tests.ch08_training.test_objectives import SMALL, a_batch
from tests.ch08_training.test_training import CONFIG, Numbered


def test_the_environment_names_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIDISTIL_DEVICE", raising=False)
    assert best_device().type == ("cuda" if torch.cuda.is_available() else best_device().type)
    monkeypatch.setenv("MINIDISTIL_DEVICE", "cpu")
    assert best_device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu7", "cuda:99", "a card", "xpu"])
def test_a_device_that_is_not_here_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDISTIL_DEVICE", name)
    with pytest.raises(ValueError, match=rf"{name}.*cpu"):
        best_device()


@pytest.mark.parametrize(
    ("device", "expected"),
    [("cuda", "GPUs here: 1.*--nproc-per-node 1"), ("cuda:1", "cuda:1.*GPU of its"), ("mps", "mps")],
)
def test_processes_that_would_share_a_device_are_refused(
    device: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(parallel, "best_device", lambda: torch.device(device))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=expected), parallel.processes():
        pass


def test_bf16_that_is_only_emulated_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for native, half in ((True, "bf16"), (False, "fp16")):  # a Tesla T4 emulates it
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert precisions(torch.device("cuda")) == ("fp32", half)


@pytest.mark.parametrize("positions", ["masked", "all"])
def test_small_gradients_in_fp16_are_those_of_fp32_times_the_factor(positions: str) -> None:
    config = DistilConfig(ce_positions=positions)
    teacher, batch = MaskedLM(SMALL).eval().requires_grad_(False), a_batch()
    student, found = student_of(teacher).eval(), []

    def small(model: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        return {"loss": distillation_losses(teacher, config)(model, batch)["loss"] * 2.0**-16}

    for precision, factor in (("fp32", 1.0), ("fp16", 1.0), ("fp16", 2.0**16)):
        step = Step(student, small, precision, MaskedBatch)
        if step.scale:
            step.scale.factor = factor
        accumulate_gradients(step, [(0, batch)], seed=1)
        found.append(torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None]) / factor)
    exact, unscaled, scaled = found
    assert (scaled - exact).norm() < 0.01 * exact.norm()
    assert (unscaled - exact).norm() > 0.3 * exact.norm()  # without the factor fp16 loses much of them


def test_a_copy_in_16_bits_computes_what_autocast_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, batch = MaskedLM(SMALL).eval(), a_batch()
    assert in_16_bits(model, "bf16") is model  # a CPU gains nothing
    monkeypatch.setattr(device, "device_of", lambda model: torch.device("cuda"))
    copied = in_16_bits(model, "bf16")
    assert copied.get_parameter("encoder.layers.0.expand.weight").dtype == torch.bfloat16
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        one, other = (each(batch.input_ids, batch.attention_mask).logits for each in (model, copied))
    assert torch.equal(one, other)


def test_a_factor_that_is_too_large_costs_steps_and_no_run(tmp_path: Path) -> None:
    torch.manual_seed(0)  # weights so large that gradients times 2^16 are beyond 65504
    model, plan = MaskedLM(dataclasses.replace(SMALL, vocab_size=40)), Plan(12, "fp16", 1.0)
    *_, progress = train(model, masked_lm_losses, cast(Feed, Numbered()), CONFIG, plan, tmp_path)
    assert 0 < progress.skipped < 12
    assert progress.scale["factor"] == 2.0 ** (16 - progress.skipped)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_the_factor_grows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "GROW_AFTER", 3)
    scale = loss_scale.LossScale()
    for finite in (True, False, True, True, True):
        scale.update(finite)
    assert scale.factor == 2.0**16
    other = loss_scale.LossScale()
    other.load_state_dict(scale.state_dict())
    assert vars(other) == vars(scale)


def test_what_goes_to_a_cuda_gpu_leaves_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only then does the program not wait (PyTorch's notes on CUDA, "Use pinned memory buffers").
    calls: list[str] = []

    def called(name: str) -> Callable[..., torch.Tensor]:
        def call(self: torch.Tensor, *arguments: object, **named: object) -> torch.Tensor:
            calls.append(name)
            return self

        return call

    for name in ("pin_memory", "to"):
        monkeypatch.setattr(torch.Tensor, name, called(name))
    for kind in ("cuda", "mps"):
        sent_to(torch.zeros(2), torch.device(kind))
    assert calls == ["pin_memory", "to", "to"]
