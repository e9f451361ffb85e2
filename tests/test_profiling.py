"""Chapter 11: where the time goes."""

import torch

from minidistil.encoder import EncoderConfig
from minidistil.heads import MaskedLM
from minidistil.int8 import to_int8
from minidistil.profiling import (
    ATTENTION,
    GELU,
    KINDS,
    NORM,
    PRODUCTS,
    REST,
    ROUNDING,
    VOCABULARY,
    kind_of,
    time_by_kind,
)


def test_operators_have_their_kinds() -> None:
    assert kind_of("aten::addmm", [[30522], [9, 16], [16, 30522]], 30522) == VOCABULARY
    assert kind_of("aten::addmm", [[64], [9, 16], [16, 64], []], 30522) == PRODUCTS
    assert kind_of("aten::_int_mm", [[9, 16], [16, 30522]], 30522) == VOCABULARY
    assert kind_of("aten::gelu", [[9, 64]], 30522) == GELU
    assert kind_of("aten::something_else", [], 30522) == REST


def test_a_wide_vocabulary_takes_most_of_the_time_and_int8_rounds() -> None:
    config = EncoderConfig(
        vocab_size=30522, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    model, ids = MaskedLM(config).eval(), torch.randint(1, 99, (2, 64))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    looks = [time_by_kind(model, inputs, repeats=1) for _ in range(6)]  # on a busy machine not each is undisturbed
    assert all(set(found) == set(KINDS) - {ROUNDING} for found in looks)
    assert all(milliseconds > 0 for found in looks for milliseconds in found.values())
    assert any(found[VOCABULARY] > found[PRODUCTS] for found in looks)  # a hundred times the multiplications
    assert set(time_by_kind(to_int8(model), inputs, repeats=1)) == {
        PRODUCTS, VOCABULARY, ATTENTION, GELU, NORM, ROUNDING, REST,
    }  # fmt: skip
