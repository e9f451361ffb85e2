"""Compiled blocks: the same numbers, one graph for batches of all shapes, and only where a trial says that they pay."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training import compiled, trial
from minidistil.ch08_training.compiled import compiled_blocks
from minidistil.ch08_training.feed import MaskedBatch, MemoryFeed
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import Step, accumulate_gradients
from minidistil.ch08_training.trial import make_plan
from tests.conftest import TINY

CONFIG = DistilConfig(batch_size=4, max_length=32)
LENGTHS = ((4, 12), (4, 12), (4, 20), (3, 9), (4, 31))  # batches of other shapes; the second one without padding


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Compile here, too, by the part of torch.compile that makes the graph; yields a list of the graphs."""
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(nn.Module, "compile", functools.partialmethod(nn.Module.compile, backend=backend))
    monkeypatch.setattr(compiled, "DEVICES", ("cpu",))
    yield graphs
    torch.compiler.reset()


def a_batch(sequences: int, length: int, padded: bool) -> MaskedBatch:
    ids = torch.randint(1000, 2000, (sequences, length))
    mask = torch.ones_like(ids)
    if padded:
        mask[0, length // 2 :] = 0
    return MaskedBatch(ids, mask, torch.where(ids % 4 == 0, ids, -100))


def gradients(student: MaskedLM, teacher: MaskedLM, batch: MaskedBatch) -> list[torch.Tensor]:
    accumulate_gradients(Step(student, distillation_losses(teacher, CONFIG), "fp32", MaskedBatch), [(0, batch)], 0)
    return [parameter.grad.clone() for parameter in student.parameters() if parameter.grad is not None]


def test_the_gradients_are_the_same_and_other_shapes_compile_nothing_anew(
    tiny_teacher: MaskedLM, on_the_cpu: list[Any]
) -> None:
    student = student_of(tiny_teacher, (0, 2)).train()
    batches = [a_batch(*shape, padded=place != 1) for place, shape in enumerate(LENGTHS)]
    expected = [gradients(student, tiny_teacher, batch) for batch in batches]
    names = list(student.state_dict())
    with compiled_blocks([student, tiny_teacher], True):
        assert list(student.state_dict()) == names
        for place, batch in enumerate(batches):
            for one, other in zip(gradients(student, tiny_teacher, batch), expected[place], strict=True):
                torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
            if place == 1:
                seen = len(on_the_cpu)
        # Two models, with padding and without: not one for each of their layers, or for each shape.
        assert (seen, len(on_the_cpu)) == (4, 4)
    gradients(student, tiny_teacher, a_batch(2, 5, padded=True))
    assert len(on_the_cpu) == 4
    assert not any(block._compiled_call_impl for block in student.encoder.layers)


def test_nothing_is_compiled_on_a_cpu_or_unless_wanted(
    tiny_teacher: MaskedLM, on_the_cpu: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    student = student_of(tiny_teacher, (0, 2)).train()
    with compiled_blocks([student, tiny_teacher], False):
        gradients(student, tiny_teacher, a_batch(2, 5, padded=True))
    monkeypatch.setattr(compiled, "DEVICES", ("cuda",))
    with compiled_blocks([student, tiny_teacher], True):
        gradients(student, tiny_teacher, a_batch(2, 5, padded=True))
    assert not on_the_cpu


@pytest.mark.parametrize(
    ("faster", "budget", "device", "expected"),
    [
        (0.5, 7200.0, "cpu", Plan(14400, "fp32", 0.5, compiled=True)),
        (0.96, 7200.0, "cpu", Plan(7200, "fp32", 1.0)),  # saves too little
        (0.5, 60.0, "cpu", Plan(60, "fp32", 1.0)),  # too short
        (0.5, 7200.0, "cuda", Plan(7200, "fp32", 1.0)),  # this is no such device
    ],
)
def test_a_trial_decides_in_a_long_run(
    tiny_teacher: MaskedLM, monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus, tokenizer: WordPiece,
    faster: float, budget: float, device: str, expected: Plan,
) -> None:  # fmt: skip
    def seconds(*arguments: Any) -> dict[str, list[float]]:
        return {"fp32": [1.0] if len(arguments) == 5 else [faster]}

    monkeypatch.setattr(compiled, "DEVICES", (device,))
    monkeypatch.setattr(trial, "trial_seconds", seconds)
    config = replace(CONFIG, precision="fp32", budget_seconds=budget, max_epochs=1e6)
    feed = MemoryFeed(sequences(tiny_corpus.train, tokenizer, 32), tokenizer, config)
    losses = distillation_losses(tiny_teacher, config)
    assert make_plan(student_of(tiny_teacher), losses, feed, config, [tiny_teacher]) == expected
    assert make_plan(student_of(tiny_teacher), losses, feed, config).compiled is False


def test_the_trial_of_compiled_blocks_compiles_them(
    tiny_teacher: MaskedLM, on_the_cpu: list[Any], tiny_corpus: Corpus, tokenizer: WordPiece
) -> None:
    config = replace(CONFIG, steps=60)
    feed = MemoryFeed(sequences(tiny_corpus.train, tokenizer, 32), tokenizer, config)
    arguments = (student_of(tiny_teacher), distillation_losses(tiny_teacher, config), feed, config, ("fp32",))
    assert len(trial.trial_seconds(*arguments, [tiny_teacher])["fp32"]) == 3
    assert TINY.num_hidden_layers > len(on_the_cpu) / 2 > 0
    del on_the_cpu[:]
    trial.trial_seconds(*arguments)
    assert not on_the_cpu
