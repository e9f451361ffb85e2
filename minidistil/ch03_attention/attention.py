"""Chapter 3. Attention: every token asks all others, and takes in a weighted mean of their answers.

References: Vaswani et al. (2017), "Attention Is All You Need", section 3.2, equation 1. The fast path is
`torch.nn.functional.scaled_dot_product_attention`, which follows Dao et al. (2022), "FlashAttention".

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H width of a head.
"""

import math

import torch
from torch import Tensor, nn


def attention_weights(query: Tensor, key: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(K)): how much each query takes of each key.

    Args:
        query, key: (..., L, K); the number of queries and of keys may differ.
        visible: bool, broadcast to (..., L, L), False where a key must not be seen.

    Returns:
        (..., L, L); each row sums to 1. A query that sees no key takes nothing: its row is 0.

    Raises:
        ValueError: widths that differ, or a mask that is not bool or does not fit.
    """
    _check_shapes(query, key, visible)
    scores = query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)  # (..., L, L)
    if visible is None:
        return scores.softmax(dim=-1)
    weights = scores.masked_fill(~visible, -torch.inf).softmax(dim=-1)
    if not visible.any(-1).all():  # a softmax over nothing is 0 / 0
        weights = weights.masked_fill(~visible, 0.0)
    return weights


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(K)) V; returns the output (..., L, K) and the weights (..., L, L).

    Raises:
        ValueError: as `attention_weights`, or not one value for each key.
    """
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"There are {key.shape[-2]} keys and {value.shape[-2]} values: expected one value for each.")
    weights = attention_weights(query, key, visible)
    return weights @ value, weights


def split_heads(states: Tensor, num_attention_heads: int) -> Tensor:
    """(B, L, D) -> (B, H, L, K): head h has features h K to (h + 1) K of every token."""
    return states.unflatten(-1, (num_attention_heads, -1)).transpose(1, 2)


def join_heads(heads: Tensor) -> Tensor:
    """(B, H, L, K) -> (B, L, D): the way back, the heads' features side by side."""
    return heads.transpose(1, 2).flatten(2)


def padding_mask(attention_mask: Tensor) -> Tensor:
    """Which keys may be seen: (B, L), 1 at real tokens and 0 at padding -> (B, 1, 1, L) bool.

    The two ones stand for all heads and all queries: padding is hidden from everyone.

    Raises:
        ValueError: the mask is not (B, L).
    """
    if attention_mask.dim() != 2:
        raise ValueError(f"attention_mask has shape {tuple(attention_mask.shape)}: expected (batch, length).")
    return attention_mask[:, None, None, :].bool()


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own K of the D features, then mixed by one projection.

    Raises:
        ValueError: the width cannot be shared out to the heads, or dropout is no share.
    """

    def __init__(self, hidden_size: int, num_attention_heads: int, dropout: float):
        super().__init__()
        if num_attention_heads < 1 or hidden_size % num_attention_heads:
            raise ValueError(f"A width of {hidden_size} cannot be shared out evenly to {num_attention_heads} heads.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}: expected a number from 0 to below 1.")
        self.num_attention_heads = num_attention_heads
        self.dropout = dropout
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the weights (B, H, L, L) as they are before dropout.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, True at real tokens (see `padding_mask`); None where all are.
            output_attentions: take the readable path, which has the weights to return.

        Raises:
            ValueError: other shapes, or a mask that is not bool.
        """
        self._check(hidden_states, visible)
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
            context = nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=visible, dropout_p=dropout
            )  # (B, H, L, K), the weights never stored
        return self.output(join_heads(context)), weights if output_attentions else None  # (B, L, D)

    def _check(self, hidden_states: Tensor, visible: Tensor | None) -> None:
        width = self.query.in_features
        if hidden_states.dim() != 3 or hidden_states.shape[-1] != width:
            raise ValueError(
                f"hidden_states has shape {tuple(hidden_states.shape)}: expected (batch, length, {width})."
            )
        if visible is None:
            return
        if visible.dim() != 4:
            raise ValueError(
                f"visible has shape {tuple(visible.shape)}: expected (batch, 1, 1, length); "
                "padding_mask(attention_mask) makes it."
            )
        batch, length, _ = hidden_states.shape
        _check_mask(visible, (batch, self.num_attention_heads, length, length))


def _formula_is_faster(hidden_states: Tensor) -> bool:
    """PyTorch's fused kernel is the faster one, but for bf16 gradients on a CPU: there it takes 3 times as long."""
    return torch.is_grad_enabled() and hidden_states.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def _check_shapes(query: Tensor, key: Tensor, visible: Tensor | None) -> None:
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"Queries are {query.shape[-1]} wide and keys {key.shape[-1]}: expected the same width.")
    if visible is not None:
        batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        _check_mask(visible, (*batch, query.shape[-2], key.shape[-2]))


def _check_mask(visible: Tensor, scores: tuple[int, ...]) -> None:
    """A mask of numbers would be added to the scores by PyTorch: a quiet mistake, so it is refused."""
    if visible.dtype != torch.bool:
        raise ValueError(
            f"visible holds {visible.dtype}: expected bool, True where a key may be seen. "
            "Of a mask of zeros and ones, `mask.bool()` makes one."
        )
    given = (1,) * (len(scores) - visible.dim()) + tuple(visible.shape)
    if len(given) > len(scores) or any(have not in (1, need) for have, need in zip(given, scores, strict=True)):
        raise ValueError(f"visible has shape {tuple(visible.shape)}: expected one that broadcasts to {scores}.")
