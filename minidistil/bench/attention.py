"""One layer of attention, by the formula and fused, and torch's own: time, and memory for the backward pass."""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from minidistil.ch03_attention.attention import MultiHeadAttention

REPETITIONS = 3  # the fastest counts


def table() -> Iterator[str]:
    """A line for each number of tokens."""
    yield "One attention layer (384 wide, 12 heads), batch of 4, forward and backward, CPU time, the best of 3 rounds."
    yield "kept: what the forward pass stores for the backward pass, with 2.3 MiB of parameters; ratio: torch / fused."
    yield ""
    yield f"{'tokens':>6}{'readable':>12}{'fused':>12}{'torch':>12}{'ratio':>8}{'kept: readable':>18}{'fused':>10}"
    for length in (16, 32, 64, 128, 256, 512):
        seconds, mebibytes = compare_attention(length)
        times = "".join(f"{1000 * each:>9.2f} ms" for each in seconds.values())
        ratio = seconds["torch"] / seconds["fused"]
        yield f"{length:>6}{times}{ratio:>8.2f}{mebibytes['readable']:>14.1f} MiB{mebibytes['fused']:>6.1f} MiB"


def compare_attention(length: int) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds, and MiB stored for the backward pass, of three ways; RuntimeError if their outputs differ."""
    layer = MultiHeadAttention(384, 12, dropout=0.0)
    reference = torchs_attention(layer)
    hidden = torch.randn(4, length, 384, requires_grad=True)
    ways: dict[str, Callable[[], Tensor]] = {
        "readable": lambda: layer(hidden, output_attentions=True)[0],
        "fused": lambda: layer(hidden)[0],
        "torch": lambda: reference(hidden, hidden, hidden, need_weights=False)[0],
    }
    expected = ways["torch"]()
    if any((way() - expected).abs().max() > 1e-5 for way in ways.values()):
        raise RuntimeError("The outputs of minidistil and torch differ: a comparison of speed means nothing.")
    seconds = dict.fromkeys(ways, math.inf)
    for _ in range(REPETITIONS):
        for name, way in ways.items():
            start = time.process_time()
            way().sum().backward()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds, {name: kept_for_backward(way) for name, way in ways.items()}


def torchs_attention(layer: MultiHeadAttention) -> nn.MultiheadAttention:
    """torch's own module with the weights of our layer."""
    reference = nn.MultiheadAttention(layer.query.in_features, layer.num_attention_heads, batch_first=True)
    three = (layer.query, layer.key, layer.value)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([each.weight for each in three]))
        reference.in_proj_bias.copy_(torch.cat([each.bias for each in three]))
    reference.out_proj.load_state_dict(layer.output.state_dict())
    return reference


def kept_for_backward(function: Callable[[], Tensor]) -> float:
    """MiB that a call stores for its backward pass; memory that several tensors share is counted once."""
    sizes = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = function()
    if not result.requires_grad:
        raise ValueError("The result needs no gradient, so nothing is stored for a backward pass.")
    return sum(sizes.values()) / 2**20
