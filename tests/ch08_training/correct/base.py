"""Without work in place: new gradient tensors, dictionaries by comprehension."""

import math
from contextlib import nullcontext

import torch

from minidistil.ch08_training.checkpoints import MOMENTS
from minidistil.ch08_training.feed import mix
from minidistil.ch08_training.parallel import without_averaging


def schedule(step, steps, warmup_share):
    warmup = math.ceil(warmup_share * steps)
    points = ([-1, warmup - 1], [0.0, 1.0]) if step < warmup else ([min(warmup, steps - 1), steps], [1.0, 0.0])
    (left, right), (low, high) = points
    return low + (high - low) * (step - left) / (right - left)


def numbers_of_step(step, accumulate, rank, world_size):
    first = step * accumulate
    return [turn * world_size + rank for turn in range(first, first + accumulate)]


def make_optimizer(model, config):
    trained = list(filter(lambda parameter: parameter.requires_grad, model.parameters()))
    matrices, vectors = ([p for p in trained if (p.dim() > 1) == wanted] for wanted in (True, False))
    shared = {"lr": config.learning_rate, "betas": config.betas, "eps": config.eps}
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, **shared},
        {"params": vectors, "weight_decay": 0.0, **shared},
    ]
    return torch.optim.AdamW(groups)


def clip_gradients(parameters, max_norm):
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    norm = torch.cat([parameter.grad.flatten() for parameter in with_gradient]).norm().item()
    factor = min(1.0, max_norm / norm) if norm else 1.0
    for parameter in with_gradient:
        parameter.grad[...] = parameter.grad * factor
    return norm


def accumulate_gradients(module, batches, seed):
    def terms_of(place):
        number, batch = batches[place]
        torch.manual_seed(mix(seed, number))
        last = place + 1 == len(batches)
        with nullcontext() if last else without_averaging(module):
            losses = module(batch.input_ids, batch.attention_mask, batch.labels)
            losses["loss"].backward(gradient=torch.tensor(1 / len(batches), dtype=losses["loss"].dtype))
        return {name: value.detach().float() for name, value in losses.items()}

    module.zero_grad()
    return [terms_of(place) for place in range(len(batches))]


def training_state(model, optimizer):
    weights = {f"model.{name}": parameter.detach() for name, parameter in model.named_parameters()}
    moments = {
        f"{key}.{name}": optimizer.state[parameter][key]
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for key in MOMENTS
    }
    return weights | moments


def restore_state(tensors, model, optimizer, step):
    known = set(dict(model.named_parameters()))
    model.load_state_dict({**model.state_dict(), **{name: tensors[f"model.{name}"] for name in known}})
    for name, parameter in model.named_parameters():
        if f"exp_avg.{name}" in tensors:
            moments = {key: tensors[f"{key}.{name}"] for key in MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
