"""Written another way: one token after the other."""

import torch
from torch import nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import ModelOutput, check_input, initialize


def layer_norm(hidden_states, weight, bias, eps):
    if hidden_states.dim() > 1:
        return torch.stack([layer_norm(each, weight, bias, eps) for each in hidden_states])
    mean = sum(hidden_states) / len(hidden_states)
    variance = sum((feature - mean) ** 2 for feature in hidden_states) / len(hidden_states)
    return torch.stack(
        [
            (feature - mean) / (variance + eps) ** 0.5 * scale + shift
            for feature, scale, shift in zip(hidden_states, weight, bias)
        ]
    )


def gelu(x):
    return 0.5 * x * torch.erfc(-x * 0.5**0.5)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids, token_type_ids=None):
        columns = []
        for place in range(input_ids.shape[1]):
            column = self.word(input_ids[:, place]) + self.position(torch.tensor(place))
            if self.token_type:
                kinds = input_ids[:, place] * 0 if token_type_ids is None else token_type_ids[:, place]
                column += self.token_type(kinds)
            columns.append(self.norm(column))
        return self.dropout(torch.stack(columns, dim=1))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = MultiHeadAttention(config.hidden_size, config.num_attention_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attended_dropout = nn.Dropout(config.dropout) if config.type_vocab_size else nn.Identity()
        self.fed_dropout = nn.Dropout(config.dropout)

    def _feed_forward(self, token):
        return self.output_norm(token + self.fed_dropout(self.contract(gelu(self.expand(token)))))

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        middle = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return torch.stack([self._feed_forward(token) for token in middle.unbind(1)], dim=1), weights


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList()
        for _ in range(config.num_hidden_layers):
            self.layers.append(Block(config))
        for module in self.modules():
            initialize(module, config.initializer_range)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, output_attentions=False
    ):
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = attention_mask
        if visible is not None:
            batch, length = visible.shape
            visible = (visible == 1).reshape(batch, 1, 1, length)
        hidden = self.embeddings(input_ids, token_type_ids)
        all_states, all_weights = [], []
        for number in range(len(self.layers)):
            all_states.append(hidden)
            hidden, weights = self.layers[number](hidden, visible, output_attentions)
            all_weights.append(weights)
        all_states.append(hidden)
        output = ModelOutput(hidden)
        if output_hidden_states:
            output.hidden_states = tuple(all_states)
        if output_attentions:
            output.attentions = tuple(all_weights)
        return output


def count_parameters(config):
    width, inner = config.hidden_size, config.intermediate_size
    attention = feed_forward = 0
    norms = width + width
    for _ in range(config.num_hidden_layers):
        for _ in ("query", "key", "value", "output"):
            attention += width * width + width
        feed_forward += width * inner + inner + inner * width + width
        norms += 4 * width
    return {
        "layer norms": norms,
        "feed-forward": feed_forward,
        "attention": attention,
        "token-type embeddings": width * config.type_vocab_size,
        "position embeddings": width * config.max_position_embeddings,
        "word embeddings": width * config.vocab_size,
    }
