"""As it is written for LambdaLR and with a dictionary of groups."""
# ruff: noqa: F403

import math
from dataclasses import astuple

import torch

from minidistil.ch08_training.checkpoints import MOMENTS
from minidistil.ch08_training.device import device_of
from minidistil.ch08_training.feed import mix
from minidistil.ch08_training.parallel import without_averaging
from tests.ch08_training.correct.base import *


def schedule(step, steps, warmup_share):
    warmup = math.ceil(steps * warmup_share)
    up = (step + 1) / warmup if warmup else math.inf
    down = (steps - step) / max(1, steps - warmup)
    return max(0.0, min(up, down))


def numbers_of_step(step, accumulate, rank, world_size):
    return range(rank, (step + 1) * accumulate * world_size, world_size)[step * accumulate :]


def make_optimizer(model, config):
    groups = {True: [], False: []}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[parameter.ndim >= 2].append(parameter)
    optimizer = torch.optim.AdamW(groups[True], lr=config.learning_rate, betas=config.betas, eps=config.eps)
    optimizer.param_groups[0]["weight_decay"] = config.weight_decay
    optimizer.add_param_group({"params": groups[False], "weight_decay": 0.0})
    return optimizer


def clip_gradients(parameters, max_norm):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
    factor = (max_norm / norm).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
    return norm.item()


def accumulate_gradients(module, batches, seed):
    module.zero_grad(set_to_none=True)
    device, last, terms = device_of(module), len(batches) - 1, []
    for place, (number, batch) in enumerate(batches):
        torch.manual_seed(mix(seed, number))
        inputs = [each.to(device) for each in astuple(batch)]
        if place < last:
            with without_averaging(module):
                losses = module(*inputs)
                losses["loss"].div(len(batches)).backward()
        else:
            losses = module(*inputs)
            losses["loss"].div(len(batches)).backward()
        terms.append({name: torch.tensor(value.item(), device=device) for name, value in losses.items()})
    return terms


def restore_state(tensors, model, optimizer, step):
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[f"model.{name}"])
    for name, parameter in own.items():
        moments = {key: tensors[f"{key}.{name}"].clone() for key in MOMENTS if f"{key}.{name}" in tensors}
        if moments:
            optimizer.state[parameter].update(step=torch.tensor(step, dtype=torch.float32), **moments)
