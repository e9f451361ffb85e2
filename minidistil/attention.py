"""Chapter 3. Attention: every token asks all others, and takes in a weighted mean of their answers.

Reference: Vaswani et al. (2017), "Attention Is All You Need", section 3.2, equation 1.

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H width of a head.
"""

import math

import torch
from torch import Tensor, nn


def attention_weights(query: Tensor, key: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(K)): how much each query takes of each key.

    Args:
        query, key: (..., L, K).
        visible: bool, broadcast to (..., L, L), False where a key must not be seen; every
            query must see one key at least.

    Returns:
        (..., L, L); each row sums to 1.
    """
    scores = query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)  # (..., L, L)
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return scores.softmax(dim=-1)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(K)) V; returns the output (..., L, K) and the weights (..., L, L)."""
    weights = attention_weights(query, key, visible)
    return weights @ value, weights


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own K of the D features, then mixed by one projection."""

    def __init__(self, hidden_size: int, num_attention_heads: int, dropout: float):
        super().__init__()
        self.num_attention_heads = num_attention_heads
        self.dropout = dropout
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the weights (B, H, L, L).

        Args:
            visible: (B, 1, 1, L) bool, True at real tokens; None where all are.
        """
        query, key, value = (
            project(hidden_states).unflatten(-1, (self.num_attention_heads, -1)).transpose(1, 2)  # (B, H, L, K)
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
        return self.output(context.transpose(1, 2).flatten(2)), weights if output_attentions else None  # (B, L, D)


def _formula_is_faster(hidden_states: Tensor) -> bool:
    """PyTorch's fused kernel is the faster one, but for bf16 gradients on a CPU: there it takes 3 times as long."""
    return torch.is_grad_enabled() and hidden_states.device.type == "cpu" and torch.is_autocast_enabled("cpu")
