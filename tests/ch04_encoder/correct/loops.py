"""Written another way: one token after the other."""
# ruff: noqa: F403, F405

import torch

from tests.ch04_encoder.correct.base import *


def layer_norm(hidden_states, weight, bias, eps):
    if hidden_states.dim() > 1:
        return torch.stack([layer_norm(each, weight, bias, eps) for each in hidden_states])
    mean = sum(hidden_states) / len(hidden_states)
    variance = sum((feature - mean) ** 2 for feature in hidden_states) / len(hidden_states)
    normalized = [(feature - mean) / (variance + eps) ** 0.5 for feature in hidden_states]
    return torch.stack([feature * scale + shift for feature, scale, shift in zip(normalized, weight, bias)])


def gelu(x):
    return 0.5 * x * torch.erfc(-x * 0.5**0.5)


class Embeddings(Embeddings):
    def forward(self, input_ids, token_type_ids=None):
        columns = []
        for place in range(input_ids.shape[1]):
            column = self.word(input_ids[:, place]) + self.position(torch.tensor(place))
            if self.token_type:
                kinds = input_ids[:, place] * 0 if token_type_ids is None else token_type_ids[:, place]
                column += self.token_type(kinds)
            columns.append(self.norm(column))
        return self.dropout(torch.stack(columns, dim=1))


class Block(Block):
    def _feed_forward(self, token):
        return self.output_norm(token + self.fed_dropout(self.contract(gelu(self.expand(token)))))

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        middle = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return torch.stack([self._feed_forward(token) for token in middle.unbind(1)], dim=1), weights
