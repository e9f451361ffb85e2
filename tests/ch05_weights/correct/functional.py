"""Written another way: PyTorch's functions on the modules' weights, regular expressions, masked selections."""
# ruff: noqa: F403, F405

import re

import torch
import torch.nn.functional as F

from tests.ch05_weights.correct.base import *


class MaskedLMHead(MaskedLMHead):
    def forward(self, hidden_states):
        transform, norm = self.transform, self.norm
        features = F.gelu(F.linear(hidden_states, transform.weight, transform.bias))
        normed = F.layer_norm(features, features.shape[-1:], norm.weight, norm.bias, norm.eps)
        return F.linear(normed, self.word.weight, self.bias)


class SequenceClassifierHead(SequenceClassifierHead):
    def forward(self, hidden_states):
        activation = (F.relu, F.tanh)[self.is_bert]
        features = activation(self.dense(hidden_states.select(1, 0)))
        return self.classifier(F.dropout(features, self.dropout.p, self.training))


def sequence_loss(logits, labels):
    if logits.size(-1) == 1:
        return F.mse_loss(logits.squeeze(-1), labels.float())
    if labels.dtype in (torch.int64, torch.int32):
        return F.nll_loss(logits.log_softmax(-1), labels.long())
    return F.binary_cross_entropy(logits.sigmoid(), labels)


def answer_loss(start_logits, end_logits, start_positions, end_positions):
    def half(logits, positions):
        there = positions < logits.size(1)
        return F.cross_entropy(logits[there], positions[there])

    return 0.5 * half(start_logits, start_positions) + 0.5 * half(end_logits, end_positions)


def mean_pooling(hidden_states, attention_mask=None):
    if attention_mask is None:
        attention_mask = torch.ones(hidden_states.shape[:-1], device=hidden_states.device)
    weights = F.normalize(attention_mask.to(hidden_states), p=1, dim=-1)
    return torch.einsum("bl,bld->bd", weights, hidden_states)


RULES = {
    "bert": [
        (r"^layers\.", "encoder.layer."),
        (r"(word|position|token_type)(\.weight)$", r"\1_embeddings\2"),
        (r"^embeddings\.norm", "embeddings.LayerNorm"),
        (r"attention\.(query|key|value)", r"attention.self.\1"),
        (r"attention\.output\.(?=\w+$)", "attention.output.dense."),
        (r"attention_norm", "attention.output.LayerNorm"),
        (r"output_norm", "output.LayerNorm"),
        (r"expand", "intermediate.dense"),
        (r"contract", "output.dense"),
        (r"^head\.transform", "cls.predictions.transform.dense"),
        (r"^head\.norm", "cls.predictions.transform.LayerNorm"),
        (r"^head\.bias", "cls.predictions.bias"),
        (r"^head\.dense", "pooler.dense"),
        (r"^head\.classifier", "classifier"),
    ],
    "distilbert": [
        (r"^layers\.", "transformer.layer."),
        (r"(word|position)(\.weight)$", r"\1_embeddings\2"),
        (r"^embeddings\.norm", "embeddings.LayerNorm"),
        (r"attention\.(q|k|v)\w+", r"attention.\1_lin"),
        (r"attention\.output", "attention.out_lin"),
        (r"attention_norm", "sa_layer_norm"),
        (r"output_norm", "output_layer_norm"),
        (r"expand", "ffn.lin1"),
        (r"contract", "ffn.lin2"),
        (r"^head\.transform", "vocab_transform"),
        (r"^head\.norm", "vocab_layer_norm"),
        (r"^head\.bias", "vocab_projector.bias"),
        (r"^head\.dense", "pre_classifier"),
        (r"^head\.classifier", "classifier"),
    ],
}


def their_name(ours, model_type, prefix=True):
    name = re.sub(r"^encoder\.", "", ours)
    inside = name != ours or (model_type == "bert" and ours.startswith("head.dense"))
    for pattern, replacement in RULES[model_type]:
        name = re.sub(pattern, replacement, name)
    return f"{model_type}.{name}" if prefix and inside else name
