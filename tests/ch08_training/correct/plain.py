"""In plain Python: lists, loops, one thing after the other."""
# ruff: noqa: F403

import math

import torch

from minidistil.ch08_training.feed import mix
from minidistil.ch08_training.parallel import without_averaging
from tests.ch08_training.correct.base import *


def numbers_of_step(step, accumulate, rank, world_size):
    numbers = []
    number = step * accumulate * world_size + rank
    for _ in range(accumulate):
        numbers.append(number)
        number += world_size
    return numbers


def make_optimizer(model, config):
    groups = []
    for _, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = config.weight_decay if len(parameter.shape) > 1 else 0
            groups.append({"params": [parameter], "weight_decay": decay})
    return torch.optim.AdamW(groups, config.learning_rate, config.betas, config.eps)


def clip_gradients(parameters, max_norm):
    total = 0.0
    for parameter in parameters:
        if parameter.grad is not None:
            total += float((parameter.grad.double() ** 2).sum())
    norm = math.sqrt(total)
    for parameter in parameters:
        if parameter.grad is not None and norm > max_norm:
            parameter.grad *= max_norm / norm
    return norm


def accumulate_gradients(module, batches, seed):
    for parameter in module.parameters():
        parameter.grad = None
    rows = []

    def work(number, batch):
        torch.manual_seed(mix(seed, number))
        device = next(module.parameters()).device
        losses = module(batch.input_ids.to(device), batch.attention_mask.to(device), batch.labels.to(device))
        (losses["loss"] / len(batches)).backward()
        rows.append({name: value.detach().to(torch.float32) for name, value in losses.items()})

    with without_averaging(module):
        for number, batch in batches[:-1]:
            work(number, batch)
    work(*batches[-1])
    return rows


def restore_state(tensors, model, optimizer, step):
    for name, parameter in model.named_parameters():
        parameter.data.copy_(tensors["model." + name])
        if "exp_avg." + name not in tensors:
            continue
        optimizer.state[parameter] = {
            "step": torch.tensor(float(step)),
            "exp_avg": tensors["exp_avg." + name].clone(),
            "exp_avg_sq": tensors["exp_avg_sq." + name].clone(),
        }
