"""Written another way: one token, one text, one mask after the other."""
# ruff: noqa: F403, F405

import torch
from torch import nn

from minidistil.ch04_encoder.encoder import gelu
from tests.ch05_weights.correct.base import *


class MaskedLMHead(MaskedLMHead):
    def forward(self, hidden_states):
        if hidden_states.dim() > 1:
            return torch.stack([self.forward(each) for each in hidden_states])
        return torch.mv(self.word.weight, self.norm(gelu(self.transform(hidden_states)))) + self.bias


class SequenceClassifierHead(SequenceClassifierHead):
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


def mask_probabilities(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    rows = []
    for text, ids in zip(hidden, input_ids.tolist()):
        for place, token in enumerate(ids):
            if token == mask_token_id:
                scores = model.head(text[place])
                powers = (scores - scores.max()).exp()
                rows.append(powers / powers.sum())
    return torch.stack(rows)
