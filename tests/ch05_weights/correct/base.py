"""A whole solution: matrix products, one-hot labels, logarithms of softmaxes."""

import torch
from torch import nn

from minidistil.ch04_encoder.encoder import gelu, initialize
from minidistil.ch05_weights.weights import model_type


class MaskedLMHead(nn.Module):
    def __init__(self, config, word):
        super().__init__()
        self.transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word

    def forward(self, hidden_states):
        features = gelu(hidden_states @ self.transform.weight.mT + self.transform.bias)
        return torch.einsum("...d,vd->...v", self.norm(features), self.word.weight) + self.bias


class SequenceClassifierHead(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.is_bert = model_type(config) == "bert"
        default = config.dropout if self.is_bert else 0.2
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(default if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden_states):
        cls = hidden_states.select(dim=1, index=0)
        layers = (self.dense, nn.Tanh() if self.is_bert else nn.ReLU(), self.dropout, self.classifier)
        for layer in layers:
            cls = layer(cls)
        return cls


def sequence_loss(logits, labels):
    texts, classes = logits.shape
    if classes == 1:
        errors = logits.reshape(texts) - labels.reshape(texts)
        return errors @ errors / texts
    if not labels.is_floating_point():
        return -(nn.functional.one_hot(labels, classes) * logits.log_softmax(1)).sum() / texts
    return -(labels * nn.functional.logsigmoid(logits) + (1 - labels) * nn.functional.logsigmoid(-logits)).mean()


def answer_loss(start_logits, end_logits, start_positions, end_positions):
    length = start_logits.shape[1]
    surprise = -torch.stack([start_logits, end_logits]).log_softmax(-1)  # (2, B, L)
    positions = torch.stack([start_positions, end_positions])  # (2, B)
    right = nn.functional.one_hot(positions.clamp(max=length), length + 1)[
        ..., :length
    ]  # nothing where the answer was cut off
    return ((surprise * right).sum((1, 2)) / right.sum((1, 2))).mean()


def mean_pooling(hidden_states, attention_mask=None):
    batch, length, _ = hidden_states.shape
    mask = hidden_states.new_ones(batch, 1, length)
    if attention_mask is not None:
        mask = mask * attention_mask.reshape(batch, 1, length)
    return ((mask @ hidden_states) / mask.sum(-1, keepdim=True)).squeeze(1)


def their_name(ours, model_type, prefix=True):
    stacks = {"bert": "encoder", "distilbert": "transformer"}
    tables = {
        "bert": """
        embeddings.word=embeddings.word_embeddings embeddings.position=embeddings.position_embeddings
        embeddings.token_type=embeddings.token_type_embeddings embeddings.norm=embeddings.LayerNorm
        attention.query=attention.self.query attention.key=attention.self.key attention.value=attention.self.value
        attention.output=attention.output.dense attention_norm=attention.output.LayerNorm expand=intermediate.dense
        contract=output.dense output_norm=output.LayerNorm head.transform=cls.predictions.transform.dense
        head.norm=cls.predictions.transform.LayerNorm head=cls.predictions head.dense=bert.pooler.dense
        head.classifier=classifier
        """,
        "distilbert": """
        embeddings.word=embeddings.word_embeddings embeddings.position=embeddings.position_embeddings
        embeddings.norm=embeddings.LayerNorm attention.query=attention.q_lin attention.key=attention.k_lin
        attention.value=attention.v_lin attention.output=attention.out_lin attention_norm=sa_layer_norm expand=ffn.lin1
        contract=ffn.lin2 output_norm=output_layer_norm head.transform=vocab_transform head.norm=vocab_layer_norm
        head=vocab_projector head.dense=pre_classifier head.classifier=classifier
        """,
    }
    stack, table = stacks[model_type], dict(pair.split("=") for pair in tables[model_type].split())
    front = ""
    if ours.startswith("encoder."):
        ours, front = ours[len("encoder.") :], model_type + "."
    if ours.startswith("layers."):
        _, number, ours = ours.split(".", 2)
        front += f"{stack}.layer.{number}."
    module, _, kind = ours.rpartition(".")
    name = f"{front}{table.get(module, module)}.{kind}"
    return name if prefix else name.removeprefix(model_type + ".")


def mask_probabilities(model, input_ids, attention_mask, mask_token_id):
    states = model.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
    texts, places = torch.where(input_ids == mask_token_id)
    return model.head(states[texts, places]).log_softmax(dim=-1).exp()
