"""With what torch already has."""
# ruff: noqa: F403

from math import ceil

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from tests.ch08_training.correct.base import *


def schedule(step, steps, warmup_share):
    warmup = ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else 1 - (step - min(warmup, steps - 1)) / max(1, steps - warmup)


def numbers_of_step(step, accumulate, rank, world_size):
    return torch.arange(step * accumulate * world_size, (step + 1) * accumulate * world_size)[rank::world_size].tolist()


def make_optimizer(model, config):
    spared = {id(p) for module in model.modules() if isinstance(module, nn.LayerNorm) for p in module.parameters()}
    spared |= {id(parameter) for name, parameter in model.named_parameters() if name.endswith("bias")}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
        {"params": [p for p in trained if id(p) not in spared]},
    ]
    return torch.optim.AdamW(groups, config.learning_rate, config.betas, config.eps, config.weight_decay)


def clip_gradients(parameters, max_norm):
    return float(nn.utils.clip_grad_norm_(parameters, max_norm))


def training_state(model, optimizer):
    with torch.no_grad():
        tensors = {f"model.{name}": parameter.clone() for name, parameter in model.named_parameters()}
    for key in ("exp_avg", "exp_avg_sq"):
        for name, parameter in model.named_parameters():
            if key in optimizer.state.get(parameter, {}):
                tensors[f"{key}.{name}"] = optimizer.state[parameter][key].clone()
    return tensors


@torch.no_grad()
def restore_state(tensors, model, optimizer, step):
    own = dict(model.named_parameters())
    flat = parameters_to_vector([tensors[f"model.{name}"].view_as(own[name]) for name in own])
    nn.utils.vector_to_parameters(flat, list(own.values()))
    for name, parameter in own.items():
        if parameter.requires_grad and f"exp_avg_sq.{name}" in tensors:
            state = optimizer.state[parameter]
            state["step"] = torch.full((), float(step))
            state["exp_avg"], state["exp_avg_sq"] = tensors[f"exp_avg.{name}"], tensors[f"exp_avg_sq.{name}"]
