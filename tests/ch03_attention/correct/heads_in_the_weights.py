"""Written another way: the matrices are split into heads, the states never are."""
# ruff: noqa: F403

import torch
from torch import einsum, nn
from torch.nn import functional

from tests.ch03_attention.correct.base import *


def attention_weights(query, key, visible=None):
    scores = (query.unsqueeze(-2) * key.unsqueeze(-3)).sum(-1) / query.shape[-1] ** 0.5
    if visible is None:
        visible = torch.ones_like(scores, dtype=torch.bool)
    scores = scores - scores.masked_fill(~visible, -torch.inf).amax(-1, keepdim=True).detach()
    powers = scores.masked_fill(~visible, -torch.inf).exp()
    return functional.normalize(powers, p=1, dim=-1)


def scaled_dot_product_attention(query, key, value, visible=None):
    weights = attention_weights(query, key, visible)
    return (weights.unsqueeze(-1) * value.unsqueeze(-3)).sum(-2), weights


def split_heads(states, num_attention_heads):
    return torch.stack(states.tensor_split(num_attention_heads, dim=-1)).movedim(0, 1)


def join_heads(heads):
    return torch.hstack([each.mT for each in heads.unbind(1)]).mT


def padding_mask(attention_mask):
    batch, length = attention_mask.shape
    return attention_mask.to(torch.bool).view(batch, 1, 1, length)


class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.heads = num_attention_heads
        self.query, self.key = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.value, self.output = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def project(self, layer, states):
        weight = layer.weight.unflatten(0, (self.heads, -1))  # (H, K, D)
        return einsum("bld,hkd->bhlk", states, weight) + layer.bias.unflatten(0, (self.heads, 1, -1))

    def forward(self, hidden_states, visible=None, output_attentions=False):
        query, key, value = (self.project(layer, hidden_states) for layer in (self.query, self.key, self.value))
        weights = attention_weights(query, key, visible)
        context = einsum("bhqs,bhsk->bhqk", self.dropout(weights), value)
        mixed = einsum("bhqk,dhk->bqd", context, self.output.weight.unflatten(1, (self.heads, -1)))
        return mixed + self.output.bias, [None, weights][output_attentions]
