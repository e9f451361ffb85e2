"""Chapter 8, checkpoints: every tensor that the next step depends on, there and back."""

from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType

import pytest
import torch
import torch._dynamo  # the first optimiser brings it along, which takes seconds: not of a learner's time

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.training import make_optimizer
from tests.conftest import TINY

MOMENTS = ("exp_avg", "exp_avg_sq")


def pair(seed: int = 0, frozen: bool = False) -> tuple[MaskedLM, torch.optim.AdamW]:
    torch.manual_seed(seed)
    model = MaskedLM(replace(TINY, vocab_size=40))
    if frozen:
        model.encoder.embeddings.position.requires_grad_(False)
    return model, make_optimizer(model, TrainingConfig(learning_rate=0.1, weight_decay=0.1))


def walk(model: MaskedLM, optimizer: torch.optim.AdamW, steps: Iterable[int]) -> None:
    """Take steps on gradients that depend on the step's number alone."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for parameter in model.parameters():
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = gradient if parameter.requires_grad else None
        optimizer.step()


def kept(impl: ModuleType, model: MaskedLM, optimizer: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    """What would be in the file: numbers that nobody changes any more."""
    return {name: tensor.clone() for name, tensor in impl.training_state(model, optimizer).items()}


def numbers(model: MaskedLM, optimizer: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    """The same, written out here."""
    found = {f"model.{name}": parameter.detach().clone() for name, parameter in model.named_parameters()}
    for name, parameter in model.named_parameters():
        for key in MOMENTS if parameter in optimizer.state else ():
            found[f"{key}.{name}"] = optimizer.state[parameter][key].clone()
    return found


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_checkpoint_has_the_weights_and_both_moments(steps: int, frozen: bool, impl: ModuleType) -> None:
    model, optimizer = pair(frozen=frozen)
    walk(model, optimizer, range(steps))
    expected = numbers(model, optimizer)
    weights = len(list(model.parameters()))
    assert len(expected) == weights + (2 * (weights - frozen) if steps else 0)
    tensors = impl.training_state(model, optimizer)
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())
    assert not any(tensor.requires_grad for tensor in tensors.values())


@pytest.mark.parametrize("frozen", [False, True])
def test_a_restored_run_goes_on_bit_for_bit(frozen: bool, impl: ModuleType) -> None:
    whole = pair(frozen=frozen)
    walk(*whole, range(3))
    middle = numbers(*whole)
    walk(*whole, range(3, 6))
    other = pair(seed=1, frozen=frozen)  # another model: nothing may be left of it
    with torch.no_grad():
        for parameter in other[0].parameters():
            parameter.add_(1.0)
    impl.restore_state(middle, *other, 3)
    walk(*other, range(3, 6))
    expected, found = numbers(*whole), numbers(*other)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], tensor) for name, tensor in found.items())
    assert all(int(state["step"]) == 6 for state in other[1].state.values())


def test_the_parameters_stay_those_that_the_optimizer_holds(impl: ModuleType) -> None:
    tensors, (model, optimizer) = numbers(*pair()), pair(seed=1)
    before = [id(parameter) for parameter in model.parameters()]
    impl.restore_state(tensors, model, optimizer, 0)
    assert [id(parameter) for parameter in model.parameters()] == before
    assert torch.equal(model.head.bias, tensors["model.head.bias"])


def test_a_checkpoint_of_before_the_first_step_leaves_the_optimizer_empty(impl: ModuleType) -> None:
    tensors, (model, optimizer) = numbers(*pair()), pair(seed=1)
    impl.restore_state(tensors, model, optimizer, 0)
    assert not optimizer.state


def test_a_missing_weight_is_an_error(impl: ModuleType) -> None:
    tensors, (model, optimizer) = numbers(*pair()), pair(seed=1)
    del tensors["model.head.bias"]
    with pytest.raises(KeyError, match=r"model\.head\.bias"):
        impl.restore_state(tensors, model, optimizer, 0)


def test_a_weight_of_another_shape_is_an_error(impl: ModuleType) -> None:
    tensors, (model, optimizer) = numbers(*pair()), pair(seed=1)
    tensors["model.head.bias"] = torch.zeros(41)
    with pytest.raises(RuntimeError):
        impl.restore_state(tensors, model, optimizer, 0)


def test_the_next_step_does_not_change_the_checkpoint(impl: ModuleType) -> None:
    tensors, other = numbers(*pair()), pair(seed=1)
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    impl.restore_state(tensors, *other, 0)
    walk(*other, [0])
    changed = [name for name, tensor in tensors.items() if not torch.equal(tensor, before[name])]
    assert not changed, f"{changed[0]} is shared with the model: copy the numbers"


def test_what_is_kept_is_all_there_is_to_restore(impl: ModuleType) -> None:
    whole, other = pair(), pair(seed=1)
    walk(*whole, range(2))
    impl.restore_state(kept(impl, *whole), *other, 2)
    walk(*whole, [2])
    walk(*other, [2])
    expected, found = numbers(*whole), numbers(*other)
    assert all(torch.equal(expected[name], tensor) for name, tensor in found.items())
