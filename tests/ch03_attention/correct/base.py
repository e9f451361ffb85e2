"""A whole solution, written differently from the package: products of three dimensions, a mask of finite numbers."""

import math

import torch
from torch import nn


def attention_weights(query, key, visible=None):
    scores = torch.matmul(query, torch.swapaxes(key, -1, -2))
    scores = scores.div(math.sqrt(query.size(-1)))
    if visible is not None:
        scores = scores.masked_fill(mask=visible == 0, value=torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1)


def scaled_dot_product_attention(query, key, value, visible=None):
    weights = attention_weights(query, key, visible)
    return torch.matmul(weights, value), weights


def split_heads(states, num_attention_heads):
    batch, length, _ = states.shape
    return torch.einsum("blhk->bhlk", states.reshape(batch, length, num_attention_heads, -1))


def join_heads(heads):
    batch, _, length, _ = heads.shape
    return torch.swapaxes(heads, 1, 2).reshape(batch, length, -1)


def padding_mask(attention_mask):
    return torch.gt(attention_mask, 0)[:, None, None]


class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.hidden_size, self.num_heads, self.dropout_p = hidden_size, num_attention_heads, dropout
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, hidden_states, visible=None, output_attentions=False):
        batch, length, _ = hidden_states.shape
        flat = (batch * self.num_heads, length, self.hidden_size // self.num_heads)
        query = split_heads(self.query(hidden_states), self.num_heads).reshape(flat)
        key = split_heads(self.key(hidden_states), self.num_heads).reshape(flat)
        value = split_heads(self.value(hidden_states), self.num_heads).reshape(flat)
        scores = torch.bmm(query / math.sqrt(flat[-1]), key.transpose(1, 2))
        if visible is not None:
            seen = visible.expand(batch, self.num_heads, length, length).reshape(-1, length, length)
            scores = scores.masked_fill(~seen, -torch.inf)
        weights = scores.softmax(-1)
        dropped = nn.functional.dropout(weights, p=self.dropout_p, training=self.training)
        context = torch.bmm(dropped, value).view(batch, self.num_heads, length, -1)
        returned = weights.view(batch, self.num_heads, length, length) if output_attentions else None
        return self.output(join_heads(context)), returned
