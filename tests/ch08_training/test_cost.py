"""Chapter 8's scale: operations as torch counts them, and an estimate that adds up."""

import re
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.cost import (
    CORPUS_TOKENS,
    device_operations,
    forward_operations,
    kept_mebibytes,
    measure,
    memory,
    plan,
    step_operations,
)
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.settings import DistilConfig

SMALL = EncoderConfig(
    vocab_size=1000, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256,
    dropout=0.0, attention_dropout=0.0,
)  # fmt: skip


@pytest.mark.parametrize("length", [16, 128])
def test_forward_operations_are_those_that_torch_counts(length: int) -> None:
    model, ids = MaskedLM(SMALL).eval(), torch.randint(1000, (3, length))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        hidden = model.encoder.embeddings(ids)
        for layer in model.encoder.layers:
            hidden, _ = layer(hidden, output_attentions=True)  # attention in plain products, which torch can count
        model.head(hidden)
    assert forward_operations(SMALL, length, 1.0) * ids.numel() == counter.get_total_flops()


def test_a_step_is_four_parts_of_which_the_teacher_has_one() -> None:
    teacher = MaskedLM(SMALL).requires_grad_(False)
    student = student_of(teacher)
    ids = torch.randint(1000, (4, 32))
    labels = torch.where(torch.rand(4, 32) < 0.5, ids, -100)
    with FlopCounterMode(display=False) as counter:
        losses = distillation_losses(teacher, DistilConfig())(student, MaskedBatch(ids, torch.ones_like(ids), labels))
        losses["loss"].backward()
    share = float((labels != -100).float().mean())
    counted = counter.get_total_flops() / ids.numel()
    attention = 2 * 2 * 32 * 64 * (4 + 3 * 2)  # torch does not count fused attention on a CPU
    assert step_operations(SMALL, student.config, 32, share) - attention == pytest.approx(counted, rel=0.01)


def test_the_devices_speed_is_that_of_a_product_as_torch_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(
        "minidistil.ch08_training.cost.time.perf_counter", lambda: float(next(clock))
    )  # each call a second
    with FlopCounterMode(display=False) as counter:
        speed = device_operations(torch.device("cpu"), "fp32", rounds=3)
    assert speed == counter.get_total_flops() / 4  # in the three rounds and the first one


def test_memory_is_that_of_the_models_and_more(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(DistilConfig.paper(), batch_size=2, max_length=32)
    measured = measure(SMALL, config)
    teacher, student = measured.parameters
    assert teacher == sum(parameter.numel() for parameter in MaskedLM(SMALL).parameters())
    assert memory(measured) * 2**30 == pytest.approx(4 * teacher + 16 * student + measured.kept_mebibytes * 2**20)
    more = measure(SMALL, replace(config, batch_size=8))
    assert more.kept_mebibytes > measured.kept_mebibytes


def test_what_is_kept_is_counted_once_and_without_the_weights() -> None:
    layer, inputs = torch.nn.Linear(256, 512), torch.randn(1024, 256)  # 1 MiB of input, 2 MiB of output

    def loss() -> torch.Tensor:
        hidden = layer(inputs)
        hidden.detach().requires_grad_().exp().sum().backward()  # kept for a moment only
        return (hidden.tanh() * hidden).sum()  # the input of the layer, hidden, and its tanh

    assert kept_mebibytes(loss, layer) == 5


def test_the_plan_adds_up() -> None:
    config = replace(DistilConfig.paper(), batch_size=2, max_length=32)
    lines = list(plan(config, SMALL, tokens=1e9, teraflops=10, utilisation=0.5, price=2))
    rows = [re.split(r"\s{2,}", line) for line in lines if " of 10 TFLOP/s, 50% used" in line]
    each = step_operations(SMALL, replace(SMALL, num_hidden_layers=2, type_vocab_size=0), 32, 1.0)
    for row, devices in zip(rows, (1, 8, 16), strict=True):
        speed, days, cost = (float(cell.replace(",", "")) for cell in row[1:])
        assert speed == pytest.approx(devices * 5e12 / each, rel=1e-3)
        assert days == pytest.approx(3e9 / speed / 86400, abs=0.051)
        assert cost == pytest.approx(3e9 * each / 5e12 / 3600 * 2, abs=0.51)  # the same for any number of them


def test_twice_the_text_takes_twice_the_days_also_at_the_papers_use_of_a_device() -> None:
    config = replace(DistilConfig.paper(), batch_size=2, max_length=32)
    days = []
    for tokens in (1e12, 2e12):
        row = next(line for line in plan(config, SMALL, tokens=tokens, teraflops=0.01) if line.startswith("1 of"))
        days.append(float(re.split(r"\s{2,}", row)[2].replace(",", "")))
    assert days[1] == pytest.approx(2 * days[0], rel=1e-2)


def test_the_papers_own_speed_is_a_share_that_can_be() -> None:
    bert, distilbert = EncoderConfig(), EncoderConfig(num_hidden_layers=6, type_vocab_size=0)
    operations = 3 * CORPUS_TOKENS * step_operations(bert, distilbert, 512, 1.0)
    assert 0.05 < operations / (8 * 90 * 3600 * 15.7e12) < 1
