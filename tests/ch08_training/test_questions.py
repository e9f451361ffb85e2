"""What the questions of chapter 8 claim, computed."""

import pytest
import torch
from torch import nn

from minidistil.ch08_training.checkpoints import training_state
from minidistil.ch08_training.plan import schedule
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.training import clip_gradients, make_optimizer
from minidistil.course.questions import read_questions

RIGHT = [next(choice.text for choice in each.choices if choice.right) for each in read_questions("ch08")]


def with_gradient(*values: float) -> list[nn.Parameter]:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = torch.tensor([value])
    return parameters


def test_adams_first_step_has_one_length() -> None:
    parameters = with_gradient(5.0, 0.0005)
    torch.optim.AdamW(parameters, lr=0.001, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0).step()
    assert [-parameter.item() for parameter in parameters] == pytest.approx([0.001, 0.001], rel=0.01)
    assert RIGHT[0] == "Both by about 0.001."


def test_one_factor_for_both_gradients() -> None:
    parameters = with_gradient(3.0, 4.0)
    clip_gradients(parameters, max_norm=1.0)
    factors = [parameter.grad.item() / norm for parameter, norm in zip(parameters, (3, 4), strict=True)]  # type: ignore[union-attr]
    assert factors == pytest.approx([0.2, 0.2])
    assert RIGHT[1] == "Both by 0.2"


def test_a_token_alone_in_its_micro_batch_weighs_more() -> None:
    losses = torch.zeros(10, requires_grad=True)
    ((losses[:1].mean() + losses[1:].mean()) / 2).backward()
    assert losses.grad is not None
    assert RIGHT[2] == f"{losses.grad[0] / losses.grad[1]:.0f} times as much"


def test_factor_of_the_first_step() -> None:
    assert RIGHT[4] == f"{schedule(0, 100, 0.05):g}"


def test_numbers_in_a_checkpoint() -> None:
    model = nn.Linear(1000, 1000)
    optimizer = make_optimizer(model, TrainingConfig())
    model(torch.ones(1, 1000)).sum().backward()
    optimizer.step()
    held = sum(tensor.numel() for tensor in training_state(model, optimizer).values())
    assert RIGHT[5] == f"{held / 1e6:.0f} million"
