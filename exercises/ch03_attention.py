"""Chapter 3, attention: write it yourself, from the weights of one query to twelve heads with padding.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. The
package's own tests run on them: your attention must equal PyTorch's, forward and backward.

    minidistil check ch03                   what is right, what is not, and what it looks like
    minidistil hint ch03 1                  a hint for the first exercise that is not written yet
    minidistil hint ch03 2 split_heads      the second hint for that one

The point is to write the formulas: leave `torch.nn.functional.scaled_dot_product_attention` and
`nn.MultiheadAttention` for when they pass.

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H width of a head.
"""

import math

import torch
from torch import Tensor, nn


def attention_weights(query: Tensor, key: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(K)): how much each query takes of each key.

    Args:
        query, key: (..., L, K); the number of queries and of keys may differ.
        visible: bool, broadcast to (..., L, L), False where a key must not be seen. Every query
            sees one key at least.

    Returns:
        (..., L, L), a row for each query; each row sums to 1, hidden keys have 0.

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
    """softmax(Q K^T / sqrt(K)) V: for each query the mean of all values, weighted by its weights.

    Args:
        query, key, value: (..., L, K); there are as many values as keys.
        visible: as in `attention_weights`, which you may call: yours.

    Returns:
        The output (..., L, K) and the weights (..., L, L).

    >>> query, keys = torch.zeros(1, 4), torch.eye(4)
    >>> values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
    >>> scaled_dot_product_attention(query, keys, values)
    (tensor([[ 2.5000, 25.0000]]), tensor([[0.2500, 0.2500, 0.2500, 0.2500]]))
    """
    raise NotImplementedError


def split_heads(states: Tensor, num_attention_heads: int) -> Tensor:
    """(B, L, D) -> (B, H, L, K): head h has features h K to (h + 1) K of every token.

    >>> split_heads(torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2).tolist()
    [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]
    """
    raise NotImplementedError


def join_heads(heads: Tensor) -> Tensor:
    """(B, H, L, K) -> (B, L, D): the way back, the heads' features side by side in each token.

    >>> join_heads(torch.tensor([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])).tolist()
    [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    """
    raise NotImplementedError


def padding_mask(attention_mask: Tensor) -> Tensor:
    """Which keys may be seen: (B, L), 1 at real tokens and 0 at padding -> (B, 1, 1, L) bool.

    The two ones stand for all heads and all queries.

    Args:
        attention_mask: of any type: integers, floats or bool.

    >>> padding_mask(torch.tensor([[1, 1, 0]]))
    tensor([[[[ True,  True, False]]]])
    """
    raise NotImplementedError


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own K of the D features, then mixed by one projection.

    Official weights are loaded into it by name, so the four layers are called `query`, `key`,
    `value` and `output`: each an `nn.Linear` from D to D, with a bias.

    - The first three project the hidden states; each result is split into heads.
    - Each head attends for itself; the heads are joined, and `output` mixes them.
    - In training, dropout (`nn.functional.dropout`) falls on the weights after the softmax.

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
        """(B, L, D) -> (B, L, D) and, if asked for, the weights (B, H, L, L) as they are before dropout.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, True at real tokens; None where all are.
            output_attentions: whether to return the weights; else None stands in their place.
        """
        raise NotImplementedError
