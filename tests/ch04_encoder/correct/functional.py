"""Written another way: small functions put together, products of matrices spelt out, early returns."""
# ruff: noqa: F403, F405

import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from minidistil.ch03_attention.attention import padding_mask
from minidistil.ch04_encoder.encoder import ModelOutput, check_input, initialize
from tests.ch04_encoder.correct.base import *


def layer_norm(hidden_states, weight, bias, eps):
    width = hidden_states.shape[-1]
    centred = hidden_states - torch.einsum("...d->...", hidden_states)[..., None] / width
    variance = torch.einsum("...d,...d->...", centred, centred)[..., None] / width
    return torch.einsum("...d,d->...d", centred * (variance + eps).pow(-0.5), weight) + bias


def gelu(x):
    return (x + x * (x * math.sqrt(0.5)).erf()) / 2


class Embeddings(Embeddings):
    def forward(self, input_ids, token_type_ids=None):
        summed = self.word.weight[input_ids]
        summed = summed + self.position.weight.narrow(0, 0, input_ids.shape[1])
        if self.token_type is None:
            return self.dropout(self.norm(summed))
        types = 0 if token_type_ids is None else token_type_ids
        return self.dropout(self.norm(summed + self.token_type.weight[types]))


def _residual(branch, dropout, norm, hidden_states):
    return norm(torch.add(hidden_states, dropout(branch(hidden_states))))


class Block(Block):
    def feed(self, hidden_states):
        inner = functional.gelu(torch.matmul(hidden_states, self.expand.weight.t()) + self.expand.bias)
        return torch.matmul(inner, self.contract.weight.t()) + self.contract.bias

    def forward(self, hidden_states, visible=None, output_attentions=False):
        seen = []

        def attend(states):
            attended, weights = self.attention(states, visible, output_attentions)
            seen.append(weights)
            return attended

        first = partial(_residual, attend, self.attended_dropout, self.attention_norm)
        second = partial(_residual, self.feed, self.fed_dropout, self.output_norm)
        return second(first(hidden_states)), seen.pop()


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(map(Block, [config] * config.num_hidden_layers))
        self.apply(partial(initialize, std=config.initializer_range))

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, output_attentions=False
    ):
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = padding_mask(attention_mask) if attention_mask is not None else None
        output = ModelOutput(self.embeddings(input_ids, token_type_ids))
        if output_hidden_states:
            output.hidden_states = (output.last_hidden_state,)
        if output_attentions:
            output.attentions = ()
        for layer in self.layers:
            output.last_hidden_state, weights = layer(output.last_hidden_state, visible, output_attentions)
            if output_hidden_states:
                output.hidden_states += (output.last_hidden_state,)
            if output_attentions:
                output.attentions += (weights,)
        return output
