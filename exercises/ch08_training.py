"""Chapter 8, training: write the pieces of the loop yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. The package's own `train` then
runs on your pieces, is interrupted and resumed, and must give the same weights, bit for bit:

    minidistil check ch08                    what is right, what is not, and what it looks like
    minidistil hint ch08 1                   a hint for the first exercise that is not written yet
    minidistil hint ch08 2 clip_gradients    the second hint for that one

From the package you may use what is imported below. `mix(seed, number)` makes one seed from two numbers. Within
`without_averaging(module)` the gradients of a backward pass are not averaged over the processes. `device_of(module)` is
the device of its parameters. You need not check the arguments.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from minidistil.ch08_training.checkpoints import MOMENTS
from minidistil.ch08_training.device import device_of
from minidistil.ch08_training.feed import Batch, mix
from minidistil.ch08_training.parallel import without_averaging
from minidistil.ch08_training.settings import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only, never on biases and layer norms.

    It holds every parameter with `requires_grad` once. learning_rate, betas, eps and weight_decay are the config's.

    >>> from minidistil.ch04_encoder.encoder import EncoderConfig
    >>> from minidistil.ch05_weights.heads import MaskedLM
    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    >>> optimizer = make_optimizer(MaskedLM(config), TrainingConfig(weight_decay=0.25))
    >>> [(group["weight_decay"], len(group["params"])) for group in optimizer.param_groups]
    [(0.25, 10), (0.0, 16)]
    """
    raise NotImplementedError


def schedule(step: float, steps: int, warmup_share: float) -> float:
    """The factor of the learning rate at a step (from 0): linearly up over the warm-up, then linearly down to 0.

    The warm-up takes the fraction `warmup_share` of the steps, rounded up. The factor of its first step is above 0.
    Its last step and the step after it have factor 1. The factor is 0 at `steps`, one after the last step, even if all
    steps are warm-up. A step may be a fraction such as 52.5: the lines go on between two steps.

    >>> [round(schedule(step, 10, 0.25), 3) for step in (0, 1, 2, 3, 9)]  # a warm-up of 3
    [0.333, 0.667, 1.0, 1.0, 0.143]
    """
    raise NotImplementedError


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> float:
    """Scale all gradients by one factor, in place, so that the norm of all together is at most `max_norm`.

    It is the norm of one vector that holds all gradients. If it is smaller already, nothing changes. A parameter may
    have no gradient (`grad` is None).

    Returns:
        The norm before clipping, a float and no tensor.

    >>> one, other = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(2))
    >>> one.grad, other.grad = torch.tensor([6.0]), torch.tensor([0.0, 8.0])
    >>> round(clip_gradients([one, other], max_norm=5.0), 4)
    10.0
    >>> one.grad.round(decimals=3), other.grad.round(decimals=3)
    (tensor([3.]), tensor([0., 4.]))
    """
    raise NotImplementedError


def accumulate_gradients(module: nn.Module, batches: Sequence[tuple[int, Batch]], seed: int) -> list[dict[str, Tensor]]:
    """Set the parameters' gradients to those of the mean loss over a step's (number, micro-batch) pairs.

    Before each micro-batch PyTorch's generator, which dropout uses, is seeded with `mix(seed, number)`. Gradients are
    averaged over the processes once, after the last micro-batch.

    Args:
        module: called with input_ids, attention_mask and labels of a batch, as positional arguments in this order and
            on its own device; returns a dictionary of scalars with the key "loss".

    Returns:
        Each micro-batch's loss terms, detached and in fp32.

    >>> class Slope(nn.Module):  # a loss whose gradient is the mean of the input
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.tensor(1.0))
    ...     def forward(self, input_ids, attention_mask, labels):
    ...         return {"loss": self.weight * input_ids.float().mean()}
    >>> module, mask = Slope(), torch.ones(1, 2)
    >>> batches = [(0, Batch(torch.tensor([[1, 3]]), mask, mask)), (1, Batch(torch.tensor([[7, 9]]), mask, mask))]
    >>> terms = accumulate_gradients(module, batches, seed=56)
    >>> [term["loss"].item() for term in terms], module.weight.grad.item()
    ([2.0, 8.0], 5.0)
    """
    raise NotImplementedError


def training_state(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """All tensors that the next step depends on, by name: weights and AdamW's moments.

    They are "model.NAME", and where they exist "exp_avg.NAME" and "exp_avg_sq.NAME"; NAME is the parameter's in
    `model.named_parameters()`. AdamW keeps the moments, whose names are in MOMENTS, in `optimizer.state[parameter]`. A
    frozen parameter has none, and before the first step no parameter has them. No returned tensor requires a gradient.

    >>> from minidistil.ch04_encoder.encoder import EncoderConfig
    >>> from minidistil.ch05_weights.heads import MaskedLM
    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    >>> model = MaskedLM(config)
    >>> optimizer = torch.optim.AdamW(model.parameters())
    >>> before = training_state(model, optimizer)
    >>> model(torch.tensor([[3, 5]])).logits.sum().backward()
    >>> optimizer.step()
    >>> len(before), len(training_state(model, optimizer))
    (26, 78)
    """
    raise NotImplementedError


def restore_state(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.AdamW, step: int) -> None:
    """Bring model and optimizer back to where they were after `step` steps, when `training_state` returned the tensors.

    The optimizer holds references to the parameters, so numbers are copied into them; the moments are used as they are.
    AdamW's state of a parameter is a dictionary with "step", a float tensor without dimensions, and the two MOMENTS.

    Raises:
        KeyError, RuntimeError: a parameter's tensor is missing or has another shape.

    >>> from minidistil.ch04_encoder.encoder import EncoderConfig
    >>> from minidistil.ch05_weights.heads import MaskedLM
    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    >>> model = MaskedLM(config)
    >>> optimizer = torch.optim.AdamW(model.parameters())
    >>> tensors = {f"model.{name}": torch.ones_like(each) for name, each in model.named_parameters()}
    >>> moments = {f"exp_avg.{name[6:]}": each / 2 for name, each in tensors.items()}
    >>> squares = {f"exp_avg_sq.{name[6:]}": each / 4 for name, each in tensors.items()}
    >>> restore_state({**tensors, **moments, **squares}, model, optimizer, step=7)
    >>> bias = model.head.bias
    >>> bias[0].item(), optimizer.state[bias]["step"].item(), optimizer.state[bias]["exp_avg"][0].item()
    (1.0, 7.0, 0.5)
    """
    raise NotImplementedError


def numbers_of_step(step: int, accumulate: int, rank: int, world_size: int) -> range:
    """The numbers of the micro-batches that process `rank` reads in a step (from 0): every `world_size`-th one.

    Each of the `world_size` processes reads `accumulate` micro-batches in each step. Together they read all of them in
    order.

    >>> [list(numbers_of_step(0, 2, rank, world_size=3)) for rank in (0, 1, 2)]
    [[0, 3], [1, 4], [2, 5]]
    >>> list(numbers_of_step(1, 2, 0, world_size=3))
    [6, 9]
    """
    raise NotImplementedError
