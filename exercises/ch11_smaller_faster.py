"""Chapter 11, smaller and faster: write the arithmetic of int8 yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your numbers are compared with
those of PyTorch's own quantised tensors and with exact sums:

    minidistil check ch11                what is right, what is not, and which mistake it looks like
    minidistil hint ch11 1               a hint for the first exercise that is not written yet
    minidistil hint ch11 2 int8_linear   the second hint for that one

Letters in shapes: N tokens, I features in, O features out.
Use ordinary tensor operations only, not PyTorch's functions for quantisation, such as `torch.quantize_per_tensor`,
`torch.quantize_per_channel` and `torch.fake_quantize_per_tensor_affine`. `LARGEST` is 127, the largest int8 (-128 is
not used), and `STEPS` is 255, the largest uint8. `int_matmul(left, right)` multiplies int8 matrices, (N, I) by
(I, O), and returns the exact int32 sums.
"""

import math

import torch
from torch import Tensor

from minidistil.ch11_smaller_faster.quantisation import LARGEST, STEPS, int_matmul


def symmetric_scale(x: Tensor, dim: int | None = None) -> Tensor:
    """The scale (the step between neighbouring integers) with which the largest magnitude becomes 127; 0 stays 0.

    Args:
        x: any shape.
        dim: take the maximum along this dimension and keep it with size 1. For a weight (O, I), -1 gives every row its
            own scale, (O, 1). None: one scale for all of x, a tensor without dimensions.

    Returns:
        Positive numbers; 1 where all values are 0.

    >>> symmetric_scale(torch.tensor([[127.0, -254.0], [0.0, 0.0]]), dim=-1).tolist()
    [[2.0], [1.0]]
    >>> symmetric_scale(torch.tensor([[127.0, -254.0], [0.0, 0.0]])).tolist()
    2.0
    """
    raise NotImplementedError


def quantize(x: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The integers nearest to x / scale, in the shape of x; values outside the range are clipped to its ends.

    Args:
        x: any shape.
        scale: broadcasts to x.
        zero_point: added to the integers, which are uint8 from 0 to 255. None: symmetric, int8 from -127 to 127.

    >>> quantize(torch.tensor([0.9, -1.6, 300.0]), torch.tensor(1.0)).tolist()
    [1, -2, 127]
    >>> quantize(torch.tensor([0.9, -1.6, 300.0]), torch.tensor(1.0), torch.tensor(10)).tolist()
    [11, 8, 255]
    """
    raise NotImplementedError


def dequantize(quantized: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The fp32 numbers that the integers of `quantize` stand for.

    Args:
        quantized: int8 or uint8, any shape.
        scale, zero_point: those of `quantize`.

    >>> dequantize(torch.tensor([1, -2, 127], dtype=torch.int8), torch.tensor(0.5)).tolist()
    [0.5, -1.0, 63.5]
    >>> dequantize(torch.tensor([11, 8], dtype=torch.uint8), torch.tensor(0.5), torch.tensor(10)).tolist()
    [0.5, -1.0]
    """
    raise NotImplementedError


def signal_to_noise(x: Tensor, approximation: Tensor) -> float:
    """The signal-to-noise ratio in decibels: 10 log10 (sum of x² / sum of the squared errors).

    Args:
        x: the exact values, any shape.
        approximation: the same shape.

    Returns:
        A high number if the error is small; infinity if there is none.

    >>> round(signal_to_noise(torch.tensor([10.0, 0.0]), torch.tensor([10.0, 1.0])), 4)
    20.0
    >>> signal_to_noise(torch.ones(2), torch.ones(2))
    inf
    """
    raise NotImplementedError


def affine_parameters(x: Tensor) -> tuple[Tensor, Tensor]:
    """The scale and zero point with which the integers 0 ... 255 cover the values of x, from lowest to highest.

    The range always includes 0, even if all values are on one side of it. The zero point is the integer that stands
    for 0: -lowest / scale, rounded.

    Args:
        x: any shape.

    Returns:
        The scale, positive (1 if x is all 0), and the zero point, int32 from 0 to 255; both without dimensions.

    >>> scale, zero_point = affine_parameters(torch.tensor([-1.0, 0.5, 254.0]))
    >>> scale.item(), zero_point.item()
    (1.0, 1)
    """
    raise NotImplementedError


def int8_linear(x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer with integer products and sums: x W^T + b, with each token of x rounded to int8.

    Each token has its own symmetric scale. The sums are int32; the scale of the token and the scale of the weight's row
    turn a sum back into fp32. The bias is fp32 and is added at the end.

    Args:
        x: (..., I) fp32.
        weight: (O, I) int8.
        weight_scale: (O, 1).
        bias: (O,) fp32.

    Returns:
        (..., O) fp32.

    >>> weight = torch.tensor([[127, 0], [64, -64]], dtype=torch.int8)
    >>> output = int8_linear(torch.tensor([[1.0, -1.0]]), weight, torch.tensor([[0.5], [2.0]]), torch.ones(2))
    >>> output.round(decimals=3).tolist()
    [[64.5, 257.0]]
    """
    raise NotImplementedError
