"""Chapter 11. Quantisation: numbers as small integers times a scale, and products that stay integers until the end.

The mapping and its two kinds, symmetric and affine: Jacob et al. (2018), "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", section 2. Scales of activations found anew for each
token are what PyTorch calls dynamic quantisation.

Letters in shapes: N tokens, I features in, O features out.
"""

import math

import torch
from torch import Tensor

LARGEST = 127  # of int8; -128 is left out, so that x and -x are treated alike
STEPS = 255  # from the smallest to the largest number of uint8
EXACT = 2**24 // LARGEST**2  # products of int8 that fp32 adds up without rounding


def symmetric_scale(x: Tensor, dim: int | None = None) -> Tensor:
    """The step between neighbouring values if the largest magnitude becomes 127 and 0 stays 0.

    Args:
        x: any shape.
        dim: take the largest along this dimension, which is kept as 1: of a weight (O, I), -1 gives every row its
            own scale, (O, 1). None: one scale for all of x, a tensor without dimensions.

    Returns:
        Positive numbers; where there is nothing but zeros, 1.
    """
    largest = x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)
    return torch.where(largest == 0, 1.0, largest / LARGEST)


def affine_parameters(x: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero point that spread 0 ... 255 over the values of x, from the lowest to the highest.

    For values that lie to one side of 0, as those behind a GELU, whose negative half hardly reaches below 0. The range
    always takes in 0, and 0 is always met exactly: its integer is the zero point.

    Args:
        x: any shape.

    Returns:
        The scale, positive (1 if x is all 0), and the zero point, int32 from 0 to 255; both without dimensions.
    """
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(low == high, 1.0, (high - low) / STEPS)
    return scale, (-low / scale).round().to(torch.int32)


def quantize(x: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The integers nearest to x / scale; what lies outside of their range becomes its end.

    Args:
        x: any shape.
        scale: broadcasts to x.
        zero_point: added to the integers; None means symmetric.

    Returns:
        The shape of x: int8 from -127 to 127, or with a zero point uint8 from 0 to 255.
    """
    steps = (x / scale).round_()
    if zero_point is None:
        return steps.clamp_(-LARGEST, LARGEST).to(torch.int8)
    return steps.add_(zero_point).clamp_(0, STEPS).to(torch.uint8)


def dequantize(quantized: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The numbers that the integers stand for: at most scale / 2 from those they were made of, if none was cut off.

    Args:
        quantized: int8 or uint8, any shape.
        scale, zero_point: those of `quantize`.

    Returns:
        fp32, the same shape.
    """
    steps = quantized.float() if zero_point is None else quantized.float() - zero_point
    return steps * scale


def int8_linear(x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer whose products and sums are integers: x W^T + b, with x rounded to int8 token by token.

    A sum of products of two int8 needs more than 8 bits: it is int32, which has room for 133,144 products of 127 by
    127. Each token finds its own scale, so that it does not matter which others are in its batch.

    Args:
        x: (..., I) fp32.
        weight: (O, I) int8.
        weight_scale: (O, 1).
        bias: (O,) fp32, added at the end, unrounded.

    Returns:
        (..., O) fp32.
    """
    tokens = x.reshape(-1, x.shape[-1])  # (N, I)
    scale = symmetric_scale(tokens, dim=-1)  # (N, 1)
    sums = int_matmul(quantize(tokens, scale), weight.T)  # (N, O) int32
    output = sums.float().mul_(scale).mul_(weight_scale.T)  # (N, O) fp32
    if bias is not None:
        output += bias
    return output.view(*x.shape[:-1], len(weight))


def int_matmul(left: Tensor, right: Tensor) -> Tensor:
    """The exact product of int8 matrices, (N, I) by (I, O), in int32: (N, O).

    Processors with instructions for int8 (VNNI on x86) multiply four bytes in the time of one fp32 number. Without
    them fp32 does the work, on pieces so narrow that every sum stays below 2^24, up to where it counts without gaps;
    so it does on a GPU, where PyTorch's product of int8 takes only sizes that are multiples of 8.
    """
    if left.device.type == "cpu" and torch.cpu._is_vnni_supported():
        return torch._int_mm(left, right)
    pieces = zip(left.float().split(EXACT, dim=1), right.float().split(EXACT, dim=0), strict=True)
    return torch.stack([(one @ other).to(torch.int32) for one, other in pieces]).sum(0, dtype=torch.int32)


def signal_to_noise(x: Tensor, approximation: Tensor) -> float:
    """How far the values stand out from the error, in decibels: 10 log10 of the ratio of their sums of squares.

    Every bit more halves the error and adds 6 dB. Infinite where there is no error.
    """
    x, approximation = x.detach().double(), approximation.detach().double()
    noise = float((x - approximation).square().sum())
    return 10 * math.log10(float(x.square().sum()) / noise) if noise else math.inf
