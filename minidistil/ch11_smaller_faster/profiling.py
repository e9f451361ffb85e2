"""Chapter 11. Where the time of a forward pass goes, by kind of work, as PyTorch's profiler sees it.

Letters in shapes: B sequences, L tokens, V vocabulary.
"""

import os
import statistics
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from minidistil.ch05_weights.weights import Model

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would announce each beginning and end on stderr

VOCABULARY, PRODUCTS, ATTENTION, GELU, NORM = "vocabulary", "matrix products", "attention", "GELU", "layer norm"
ROUNDING, REST = "rounding", "embeddings, sums, copies"
KINDS = (PRODUCTS, VOCABULARY, ATTENTION, GELU, NORM, ROUNDING, REST)

_PRODUCTS = {"aten::addmm", "aten::mm", "aten::bmm", "aten::_int_mm", "aten::mkldnn_linear"}
_KIND = {  # also of the operator that overwrites its input, whose name ends in _
    "aten::gelu": GELU,
    "aten::native_layer_norm": NORM,
    "aten::_scaled_dot_product_flash_attention_for_cpu": ATTENTION,
    **dict.fromkeys(("aten::div", "aten::round", "aten::clamp", "aten::abs", "aten::amax", "aten::mul"), ROUNDING),
}


def kind_of(operator: str, shapes: Any, vocab_size: int) -> str:
    """The kind of work of one of PyTorch's operators, given the shapes of its inputs.

    A matrix product with one side as long as the vocabulary is the projection onto it.
    """
    if operator in _PRODUCTS:
        return VOCABULARY if any(vocab_size in shape for shape in shapes if isinstance(shape, list)) else PRODUCTS
    return _KIND.get(operator.removesuffix("_"), REST)


@torch.no_grad()
def time_by_kind(model: Model, inputs: dict[str, Tensor], repeats: int = 5) -> dict[str, float]:
    """Milliseconds of a forward pass on the CPU, in each kind of work that there is.

    An operator's own time counts, without that of the operators that it calls. Medians of the repeats, after one that
    does not count.

    Args:
        model: in fp32 or in int8.
        inputs: its arguments, (B, L) each.
    """
    rounds: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as record:
            model(**inputs)
        sums = dict.fromkeys(KINDS, 0.0)
        for event in record.key_averages(group_by_input_shape=True):
            kind = kind_of(event.key, event.input_shapes, model.config.vocab_size)
            sums[kind] += event.self_cpu_time_total / 1000
        rounds.append(sums)
    medians = {kind: statistics.median(each[kind] for each in rounds[1:]) for kind in KINDS}
    return {kind: milliseconds for kind, milliseconds in medians.items() if milliseconds}
