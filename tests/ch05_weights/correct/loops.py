"""Written another way: one token, one text, one mask after the other."""

import math

import torch
from torch import nn

from minidistil.ch04_encoder.encoder import gelu, initialize
from minidistil.ch05_weights.weights import model_type as type_of


class MaskedLMHead(nn.Module):
    def __init__(self, config, word):
        super().__init__()
        self.transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word

    def forward(self, hidden_states):
        if hidden_states.dim() > 1:
            return torch.stack([self.forward(each) for each in hidden_states])
        return torch.mv(self.word.weight, self.norm(gelu(self.transform(hidden_states)))) + self.bias


class SequenceClassifierHead(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.is_bert = type_of(config) == "bert"
        default = config.dropout if self.is_bert else 0.2
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(default if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden_states):
        scores = []
        for text in hidden_states:
            features = self.dense(text[0])
            features = torch.tanh(features) if self.is_bert else features.clamp(min=0)
            scores.append(self.classifier(self.dropout(features)))
        return torch.stack(scores)


def _log_of_sum(scores):
    highest = scores.max()
    return highest + (scores - highest).exp().sum().log()


def sequence_loss(logits, labels):
    losses = []
    for scores, label in zip(logits, labels):
        if len(scores) == 1:
            losses.append((scores[0] - label) ** 2)
        elif label.dim() == 0:
            losses.append(_log_of_sum(scores) - scores[label])
        else:
            for score, applies in zip(scores, label):
                losses.append(nn.functional.softplus(score) - applies * score)
    return sum(losses) / len(losses)


def answer_loss(start_logits, end_logits, start_positions, end_positions):
    total = 0
    for logits, positions in [(start_logits, start_positions), (end_logits, end_positions)]:
        losses = [
            _log_of_sum(scores) - scores[position]
            for scores, position in zip(logits, positions.tolist())
            if position < len(scores)
        ]
        total = total + sum(losses) / len(losses)
    return total / 2


def mean_pooling(hidden_states, attention_mask=None):
    pooled = []
    for number, text in enumerate(hidden_states):
        real = [token for place, token in enumerate(text) if attention_mask is None or attention_mask[number][place]]
        pooled.append(sum(real) / len(real))
    return torch.stack(pooled)


BLOCK = {
    "attention.query": ("attention.self.query", "attention.q_lin"),
    "attention.key": ("attention.self.key", "attention.k_lin"),
    "attention.value": ("attention.self.value", "attention.v_lin"),
    "attention.output": ("attention.output.dense", "attention.out_lin"),
    "attention_norm": ("attention.output.LayerNorm", "sa_layer_norm"),
    "expand": ("intermediate.dense", "ffn.lin1"),
    "contract": ("output.dense", "ffn.lin2"),
    "output_norm": ("output.LayerNorm", "output_layer_norm"),
}
OTHER = {
    "embeddings.norm": ("embeddings.LayerNorm", "embeddings.LayerNorm"),
    "head.transform": ("cls.predictions.transform.dense", "vocab_transform"),
    "head.norm": ("cls.predictions.transform.LayerNorm", "vocab_layer_norm"),
    "head": ("cls.predictions", "vocab_projector"),
    "head.dense": ("pooler.dense", "pre_classifier"),
    "head.classifier": ("classifier", "classifier"),
}


def their_name(ours, model_type, prefix=True):
    which = 0 if model_type == "bert" else 1
    words = ours.split(".")
    inside = words[0] == "encoder"
    if inside:
        words = words[1:]
    kind = words.pop()
    if words[0] == "layers":
        middle = ["encoder", "transformer"][which] + ".layer." + words[1] + "." + BLOCK[".".join(words[2:])][which]
    elif words[0] == "embeddings" and words[1] != "norm":
        middle = "embeddings." + words[1] + "_embeddings"
    else:
        middle = ".".join(words)
        middle = OTHER.get(middle, (middle, middle))[which]
    if prefix and (inside or middle == "pooler.dense"):
        middle = model_type + "." + middle
    return middle + "." + kind


def mask_probabilities(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    rows = []
    for text, ids in zip(hidden, input_ids.tolist()):
        for place, token in enumerate(ids):
            if token == mask_token_id:
                powers = model.head(text[place])
                powers = (powers - powers.max()).exp()
                rows.append(powers / powers.sum())
    assert math.prod(rows[0].shape) == model.config.vocab_size
    return torch.stack(rows)
