"""Chapter 3, attention: write it yourself, from the weights of one query to twelve heads with padding.

Replace each `raise NotImplementedError` with your code; keep the names and the arguments. The package's own
tests check your code: the outputs and gradients must equal those of PyTorch's attention.

    minidistil check ch03                   what is right, what is wrong, and which known mistake it is
    minidistil hint ch03 1                  a hint for the first exercise that is not written yet
    minidistil hint ch03 2 split_heads      the second hint for that one

Write the formulas yourself: do not use `torch.nn.functional.scaled_dot_product_attention` or
`nn.MultiheadAttention`.

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H width of a head.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attention_weights(query: Tensor, key: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(K)): how much each query takes from each key.

    Args:
        query, key: (..., L, K); the number of queries and of keys may differ.
        visible: bool, broadcast to (..., L, L), False where a key is hidden. At least one key is
            visible to each query.

    Returns:
        (..., L, L), a row for each query; each row sums to 1, the weights of hidden keys are 0. That holds
        for scores of any size.

    >>> query, keys = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.eye(4)[:2]
    >>> [round(weight, 3) for weight in attention_weights(query, keys)[0].tolist()]
    [0.731, 0.269]
    >>> attention_weights(query, keys, torch.tensor([False, True]))
    tensor([[0., 1.]])
    """
    raise NotImplementedError


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(K)) V: for each query the mean of all values, weighted by the attention weights.

    Args:
        query, key, value: (..., L, K); there are as many values as keys.
        visible: as in `attention_weights`; you may call your own.

    Returns:
        The output (..., L, K) and the weights (..., L, L).

    >>> query, keys = torch.zeros(1, 4), torch.eye(4)
    >>> values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
    >>> scaled_dot_product_attention(query, keys, values)
    (tensor([[ 2.5000, 25.0000]]), tensor([[0.2500, 0.2500, 0.2500, 0.2500]]))
    """
    raise NotImplementedError


def padding_mask(attention_mask: Tensor) -> Tensor:
    """Which keys are visible: (B, L), 1 at real tokens and 0 at padding -> (B, 1, 1, L) bool.

    The two dimensions of 1 broadcast over heads and queries.

    Args:
        attention_mask: integers, floats or bool.

    >>> padding_mask(torch.tensor([[1, 1, 0]]))
    tensor([[[[ True,  True, False]]]])
    """
    raise NotImplementedError


def split_heads(states: Tensor, num_attention_heads: int) -> Tensor:
    """(B, L, D) -> (B, H, L, K): head h has features h K to (h + 1) K of every token.

    >>> split_heads(torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2).tolist()
    [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]
    """
    raise NotImplementedError


def join_heads(heads: Tensor) -> Tensor:
    """(B, H, L, K) -> (B, L, D): the inverse of `split_heads`; the features of the heads side by side.

    >>> join_heads(torch.tensor([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])).tolist()
    [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    """
    raise NotImplementedError


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own K of the D features, then mixed by one linear layer.

    Official weights are loaded into it by name, so the four layers must be called `query`, `key`,
    `value` and `output`: each an `nn.Linear` from D to D, with a bias.

    - The first three project the hidden states; each result is split into heads.
    - Each head computes its attention; the heads are joined, and `output` mixes them.
    - In training, dropout (`nn.functional.dropout`) is applied to the weights after the softmax, and
      to nothing else.

    >>> attention = MultiHeadAttention(8, num_attention_heads=2, dropout=0.0)
    >>> output, weights = attention(torch.ones(1, 3, 8), output_attentions=True)
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 8]), torch.Size([1, 2, 3, 3]))
    >>> attention(torch.ones(1, 3, 8))[1] is None
    True
    """

    def __init__(self, hidden_size: int, num_attention_heads: int, dropout: float):
        raise NotImplementedError

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the weights (B, H, L, L) before dropout.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, True at real tokens; None if all tokens are real.
            output_attentions: whether to return the weights; otherwise return None instead.
        """
        raise NotImplementedError
