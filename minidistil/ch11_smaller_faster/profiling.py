"""Chapter 11. Profiling: how the time of a forward pass is split among kinds of work, by PyTorch's profiler.

Letters in shapes: B sequences, L tokens, V vocabulary.
"""

import os
import statistics
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.weights import Model

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler prints on stderr when it starts and stops

VOCABULARY, PRODUCTS, ATTENTION, GELU, NORM = "vocabulary", "matrix products", "attention", "GELU", "layer norm"
ROUNDING, REST = "rounding", "embeddings, sums, copies"
KINDS = (PRODUCTS, VOCABULARY, ATTENTION, GELU, NORM, ROUNDING, REST)

_KIND = {  # operators that overwrite their input have a name that ends in _; they are looked up without it
    **dict.fromkeys(("aten::addmm", "aten::mm", "aten::bmm", "aten::_int_mm", "aten::mkldnn_linear"), PRODUCTS),
    "aten::gelu": GELU,
    "aten::native_layer_norm": NORM,
    "aten::_scaled_dot_product_flash_attention_for_cpu": ATTENTION,
    **dict.fromkeys(("aten::div", "aten::round", "aten::clamp", "aten::abs", "aten::amax", "aten::mul"), ROUNDING),
}


def kind_of(operator: str, shapes: Any, vocab_size: int) -> str:
    """The kind of work of one of PyTorch's operators, given the shapes of its inputs.

    A matrix product with a side as long as the vocabulary is the projection onto the vocabulary.
    """
    kind = _KIND.get(operator.removesuffix("_"), REST)
    if kind == PRODUCTS and any(vocab_size in shape for shape in shapes if isinstance(shape, list)):
        return VOCABULARY
    return kind


@torch.no_grad()
def time_by_kind(model: Model, inputs: dict[str, Tensor], repeats: int = 5) -> dict[str, float]:
    """Milliseconds of a forward pass on the CPU, for each kind of work that occurs.

    Only an operator's own time counts, without the operators that it calls. Medians over the repeats, after one
    warm-up.

    Args:
        model: in fp32 or in int8.
        inputs: its arguments, (B, L) each.
    """
    rounds: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        with evaluating(model), profile(activities=[ProfilerActivity.CPU], record_shapes=True) as record:
            model(**inputs)
        sums = dict.fromkeys(KINDS, 0.0)
        for event in record.key_averages(group_by_input_shape=True):
            kind = kind_of(event.key, event.input_shapes, model.config.vocab_size)
            sums[kind] += event.self_cpu_time_total / 1000
        rounds.append(sums)
    medians = {kind: statistics.median(each[kind] for each in rounds[1:]) for kind in KINDS}
    return {kind: milliseconds for kind, milliseconds in medians.items() if milliseconds}
