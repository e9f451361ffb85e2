"""One layer of attention, readable and fused, beside torch's own module: time and what is kept for the way back."""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from minidistil.ch03_attention.attention import MultiHeadAttention

REPETITIONS = 3  # the fastest counts


def table() -> Iterator[str]:
    """One layer of attention, readable and fused, and torch's own module with the same weights."""
    yield "One attention layer (384 wide, 12 heads), batch of 4, forward and backward, CPU time, the best of 3 rounds."
    yield "kept: what the forward pass stores for the backward pass, with 2.3 MiB of parameters; ratio: torch / fused."
    yield ""
    yield f"{'tokens':>6}{'readable':>12}{'fused':>12}{'torch':>12}{'ratio':>8}{'kept: readable':>18}{'fused':>10}"
    for length in (16, 32, 64, 128, 256, 512):
        seconds, mebibytes = compare_attention(length)
        times = "".join(f"{1000 * seconds[name]:>9.2f} ms" for name in ("readable", "fused", "torch"))
        ratio = seconds["torch"] / seconds["fused"]
        yield f"{length:>6}{times}{ratio:>8.2f}{mebibytes['readable']:>14.1f} MiB{mebibytes['fused']:>6.1f} MiB"


def compare_attention(length: int) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds, and MiB kept for the backward pass, of three ways that give the same: readable, fused, torch.

    Raises:
        RuntimeError: their outputs differ.
    """
    ours = MultiHeadAttention(384, 12, dropout=0.0)
    theirs = torchs_attention(ours)
    hidden = torch.randn(4, length, 384, requires_grad=True)
    ways: dict[str, Callable[[], Tensor]] = {
        "readable": lambda: ours(hidden, output_attentions=True)[0],
        "fused": lambda: ours(hidden)[0],
        "torch": lambda: theirs(hidden, hidden, hidden, need_weights=False)[0],
    }
    outputs = {name: way() for name, way in ways.items()}
    if any((output - outputs["torch"]).abs().max() > 1e-5 for output in outputs.values()):
        raise RuntimeError("The outputs of minidistil and torch differ: a comparison of speed means nothing.")
    seconds = dict.fromkeys(ways, math.inf)
    for _ in range(REPETITIONS):
        for name, way in ways.items():
            start = time.process_time()
            way().sum().backward()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds, {name: kept_for_backward(way) for name, way in ways.items()}


def torchs_attention(ours: MultiHeadAttention) -> nn.MultiheadAttention:
    """torch's module with our weights."""
    theirs = nn.MultiheadAttention(ours.query.in_features, ours.num_attention_heads, batch_first=True)
    three = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([each.weight for each in three]))
        theirs.in_proj_bias.copy_(torch.cat([each.bias for each in three]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    return theirs


def kept_for_backward(function: Callable[[], Tensor]) -> float:
    """MiB that a call stores for its backward pass, each piece of memory counted once."""
    sizes = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = function()
    if not result.requires_grad:
        raise ValueError("Nothing is stored for a result that needs no gradient.")
    return sum(sizes.values()) / 2**20
