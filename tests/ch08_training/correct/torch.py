"""Chapter 8, solved with what torch has already."""

import contextlib
from dataclasses import astuple
from math import ceil

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from minidistil.ch08_training.device import device_of
from minidistil.ch08_training.feed import mix
from minidistil.ch08_training.parallel import without_averaging


def schedule(step, steps, warmup_share):
    warmup = ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else 1 - (step - warmup) / max(1, steps - warmup)


def numbers_of_step(step, accumulate, rank, world_size):
    return torch.arange(step * accumulate * world_size, (step + 1) * accumulate * world_size)[rank::world_size].tolist()


def make_optimizer(model, config):
    spared = {id(p) for module in model.modules() if isinstance(module, nn.LayerNorm) for p in module.parameters()}
    spared |= {id(parameter) for name, parameter in model.named_parameters() if name.endswith("bias")}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
            {"params": [p for p in trained if id(p) not in spared]},
        ],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.eps,
        weight_decay=config.weight_decay,
    )


def clip_gradients(parameters, max_norm):
    return float(nn.utils.clip_grad_norm_(parameters, max_norm))


def accumulate_gradients(module, batches, seed):
    module.zero_grad(set_to_none=True)
    terms = []
    for number, batch in batches:
        more_follow = number != batches[-1][0]
        with contextlib.ExitStack() as stack:
            if more_follow:
                stack.enter_context(without_averaging(module))
            torch.manual_seed(mix(seed, number))
            losses = module(*(part.to(device_of(module)) for part in astuple(batch)))
            losses["loss"].div(len(batches)).backward()
        terms.append({name: losses[name].detach().float() for name in losses})
    return terms


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
    flat = parameters_to_vector([tensors[f"model.{name}"].flatten() for name in own])
    nn.utils.vector_to_parameters(flat, list(own.values()))
    for name, parameter in own.items():
        if parameter.requires_grad and f"exp_avg_sq.{name}" in tensors:
            state = optimizer.state[parameter]
            state["step"] = torch.full((), float(step))
            state["exp_avg"], state["exp_avg_sq"] = tensors[f"exp_avg.{name}"], tensors[f"exp_avg_sq.{name}"]
