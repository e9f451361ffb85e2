"""Chapter 11: where the time goes."""

import torch

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch11_smaller_faster import profiling
from minidistil.ch11_smaller_faster.int8 import to_int8
from minidistil.ch11_smaller_faster.profiling import kind_of


def test_operators_have_their_kinds() -> None:
    assert kind_of("aten::addmm", [[30522], [9, 16], [16, 30522]], 30522) == profiling.VOCABULARY
    assert kind_of("aten::addmm", [[64], [9, 16], [16, 64], []], 30522) == profiling.PRODUCTS
    assert kind_of("aten::_int_mm", [[9, 16], [16, 30522]], 30522) == profiling.VOCABULARY
    assert kind_of("aten::gelu", [[9, 64]], 30522) == kind_of("aten::gelu_", [[9, 64]], 30522) == profiling.GELU
    assert kind_of("aten::round_", [[9, 64]], 30522) == kind_of("aten::mul", [[9, 64], []], 30522) == profiling.ROUNDING
    assert kind_of("aten::something_else", [], 30522) == profiling.REST


def test_each_kind_of_work_takes_time_and_int8_rounds_besides() -> None:
    config = EncoderConfig(
        vocab_size=30522, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    model, ids = MaskedLM(config).eval(), torch.randint(1, 99, (2, 64))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    found, rounded = (profiling.time_by_kind(each, inputs, repeats=1) for each in (model, to_int8(model)))
    assert set(found) == set(profiling.KINDS) - {profiling.ROUNDING}
    assert set(rounded) == set(profiling.KINDS)
    assert all(milliseconds > 0 for milliseconds in (*found.values(), *rounded.values()))
