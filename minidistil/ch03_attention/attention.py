"""Chapter 3. Attention: each token takes a weighted mean of all tokens' values.

References: Vaswani et al. (2017), "Attention Is All You Need", section 3.2, equation 1. The fused kernel is
`torch.nn.functional.scaled_dot_product_attention`, which follows Dao et al. (2022), "FlashAttention".

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H width of a head.
"""

import math

import torch
from torch import Tensor, nn


def attention_weights(query: Tensor, key: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(K)): how much each query takes from each key.

    Args:
        query, key: (..., L, K); the number of queries and of keys may differ.
        visible: bool, broadcast to (..., L, L), False where a key is hidden.

    Returns:
        (..., L, L); each row sums to 1. If all keys are hidden from a query, its row is 0.

    Raises:
        ValueError: the mask is not bool.

    >>> query, keys = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.eye(4)[:2]
    >>> attention_weights(query, keys, torch.tensor([False, True]))
    tensor([[0., 1.]])
    """
    _require_bool(visible)
    scores = query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)  # (..., L, L)
    if visible is None:
        return scores.softmax(dim=-1)
    weights = scores.masked_fill(~visible, -torch.inf).softmax(dim=-1)
    if _may_hide_all(visible):  # a softmax over nothing is 0 / 0
        weights = weights.masked_fill(~visible, 0.0)
    return weights


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(K)) V; returns the output (..., L, K) and the weights (..., L, L).

    Raises:
        ValueError: as `attention_weights`.

    >>> scaled_dot_product_attention(torch.zeros(1, 4), torch.eye(4)[:2], torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    (tensor([[ 2., 20.]]), tensor([[0.5000, 0.5000]]))
    """
    weights = attention_weights(query, key, visible)
    return weights @ value, weights


def split_heads(states: Tensor, num_attention_heads: int) -> Tensor:
    """(B, L, D) -> (B, H, L, K): head h has features h K to (h + 1) K of every token.

    >>> split_heads(torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2).tolist()
    [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]
    """
    return states.unflatten(-1, (num_attention_heads, -1)).transpose(1, 2)


def join_heads(heads: Tensor) -> Tensor:
    """(B, H, L, K) -> (B, L, D): the inverse of `split_heads`.

    >>> join_heads(torch.tensor([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])).tolist()
    [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    """
    return heads.transpose(1, 2).flatten(2)


def padding_mask(attention_mask: Tensor) -> Tensor:
    """Which keys are visible: (B, L), 1 at real tokens and 0 at padding -> (B, 1, 1, L) bool.

    The two dimensions of 1 broadcast over heads and queries: padding is hidden from all of them.

    >>> padding_mask(torch.tensor([[1, 1, 0]]))
    tensor([[[[ True,  True, False]]]])
    """
    return attention_mask[:, None, None, :].bool()


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own K of the D features, then mixed by one linear layer.

    >>> attention = MultiHeadAttention(8, num_attention_heads=2, dropout=0.0)
    >>> output, weights = attention(torch.ones(1, 3, 8), output_attentions=True)
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 8]), torch.Size([1, 2, 3, 3]))
    """

    def __init__(self, hidden_size: int, num_attention_heads: int, dropout: float):
        super().__init__()
        self.num_attention_heads = num_attention_heads
        self.dropout = dropout
        self.query: nn.Linear = nn.Linear(hidden_size, hidden_size)
        self.key: nn.Linear = nn.Linear(hidden_size, hidden_size)
        self.value: nn.Linear = nn.Linear(hidden_size, hidden_size)
        self.output: nn.Linear = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the weights (B, H, L, L) before dropout.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, True at real tokens (see `padding_mask`); None if all tokens are real.
            output_attentions: whether to return the weights, which only the plain formula has.

        Raises:
            ValueError: the mask is not bool.
        """
        query, key, value = (
            split_heads(project(hidden_states), self.num_attention_heads)  # (B, H, L, K)
            for project in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        weights = None
        if output_attentions or _formula_is_faster(hidden_states):
            weights = attention_weights(query, key, visible)  # (B, H, L, L)
            context = nn.functional.dropout(weights, dropout) @ value  # (B, H, L, K)
        else:
            context = _fused_attention(query, key, value, visible, dropout)  # (B, H, L, K)
        return self.output(join_heads(context)), weights if output_attentions else None  # (B, L, D)


def _require_bool(visible: Tensor | None) -> None:
    """PyTorch adds a mask of numbers to the scores without an error, so 0 and 1 would hide nothing."""
    if visible is not None and visible.dtype != torch.bool:
        raise ValueError(f"visible must be a bool mask, got {visible.dtype}: convert 0 and 1 with `mask.bool()`.")


# --- The same, faster ---


def _may_hide_all(visible: Tensor) -> bool:
    """Whether a query may have no visible key.

    Only a CPU looks: it would have to wait for a GPU's answer, and a compiled graph cannot depend on it.
    """
    return visible.device.type != "cpu" or torch.compiler.is_compiling() or not bool(visible.any(-1).all())


def _fused_attention(query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float) -> Tensor:
    """dropout(softmax(Q K^T / sqrt(K))) V in PyTorch's fused kernel, which never stores the weights."""
    _require_bool(visible)
    return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible, dropout_p=dropout)


def _formula_is_faster(hidden_states: Tensor) -> bool:
    """True for bf16 gradients on a CPU, where the fused kernel takes 3 times as long as the formula."""
    return torch.is_grad_enabled() and hidden_states.device.type == "cpu" and torch.is_autocast_enabled("cpu")
