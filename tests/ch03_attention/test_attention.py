"""Chapter 3 against PyTorch's own attention, forward and backward, and against transformers' with the same weights."""

import math
import random
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertSelfAttention

from minidistil.ch03_attention import attention

CASES = range(12)


def random_case(seed: int, dtype: torch.dtype = torch.float32) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Query, key and value of random shapes, and a random mask in which every query sees some key."""
    draw = random.Random(seed)
    batch = [draw.randint(1, 4) for _ in range(draw.randint(1, 2))]
    queries, keys, width = draw.randint(1, 9), draw.randint(1, 9), draw.choice([1, 2, 8, 32])
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (torch.randn(*batch, n, width, generator=generator).to(dtype) for n in (queries, keys, keys))
    visible = torch.rand(*batch, queries, keys, generator=generator) < 0.6
    visible[..., seed % keys] = True
    return (query.requires_grad_(), key.requires_grad_(), value.requires_grad_()), visible


def torch_weights(query: Tensor, key: Tensor, visible: Tensor | None) -> Tensor:
    """PyTorch's function does not return its weights; with the identity as values, the output is the weights."""
    identity = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], -1)
    return functional.scaled_dot_product_attention(query, key, identity, attn_mask=visible)


def gradients(output: Tensor, inputs: Iterable[Tensor]) -> tuple[Tensor, ...]:
    upstream = torch.linspace(-1, 1, output.numel()).reshape(output.shape).to(output.dtype)
    return torch.autograd.grad(output, list(inputs), upstream)


def some_padding(lengths: list[int]) -> Tensor:
    """(B, 1, 1, L): sequences of these lengths, padded to the longest."""
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])[:, None, None, :]


def test_two_keys_by_hand(impl: ModuleType) -> None:
    query, keys = torch.tensor([[1.0, 2.0, 0.0, 1.0]]), torch.tensor([[2.0, 1.0, 5.0, 2.0], [1.0, 0.0, -3.0, 1.0]])
    # The scores are 6 / sqrt(4) = 3 and 2 / sqrt(4) = 1.
    first = math.exp(3) / (math.exp(3) + math.exp(1))
    torch.testing.assert_close(impl.attention_weights(query, keys), torch.tensor([[first, 1 - first]]))


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("padded", [False, True])
def test_the_weights_are_those_of_torch(impl: ModuleType, seed: int, padded: bool) -> None:
    (query, key, _), visible = random_case(seed)
    mask = visible if padded else None
    weights = impl.attention_weights(query, key, mask)
    torch.testing.assert_close(weights, torch_weights(query, key, mask), atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(query.shape[:-1]), msg="the weights of each query sum to 1")


def test_hidden_keys_have_weight_0(impl: ModuleType) -> None:
    query, key = torch.randn(2, 2, 5, 8), torch.randn(2, 2, 5, 8)
    visible = some_padding([5, 3])
    weights = impl.attention_weights(query, key, visible)
    assert not weights.masked_select(~visible.expand_as(weights)).any(), "the weight of a hidden key must be 0"
    assert weights.masked_select(visible.expand_as(weights)).all(), "the weight of a visible key must not be 0"


@pytest.mark.parametrize(
    ("scores", "visible", "expected"),
    [
        ([20_000.0, 0.0], [False, True], [0.0, 1.0]),
        ([0.0, -20_000.0], [False, True], [0.0, 1.0]),
        ([200.0, 0.0], None, [1.0, 0.0]),
    ],
)
def test_large_scores_overflow_nothing_and_hidden_keys_stay_hidden(
    impl: ModuleType, scores: list[float], visible: list[bool] | None, expected: list[float]
) -> None:
    query, keys = torch.tensor([[2.0, 0, 0, 0]]), torch.tensor([[score, 0, 0, 0] for score in scores])
    weights = impl.attention_weights(query, keys, None if visible is None else torch.tensor(visible))
    assert weights.tolist() == [expected]


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("padded", [False, True])
def test_output_and_gradients_are_those_of_torch(impl: ModuleType, seed: int, padded: bool) -> None:
    inputs, visible = random_case(seed)
    mask = visible if padded else None
    ours, weights = impl.scaled_dot_product_attention(*inputs, mask)
    theirs = functional.scaled_dot_product_attention(*inputs, attn_mask=mask)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights, torch_weights(inputs[0], inputs[1], mask), atol=1e-6, rtol=0)
    for mine, other in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)


def test_hidden_keys_and_values_do_not_matter(impl: ModuleType) -> None:
    query, key, value = (torch.randn(2, 2, 5, 8, requires_grad=True) for _ in range(3))
    visible = some_padding([5, 3])
    output, _ = impl.scaled_dot_product_attention(query, key, value, visible)
    other_key, other_value = key.detach().clone(), value.detach().clone()
    other_key[1, :, 3:], other_value[1, :, 3:] = 100.0, -100.0
    torch.testing.assert_close(impl.scaled_dot_product_attention(query, other_key, other_value, visible)[0], output)
    for gradient in gradients(output, [key, value]):
        assert not gradient[1, :, 3:].any(), "no gradient may reach the padding"


@pytest.mark.parametrize("seed", CASES)
def test_in_bf16_it_is_torch_within_the_tolerance_of_bf16(seed: int) -> None:
    inputs, visible = random_case(seed, torch.bfloat16)
    ours, weights = attention.scaled_dot_product_attention(*inputs, visible)
    query, key, value = exact = [tensor.detach().float().requires_grad_() for tensor in inputs]
    theirs = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    assert ours.dtype == weights.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), theirs, atol=4e-2, rtol=0)
    for mine, other in zip(gradients(ours, inputs), gradients(theirs, exact), strict=True):
        torch.testing.assert_close(mine.float(), other, atol=6e-2, rtol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_query_without_visible_keys_gets_0_as_in_torch(dtype: torch.dtype) -> None:
    query, key, value = inputs = [torch.randn(2, 1, 4, 8).to(dtype).requires_grad_() for _ in range(3)]
    visible = torch.tensor([[True, True, False, False], [False] * 4])[:, None, None, :]
    output, weights = attention.scaled_dot_product_attention(query, key, value, visible)
    assert not weights[1].any()
    assert not output[1].any()
    assert output[0].all()
    theirs = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    torch.testing.assert_close(output, theirs, atol=2e-2 if dtype == torch.bfloat16 else 1e-6, rtol=0)
    for gradient in gradients(output, inputs):
        assert gradient.isfinite().all()
        assert not gradient[1].any()


@pytest.mark.parametrize(("width", "heads"), [(6, 2), (6, 3), (6, 1), (6, 6), (384, 12)])
def test_a_head_has_adjacent_features_of_each_token(impl: ModuleType, width: int, heads: int) -> None:
    states = torch.arange(2 * 3 * width).reshape(2, 3, width)
    split = impl.split_heads(states, heads)
    size = width // heads
    assert split.shape == (2, heads, 3, size)
    for sequence, token, head in [(0, 0, 0), (1, 2, heads - 1), (1, 1, heads // 2), (0, 2, 0)]:
        expected = states[sequence, token, head * size : (head + 1) * size]
        assert torch.equal(split[sequence, head, token], expected), f"sequence {sequence}, head {head}, token {token}"


@pytest.mark.parametrize(("heads", "size"), [(2, 3), (3, 2), (1, 4), (4, 1)])
def test_joined_heads_lie_side_by_side_in_each_token(impl: ModuleType, heads: int, size: int) -> None:
    parts = torch.arange(2 * heads * 3 * size).reshape(2, heads, 3, size)
    expected = torch.cat([parts[:, head] for head in range(heads)], dim=-1)
    assert torch.equal(impl.join_heads(parts), expected)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.bool])
def test_padding_is_hidden_from_all_queries_and_heads(impl: ModuleType, dtype: torch.dtype) -> None:
    visible = impl.padding_mask(torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]], dtype=dtype))
    assert visible.dtype == torch.bool, "expected a bool mask"
    assert visible.shape == (2, 1, 1, 4), "expected (B, 1, 1, L): all heads, all queries, each key"
    assert visible.flatten(1).tolist() == [[True, True, True, False], [True, False, False, False]]


def peer_of(module: Any, hidden_size: int, heads: int) -> nn.MultiheadAttention:
    """PyTorch's module with the same weights."""
    peer = nn.MultiheadAttention(hidden_size, heads, batch_first=True)
    for kind in ("weight", "bias"):
        joined = torch.cat([getattr(each, kind) for each in (module.query, module.key, module.value)])
        getattr(peer, f"in_proj_{kind}").data.copy_(joined)
        getattr(peer.out_proj, kind).data.copy_(getattr(module.output, kind))
    return peer


def gradients_by_name(module: nn.Module, output: Tensor) -> dict[str, Tensor]:
    names = dict(module.named_parameters())
    return dict(zip(names, gradients(output, names.values()), strict=True))


@pytest.mark.parametrize(
    ("heads", "lengths", "asked"),
    [(1, [3], True), (2, [5, 2], True), (4, [7, 4, 1], False), (4, [6, 6], True), (8, [9, 3], False)],
)
def test_the_module_is_that_of_torch(impl: ModuleType, heads: int, lengths: list[int], asked: bool) -> None:
    module = impl.MultiHeadAttention(16, heads, 0.0)
    peer = peer_of(module, 16, heads)
    hidden, visible = torch.randn(len(lengths), max(lengths), 16), some_padding(lengths)
    ours, weights = module(hidden, visible, asked)
    theirs, their_weights = peer(hidden, hidden, hidden, key_padding_mask=~visible[:, 0, 0], average_attn_weights=False)
    assert (weights is not None) == asked, "weights are returned only if asked for"
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    if asked:
        torch.testing.assert_close(weights, their_weights, atol=1e-6, rtol=0)
    mine, others = gradients_by_name(module, ours), gradients_by_name(peer, theirs)
    for kind in ("weight", "bias"):
        joined = torch.cat([mine[f"{name}.{kind}"] for name in ("query", "key", "value")])
        torch.testing.assert_close(joined, others[f"in_proj_{kind}"], atol=1e-5, rtol=0)
        torch.testing.assert_close(mine[f"output.{kind}"], others[f"out_proj.{kind}"], atol=1e-5, rtol=0)


def test_without_a_mask_all_tokens_are_visible(impl: ModuleType) -> None:
    module, hidden = impl.MultiHeadAttention(8, 2, 0.0), torch.randn(2, 4, 8)
    theirs, _ = peer_of(module, 8, 2)(hidden, hidden, hidden)
    torch.testing.assert_close(module(hidden)[0], theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("asked", [False, True])
def test_dropout_is_for_training_only(impl: ModuleType, asked: bool) -> None:
    module, hidden = impl.MultiHeadAttention(8, 2, 0.5), torch.randn(1, 4, 8)
    expected, _ = peer_of(module, 8, 2)(hidden, hidden, hidden)
    evaluated = module.eval()(hidden, None, asked)[0]
    torch.testing.assert_close(evaluated, expected, atol=1e-6, rtol=0, msg="dropout must do nothing in evaluation")
    drawn = module.train()(hidden.expand(4000, -1, -1), None, asked)[0]
    assert not torch.equal(drawn[0], drawn[1]), "dropout must be random in training"
    torch.testing.assert_close(
        drawn.mean(0), expected[0], atol=4e-2, rtol=0, msg="the mean over many dropouts is the output without"
    )


@pytest.mark.parametrize("asked", [False, True])
def test_dropout_is_applied_to_the_weights_alone(impl: ModuleType, asked: bool) -> None:
    module = impl.MultiHeadAttention(8, 2, 1 - 1e-7).train()
    output = module(torch.randn(2, 4, 8), None, asked)[0]
    expected = module.output.bias.expand_as(output)
    torch.testing.assert_close(output, expected, msg="without weights there is only the bias of the last layer")
    # A token alone has the weight 1: of each head dropout takes all features or none.
    module = impl.MultiHeadAttention(8, 2, 0.5).train()
    module.output.load_state_dict({"weight": torch.eye(8), "bias": torch.zeros(8)})
    token = torch.randn(1, 1, 8)
    heads = (module(token.expand(100, -1, -1), None, asked)[0] / module.value(token)).unflatten(-1, (2, 4))
    torch.testing.assert_close(heads, heads[..., :1].expand_as(heads), msg="a weight belongs to a whole head")
    assert set(heads.round().flatten().tolist()) == {0.0, 2.0}, "dropped or doubled"


def test_the_weights_are_returned_before_dropout(impl: ModuleType) -> None:
    module, hidden = impl.MultiHeadAttention(8, 2, 0.5), torch.randn(2, 4, 8)
    expected = module.eval()(hidden, None, True)[1]
    torch.testing.assert_close(module.train()(hidden, None, True)[1], expected)


def test_the_fused_attention_equals_the_formula() -> None:
    module = attention.MultiHeadAttention(32, 4, dropout=0.0)
    hidden, visible = torch.randn(2, 7, 32), some_padding([7, 4])
    fused, _ = module(hidden, visible)
    formula, weights = module(hidden, visible, output_attentions=True)
    assert weights is not None
    assert weights.shape == (2, 4, 7, 7)
    torch.testing.assert_close(fused, formula, atol=1e-6, rtol=0)
    others = gradients_by_name(module, formula)
    for name, gradient in gradients_by_name(module, fused).items():
        torch.testing.assert_close(gradient, others[name], atol=1e-5, rtol=0, msg=name)
    with torch.autocast("cpu", torch.bfloat16):  # training in bf16 on a CPU: the formula again
        low, _ = module(hidden, visible)
    torch.testing.assert_close(low.float(), fused, atol=3e-2, rtol=0)


def test_transformers_has_the_same_weights_and_context() -> None:
    config = BertConfig(hidden_size=24, num_attention_heads=3)
    config._attn_implementation = "eager"  # the only one that returns its weights
    theirs, ours = BertSelfAttention(config).eval(), attention.MultiHeadAttention(24, 3, dropout=0.1).eval()
    ours.load_state_dict({**theirs.state_dict(), "output.weight": torch.eye(24), "output.bias": torch.zeros(24)})
    hidden, visible = torch.randn(2, 6, 24), some_padding([6, 3])
    added = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.float32).min)
    their_context, their_weights = theirs(hidden, attention_mask=added)
    our_context, our_weights = ours(hidden, visible, output_attentions=True)
    torch.testing.assert_close(our_weights, their_weights, atol=1e-6, rtol=0)
    torch.testing.assert_close(our_context, their_context, atol=1e-6, rtol=0)


@pytest.mark.parametrize("asked", [False, True])
def test_a_mask_of_numbers_is_an_error(asked: bool) -> None:
    module = attention.MultiHeadAttention(8, 2, 0.0)
    with pytest.raises(ValueError, match=r"visible must be a bool mask, got torch\.float32"):
        module(torch.zeros(2, 3, 8), torch.ones(2, 1, 1, 3), asked)
