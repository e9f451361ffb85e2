"""A whole solution, written differently from the package: more of PyTorch's own functions."""

import torch
from torch import nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import ModelOutput, check_input, initialize


def layer_norm(hidden_states, weight, bias, eps):
    variance, mean = torch.var_mean(hidden_states, dim=-1, correction=0, keepdim=True)
    return torch.addcmul(bias, (hidden_states - mean) * torch.rsqrt(variance + eps), weight)


def gelu(x):
    return x * torch.special.ndtr(x)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids, token_type_ids=None):
        position_ids = torch.arange(input_ids.size(1), device=input_ids.device).expand_as(input_ids)
        summed = self.word(input_ids) + nn.functional.embedding(position_ids, self.position.weight)
        if self.token_type is not None:
            if token_type_ids is None:
                summed = summed + self.token_type.weight[0]
            else:
                summed = summed + nn.functional.embedding(token_type_ids, self.token_type.weight)
        return nn.functional.dropout(self.norm(summed), self.dropout.p, self.training)


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

    def forward(self, hidden_states, visible=None, output_attentions=False):
        branch, weights = self.attention(hidden_states, visible, output_attentions)
        middle = self.attention_norm(self.attended_dropout(branch) + hidden_states)
        branch = self.contract(nn.functional.gelu(self.expand(middle)))
        return self.output_norm(self.fed_dropout(branch) + middle), weights


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(*(Block(config) for _ in range(config.num_hidden_layers)))
        self.embeddings = Embeddings(config)
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, output_attentions=False
    ):
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = None
        if attention_mask is not None:
            visible = attention_mask.ne(0).unsqueeze(1).unsqueeze(1)
        states = (self.embeddings(input_ids, token_type_ids),)
        attentions = ()
        for layer in self.layers:
            state, weights = layer(states[-1], visible, output_attentions)
            states += (state,)
            attentions += (weights,)
        return ModelOutput(
            last_hidden_state=states[-1],
            hidden_states=states if output_hidden_states else None,
            attentions=attentions if output_attentions else None,
        )


def count_parameters(config):
    width, layers = config.hidden_size, range(config.num_hidden_layers)
    tables = {
        "word embeddings": config.vocab_size,
        "position embeddings": config.max_position_embeddings,
        "token-type embeddings": config.type_vocab_size,
    }
    counts = {name: rows * width for name, rows in tables.items()}
    counts["attention"] = sum(4 * width * (width + 1) for _ in layers)
    counts["feed-forward"] = sum((width + 1) * config.intermediate_size for _ in layers)
    counts["feed-forward"] += sum((config.intermediate_size + 1) * width for _ in layers)
    counts["layer norms"] = 2 * width * (1 + 2 * len(layers))
    return counts
