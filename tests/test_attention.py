"""Chapter 3 against torch's scaled_dot_product_attention, forward and backward."""

import pytest
import torch
from torch.nn import functional

from minidistil.attention import MultiHeadAttention, scaled_dot_product_attention


@pytest.mark.parametrize("length", [1, 5, 64])
@pytest.mark.parametrize("padded", [False, True])
def test_the_formula_is_torchs(length: int, padded: bool) -> None:
    query, key, value = (torch.randn(3, 2, length, 8, requires_grad=True) for _ in range(3))
    visible = None
    if padded:
        visible = (torch.arange(length) < torch.tensor([1, max(1, length // 2), length])[:, None])[:, None, None, :]
    ours, weights = scaled_dot_product_attention(query, key, value, visible)
    theirs = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, length))
    if visible is not None:
        assert not weights.masked_select(~visible.expand_as(weights)).any()
    upstream = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, (query, key, value), upstream),
        torch.autograd.grad(theirs, (query, key, value), upstream),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)


def test_all_paths_of_the_module_agree() -> None:
    module = MultiHeadAttention(32, 4, dropout=0.0)
    hidden = torch.randn(2, 7, 32)
    visible = (torch.arange(7) < torch.tensor([7, 4])[:, None])[:, None, None, :]
    fused, none = module(hidden, visible)
    open_, weights = module(hidden, visible, output_attentions=True)
    assert none is None
    assert weights.shape == (2, 4, 7, 7)
    torch.testing.assert_close(fused, open_, atol=1e-6, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):  # the path of training on a CPU
        low, _ = module(hidden, visible)
    torch.testing.assert_close(low.float(), fused, atol=3e-2, rtol=0)
