"""Chapter 11, smaller and faster: the arithmetic of int8, written by yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your numbers are
compared with those of PyTorch's own quantised tensors and with exact sums:

    minidistil check ch11                what is right, what is not, and what it looks like
    minidistil hint ch11 1               a hint for the first exercise that is not written yet
    minidistil hint ch11 2 int8_linear   the second hint for that one

Letters in shapes: N tokens, I features in, O features out.
Write everything with ordinary operations on tensors, without PyTorch's functions for quantisation. `LARGEST` is 127,
the largest magnitude of int8 that is used, and `STEPS` 255, the largest uint8. `int_matmul(left, right)` multiplies
int8 matrices, (N, I) by (I, O), and gives the exact int32 sums.
"""

import math

import torch
from torch import Tensor

from minidistil.ch11_smaller_faster.quantisation import LARGEST, STEPS, int_matmul


def symmetric_scale(x: Tensor, dim: int | None = None) -> Tensor:
    """The step between neighbouring values if the largest magnitude becomes 127 and 0 stays 0.

    Args:
        x: any shape.
        dim: take the largest along this dimension, which is kept as 1: of a weight (O, I), -1 gives every row its
            own scale, (O, 1). None: one scale for all of x, a tensor without dimensions.

    Returns:
        Positive numbers; where there is nothing but zeros, 1.

    >>> symmetric_scale(torch.tensor([[127.0, -254.0], [0.0, 0.0]]), dim=-1).tolist()
    [[2.0], [1.0]]
    >>> symmetric_scale(torch.tensor([[127.0, -254.0], [0.0, 0.0]])).tolist()
    2.0
    """
    raise NotImplementedError


def affine_parameters(x: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero point that spread 0 ... 255 over the values of x, from the lowest to the highest.

    The range always takes in 0, even if all of x lies to one side of it. The integer that stands for 0, the zero point,
    is -lowest / scale, rounded.

    Args:
        x: any shape.

    Returns:
        The scale, positive (1 if x is all 0), and the zero point, int32 from 0 to 255; both without dimensions.

    >>> scale, zero_point = affine_parameters(torch.tensor([-1.0, 0.5, 254.0]))
    >>> scale.item(), zero_point.item()
    (1.0, 1)
    """
    raise NotImplementedError


def quantize(x: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The integers nearest to x / scale; what lies outside of their range becomes its end.

    Args:
        x: any shape.
        scale: broadcasts to x.
        zero_point: added to the integers; None means symmetric.

    Returns:
        The shape of x: int8 from -127 to 127, or with a zero point uint8 from 0 to 255.

    >>> quantize(torch.tensor([0.9, -1.6, 300.0]), torch.tensor(1.0)).tolist()
    [1, -2, 127]
    >>> quantize(torch.tensor([0.9, -1.6, 300.0]), torch.tensor(1.0), torch.tensor(10)).tolist()
    [11, 8, 255]
    """
    raise NotImplementedError


def dequantize(quantized: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> Tensor:
    """The numbers that the integers stand for: `quantize` the other way round.

    Args:
        quantized: int8 or uint8, any shape.
        scale, zero_point: those of `quantize`.

    Returns:
        fp32, the same shape.

    >>> dequantize(torch.tensor([1, -2, 127], dtype=torch.int8), torch.tensor(0.5)).tolist()
    [0.5, -1.0, 63.5]
    >>> dequantize(torch.tensor([11, 8], dtype=torch.uint8), torch.tensor(0.5), torch.tensor(10)).tolist()
    [0.5, -1.0]
    """
    raise NotImplementedError


def int8_linear(x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer whose products and sums are integers: x W^T + b, with x rounded to int8 token by token.

    Each token has its own symmetric scale. The sums are int32; what one unit of a sum is worth follows from the scale
    of its token and that of its row of the weight. The bias is fp32 and added at the end.

    Args:
        x: (..., I) fp32.
        weight: (O, I) int8.
        weight_scale: (O, 1).
        bias: (O,) fp32.

    Returns:
        (..., O) fp32.

    >>> weight = torch.tensor([[127, 0], [64, -64]], dtype=torch.int8)
    >>> int8_linear(torch.tensor([[1.0, -1.0]]), weight, torch.tensor([[0.5], [2.0]]), torch.ones(2)).tolist()
    [[64.5, 257.0]]
    """
    raise NotImplementedError


def signal_to_noise(x: Tensor, approximation: Tensor) -> float:
    """How far the values stand out from the error, in decibels: 10 log10 of the ratio of their sums of squares.

    Args:
        x: the exact values, any shape.
        approximation: the same shape.

    Returns:
        Large where the error is small; infinite where there is none.

    >>> signal_to_noise(torch.tensor([10.0, 0.0]), torch.tensor([10.0, 1.0]))
    20.0
    >>> signal_to_noise(torch.ones(2), torch.ones(2))
    inf
    """
    raise NotImplementedError
