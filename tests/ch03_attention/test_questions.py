"""The numbers among the right answers to the questions of chapter 3."""

import math

import torch

from minidistil.ch03_attention.attention import MultiHeadAttention, attention_weights
from minidistil.course.questions import read_questions

RIGHT = [next(choice for choice in each.choices if choice.right) for each in read_questions("ch03")]


def test_weight_of_one_of_four_keys() -> None:
    query, keys = torch.ones(1, 1), torch.tensor([[0.0], [0.0], [0.0], [math.log(3)]])
    weight = attention_weights(query, keys)[0, 3].item()
    assert math.isclose(float(RIGHT[0].text), weight, rel_tol=1e-6)


def test_spread_of_a_dot_product() -> None:
    query, key = torch.randn(2, 100_000, 64, generator=torch.Generator().manual_seed(0))
    assert abs((query * key).sum(-1).var() / 64 - 1) < 0.02
    assert "variance K" in RIGHT[1].explanation


def test_a_mask_after_the_softmax_loses_weight() -> None:
    weights = torch.zeros(2).softmax(-1) * torch.tensor([1, 0])
    assert float(RIGHT[2].text) == weights.sum()


def test_the_divisor_is_the_root_of_a_heads_width() -> None:
    layer = MultiHeadAttention(768, 12, dropout=0.0)
    width = layer.query.out_features // layer.num_attention_heads
    assert RIGHT[5].text == f"By {math.sqrt(width):g}"


def test_twice_the_length_is_four_times_the_weights() -> None:
    counts = [attention_weights(torch.ones(length, 2), torch.ones(length, 2)).numel() for length in (256, 512)]
    assert RIGHT[8].text == str(counts[1] // counts[0])
