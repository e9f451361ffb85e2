"""Written another way: layers accumulated by itertools, sizes as lists of shapes, a distribution object."""
# ruff: noqa: F403, F405

import itertools
import math

import torch
from torch import nn

from minidistil.ch04_encoder.encoder import ModelOutput, check_input, initialize
from tests.ch04_encoder.correct.base import *


def layer_norm(hidden_states, weight, bias, eps):
    mean = hidden_states.mean(dim=-1, keepdim=True)
    variance = hidden_states.var(dim=-1, keepdim=True, unbiased=False)
    return (hidden_states - mean).div((variance + eps).sqrt()).mul(weight).add(bias)


def gelu(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


class Embeddings(Embeddings):
    def forward(self, input_ids, token_type_ids=None):
        rows = [self.word(input_ids), self.position(torch.arange(input_ids.shape[1])).expand(len(input_ids), -1, -1)]
        if self.token_type is not None:
            rows.append(
                self.token_type(input_ids.new_zeros(input_ids.shape) if token_type_ids is None else token_type_ids)
            )
        return self.dropout(self.norm(torch.stack(rows).sum(0)))


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.embeddings, self.layers = config, Embeddings(config), nn.ModuleList()
        for _ in range(config.num_hidden_layers):
            self.layers.append(Block(config))
        for module in self.modules():
            initialize(module, config.initializer_range)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, output_attentions=False
    ):
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = None if attention_mask is None else attention_mask.view(len(input_ids), 1, 1, -1) == 1
        begin = (self.embeddings(input_ids, token_type_ids), None)
        steps = itertools.accumulate(
            self.layers, lambda state, layer: layer(state[0], visible, output_attentions), initial=begin
        )
        states, (_, *attentions) = zip(*steps)
        return ModelOutput(
            states[-1],
            hidden_states=states if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


def count_parameters(config):
    d, i, n = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    shapes = {
        "word embeddings": [(config.vocab_size, d)],
        "position embeddings": [(config.max_position_embeddings, d)],
        "token-type embeddings": [(config.type_vocab_size, d)],
        "attention": [(d, d), (d,)] * 4 * n,
        "feed-forward": [(i, d), (i,), (d, i), (d,)] * n,
        "layer norms": [(d,), (d,)] * (1 + 2 * n),
    }
    return {name: sum(map(math.prod, each)) for name, each in shapes.items()}
