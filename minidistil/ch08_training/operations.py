"""Chapter 8. How much a step has to compute, and what share of the device's speed it makes use of.

Operations are counted from the shapes of the models. Their rate over the device's own, in one large matrix product, is
the model FLOP utilisation (Chowdhery et al., 2022, "PaLM", appendix B); there the maker's figure is the divisor.

Letters in shapes: L tokens, D width, I width of the feed-forward layer, V vocabulary.
"""

import time

import torch

from minidistil.ch04_encoder.config import EncoderConfig


def forward_operations(config: EncoderConfig, length: float, head_share: float) -> float:
    """Floating-point operations a token on the way forward: a multiplication and an addition count as two.

    Matrix products only; all else is less than a hundredth of them.

    Args:
        length: L, of which attention's part is a multiple.
        head_share: share of the positions at which the V scores are computed.
    """
    d, i, v = config.hidden_size, config.intermediate_size, config.vocab_size
    layer = 4 * d * d + 2 * d * i + 2 * length * d  # query, key, value, output; feed-forward; weights and their sum
    return 2 * (config.num_hidden_layers * layer + head_share * (d * d + d * v))


def step_operations(teacher: EncoderConfig, student: EncoderConfig, length: float, head_share: float) -> float:
    """Operations a token of a distillation step: the backward pass is two forward ones, and the teacher has none."""
    return forward_operations(teacher, length, head_share) + 3 * forward_operations(student, length, head_share)


def device_operations(device: torch.device, precision: str, rounds: int = 3) -> float:
    """Operations a second of this device in products of two large square matrices: the fastest of some rounds.

    A rough figure: other programs slow it down, and a CPU of many cores is faster in still larger products.

    Args:
        precision: "fp32" or "bf16", the format of the numbers.
    """
    side, products = 4096 if device.type == "cuda" else 1024, 5
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    draw = torch.Generator(device).manual_seed(0)  # of its own: a run's other draws stay what they are
    matrix = torch.randn(side, side, dtype=dtype, device=device, generator=draw)
    product, seconds = torch.empty_like(matrix), []
    for _ in range(rounds + 1):  # the first one warms up
        start = time.perf_counter()
        for _ in range(products):
            torch.mm(matrix, matrix, out=product)
        product[0, 0].item()  # the value waits for a GPU
        seconds.append(time.perf_counter() - start)
    return products * 2 * side**3 / min(seconds[1:])
