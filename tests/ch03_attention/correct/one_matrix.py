"""Written another way: one matrix for the three projections, a softmax through logarithms."""
# ruff: noqa: F403

import torch
from torch import nn
from torch.nn import functional

from tests.ch03_attention.correct.base import *


def attention_weights(query, key, visible=None):
    scale = query.shape[-1] ** -0.25  # half of the division on either side
    scores = torch.inner(query * scale, key * scale) if query.dim() == 2 else (query * scale) @ (key * scale).mT
    if visible is not None:
        scores = torch.where(visible, scores, -torch.inf)
    return (scores - scores.logsumexp(-1, keepdim=True)).exp()


def split_heads(states, num_attention_heads):
    batch, length, width = states.shape
    return states.view(batch, length, num_attention_heads, width // num_attention_heads).permute(0, 2, 1, 3)


def join_heads(heads):
    batch, number, length, width = heads.shape
    return heads.permute(0, 2, 1, 3).contiguous().view(batch, length, number * width)


def padding_mask(attention_mask):
    return attention_mask.unsqueeze(1).unsqueeze(1) != 0


class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.heads, self.probability = num_attention_heads, dropout

    def forward(self, hidden_states, visible=None, output_attentions=False):
        layers = self.query, self.key, self.value
        weight, bias = (torch.cat([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
        projected = functional.linear(hidden_states, weight, bias).chunk(3, dim=-1)
        query, key, value = (split_heads(each, self.heads) for each in projected)
        weights = attention_weights(query, key, visible)
        kept = functional.dropout(weights, self.probability, training=self.training)
        return self.output(join_heads(kept.matmul(value))), (weights if output_attentions else None)
