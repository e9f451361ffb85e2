"""A whole solution with Python's numbers and loops wherever possible; integers are added up one by one."""

import math

import torch

from minidistil.ch11_smaller_faster.quantisation import LARGEST, STEPS


def symmetric_scale(x, dim=None):
    if dim is None:
        largest = max(abs(value) for value in x.flatten().tolist())
        return torch.tensor(largest / LARGEST if largest else 1.0)
    rows = x.movedim(dim, -1)
    scales = [float(row.abs().max()) / LARGEST or 1.0 for row in rows.reshape(-1, rows.shape[-1])]
    return torch.tensor(scales).reshape(*rows.shape[:-1], 1).movedim(-1, dim)


def affine_parameters(x):
    values = [*x.flatten().tolist(), 0.0]
    width = max(values) - min(values)
    scale = width / STEPS if width else 1.0
    return torch.tensor(scale), torch.tensor(round(-min(values) / scale), dtype=torch.int32)


def quantize(x, scale, zero_point=None):
    x, scale = torch.broadcast_tensors(x, scale)
    shift, low, high = (0, -LARGEST, LARGEST) if zero_point is None else (int(zero_point), 0, STEPS)
    steps = [
        min(max(round(value / step) + shift, low), high)
        for value, step in zip(x.flatten().tolist(), scale.flatten().tolist())
    ]
    return torch.tensor(steps, dtype=torch.int8 if zero_point is None else torch.uint8).reshape(x.shape)


def dequantize(quantized, scale, zero_point=None):
    return (quantized.to(torch.int32) - (0 if zero_point is None else int(zero_point))) * scale


def int8_linear(x, weight, weight_scale, bias=None):
    tokens = x.reshape(-1, x.shape[-1])
    output = torch.empty(len(tokens), len(weight))
    for place, token in enumerate(tokens):
        scale = symmetric_scale(token)
        steps = quantize(token, scale).long()
        output[place] = (steps * weight.long()).sum(1) * scale * weight_scale[:, 0]
    if bias is not None:
        output = output + bias
    return output.reshape(*x.shape[:-1], len(weight))


def signal_to_noise(x, approximation):
    pairs = list(zip(x.flatten().tolist(), approximation.flatten().tolist()))
    signal = math.fsum(value * value for value, _ in pairs)
    noise = math.fsum((value - other) ** 2 for value, other in pairs)
    return math.inf if noise == 0 else 10 * (math.log10(signal) - math.log10(noise))
