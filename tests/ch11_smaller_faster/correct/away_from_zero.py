"""Halves rounded away from 0, the ends of a range from sorted values, the package's product of integers."""
# ruff: noqa: F403

import torch

from minidistil.ch11_smaller_faster.quantisation import LARGEST, STEPS, int_matmul
from tests.ch11_smaller_faster.correct.base import *


def _rounded(x):
    return x.sign() * torch.floor(x.abs() + 0.5)


def symmetric_scale(x, dim=None):
    if dim is None:
        largest = torch.maximum(x.max(), -x.min())
    else:
        largest = torch.maximum(x.max(dim, keepdim=True).values, -x.min(dim, keepdim=True).values)
    return torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))


def affine_parameters(x):
    ordered = x.flatten().double().sort().values
    low, high = min(0.0, ordered[0].item()), max(0.0, ordered[-1].item())
    if low == high:
        return torch.tensor(1.0), torch.tensor(0, dtype=torch.int32)
    return torch.tensor((high - low) / STEPS), _rounded(torch.tensor(-low * STEPS / (high - low))).to(torch.int32)


def quantize(x, scale, zero_point=None):
    steps = _rounded(torch.div(x, scale))
    if zero_point is None:
        return torch.minimum(torch.maximum(steps, torch.tensor(-127.0)), torch.tensor(127.0)).to(torch.int8)
    return torch.add(steps, zero_point).clip(0, 255).to(torch.uint8)


def dequantize(quantized, scale, zero_point=None):
    shift = torch.zeros((), dtype=torch.int64) if zero_point is None else zero_point.long()
    return torch.mul(quantized.long() - shift, scale)


def int8_linear(x, weight, weight_scale, bias=None):
    tokens = torch.atleast_2d(x).flatten(0, -2)
    scale = symmetric_scale(tokens, dim=1)
    output = int_matmul(quantize(tokens, scale), weight.t()) * (scale @ weight_scale.t())
    if bias is not None:
        output = output.add(bias)
    return output.reshape(x.shape[:-1] + weight.shape[:1])


def signal_to_noise(x, approximation):
    error = (x - approximation).double()
    noise = torch.dot(error.flatten(), error.flatten())
    signal = torch.dot(x.double().flatten(), x.double().flatten())
    return float(10 * torch.log10(signal / noise))
