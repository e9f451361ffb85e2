"""Written another way: with numpy, in its own types."""

import numpy as np
import torch


def symmetric_scale(x, dim=None):
    largest = np.abs(x.numpy()).max(axis=dim, keepdims=dim is not None)
    return torch.as_tensor(np.where(largest > 0, largest / np.float32(127), np.float32(1)), dtype=torch.float32)


def affine_parameters(x):
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = (high - low) / 255 if high > low else 1.0
    return torch.tensor(scale), torch.tensor(int(np.rint(-low / scale)), dtype=torch.int32)


def quantize(x, scale, zero_point=None):
    steps = np.rint(x.numpy() / scale.numpy())
    if zero_point is None:
        return torch.from_numpy(np.clip(steps, -127, 127).astype(np.int8))
    return torch.from_numpy(np.clip(steps + zero_point.numpy(), 0, 255).astype(np.uint8))


def dequantize(quantized, scale, zero_point=None):
    steps = quantized.numpy().astype(np.int32)
    if zero_point is not None:
        steps = steps - zero_point.numpy()
    return torch.from_numpy(np.asarray(steps * scale.numpy(), dtype=np.float32))


def int8_linear(x, weight, weight_scale, bias=None):
    scale = symmetric_scale(x, -1)
    steps = quantize(x, scale).numpy().astype(np.int64)
    sums = np.einsum("...i,oi->...o", steps, weight.numpy().astype(np.int64))
    output = torch.from_numpy(sums.astype(np.float32)) * scale * weight_scale[:, 0]
    return output if bias is None else output + bias


def signal_to_noise(x, approximation):
    exact, other = x.numpy().astype(np.float64), approximation.numpy().astype(np.float64)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.sum(exact**2) / np.sum((exact - other) ** 2)))
