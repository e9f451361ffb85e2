"""Chapter 11. Quantisation: numbers stored as small integers times a scale, and matrix products of such integers.

The symmetric and the affine mapping are those of Jacob et al. (2018), "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", section 2. Activations get a new scale for each token: PyTorch calls this
dynamic quantisation.

Letters in shapes: N tokens, I features in, O features out.
"""

import math

import torch
from torch import Tensor

LARGEST = 127  # the largest int8; -128 is not used, so that x and -x are treated alike
STEPS = 255  # the largest uint8


def symmetric_scale(x: Tensor, dim: int | None = None) -> Tensor:
    """The scale (the step between neighbouring integers) with which the largest magnitude becomes 127; 0 stays 0.

    Args:
        x: any shape.
        dim: take the maximum along this dimension and keep it with size 1. For a weight (O, I), -1 gives every row
            its own scale, (O, 1). None: one scale for all of x, a tensor without dimensions.

    Returns:
        Positive numbers; 1 where all values are 0.

    >>> symmetric_scale(torch.tensor([[127.0, -254.0], [0.0, 0.0]]), dim=-1).tolist()
    [[2.0], [1.0]]
    """
    largest = x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)
    return torch.where(largest == 0, 1.0, largest / LARGEST)


def affine_parameters(x: Tensor) -> tuple[Tensor, Tensor]:
    """The scale and zero point with which the integers 0 ... 255 cover the values of x, from lowest to highest.

    Useful for values on one side of 0, such as the outputs of a GELU, which are hardly ever below 0. The range always
    includes 0, and 0 is represented exactly: its integer is the zero point.

    Returns:
        The scale, positive (1 if x is all 0), and the zero point, int32 from 0 to 255; both without dimensions.

    >>> scale, zero_point = affine_parameters(torch.tensor([-1.0, 0.5, 254.0]))
    >>> scale.item(), zero_point.item()
    (1.0, 1)
    """
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(low == high, 1.0, (high - low) / STEPS)
    return scale, (-low / scale).round().to(torch.int32)


def quantize(x: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The integers nearest to x / scale, in the shape of x; values outside the range are clipped to its ends.

    Args:
        x: any shape.
        scale: broadcasts to x.
        zero_point: added to the integers, which are uint8 from 0 to 255. None: symmetric, int8 from -127 to 127.

    >>> quantize(torch.tensor([0.9, -1.6, 300.0]), torch.tensor(1.0)).tolist()
    [1, -2, 127]
    """
    steps = (x / scale).round_()
    if zero_point is None:
        return steps.clamp_(-LARGEST, LARGEST).to(torch.int8)
    return steps.add_(zero_point).clamp_(0, STEPS).to(torch.uint8)


def dequantize(quantized: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The fp32 numbers that the integers of `quantize` stand for.

    The error is at most scale / 2 where nothing was clipped.

    >>> dequantize(torch.tensor([1, -2, 127], dtype=torch.int8), torch.tensor(0.5)).tolist()
    [0.5, -1.0, 63.5]
    """
    steps = quantized.float() if zero_point is None else quantized.float() - zero_point
    return steps * scale


def int_matmul_plain(left: Tensor, right: Tensor) -> Tensor:
    """The exact product of int8 matrices, (N, I) by (I, O), in int32: (N, O).

    The matrices become int32 first: PyTorch's product of int8 tensors is int8, in which sums above 127 overflow.

    >>> int_matmul_plain(torch.tensor([[100, 100]], dtype=torch.int8), torch.ones(2, 1, dtype=torch.int8)).tolist()
    [[200]]
    """
    return left.int() @ right.int()


def int8_linear(x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer with integer products and sums: x W^T + b, with each token of x rounded to int8.

    A sum of products of two int8 needs more than 8 bits. It is int32, which has room for 133,144 products of 127 by
    127. Each token has its own scale, so its output does not depend on the other tokens of the batch.

    Args:
        x: (..., I) fp32.
        weight: (O, I) int8.
        weight_scale: (O, 1).
        bias: (O,) fp32, added at the end, not rounded.

    Returns:
        (..., O) fp32.

    >>> weight = torch.tensor([[127, 0], [64, -64]], dtype=torch.int8)
    >>> int8_linear(torch.tensor([[1.0, -1.0]]), weight, torch.tensor([[0.5], [2.0]]), torch.ones(2)).tolist()
    [[64.5, 257.0]]
    """
    tokens = x.reshape(-1, x.shape[-1])  # (N, I)
    scale = symmetric_scale(tokens, dim=-1)  # (N, 1)
    sums = int_matmul(quantize(tokens, scale), weight.T)  # (N, O) int32
    output = sums.float().mul_(scale).mul_(weight_scale.T)  # (N, O) fp32
    if bias is not None:
        output += bias
    return output.view(*x.shape[:-1], len(weight))


def signal_to_noise(x: Tensor, approximation: Tensor) -> float:
    """The signal-to-noise ratio in decibels: 10 log10 (sum of x² / sum of the squared errors).

    One more bit halves the error and adds 6 dB. Infinite if there is no error.

    >>> signal_to_noise(torch.tensor([10.0, 0.0]), torch.tensor([10.0, 1.0]))
    20.0
    """
    x, approximation = x.detach().cpu().double(), approximation.detach().cpu().double()
    noise = float((x - approximation).square().sum())
    return 10 * math.log10(float(x.square().sum()) / noise) if noise else math.inf


# --- The same, faster ---

EXACT = 2**24 // LARGEST**2  # products of two int8 that fp32 can add up without rounding


def int_matmul(left: Tensor, right: Tensor) -> Tensor:
    """`int_matmul_plain`, with the processor's instructions for int8 or in fp32.

    A processor with instructions for int8 (VNNI on x86) multiplies four bytes in the time of one fp32 number. All other
    devices compute in fp32, which is exact for integers up to 2^24: the matrices are split into pieces so narrow that
    no sum becomes larger. A GPU does so too, because PyTorch's int8 product takes only multiples of 8 there.
    """
    if left.device.type == "cpu" and torch.cpu._is_vnni_supported():
        return torch._int_mm(left, right)
    pieces = zip(left.float().split(EXACT, dim=1), right.float().split(EXACT, dim=0), strict=True)
    return torch.stack([(one @ other).to(torch.int32) for one, other in pieces]).sum(0, dtype=torch.int32)
