"""Written another way: what is asked for is gathered, what does not count is masked."""
# ruff: noqa: F403, F405

import torch
import torch.nn.functional as F

from tests.ch05_weights.correct.base import *


class MaskedLMHead(MaskedLMHead):
    def forward(self, hidden_states):
        features = self.norm(F.gelu(self.transform(hidden_states)))
        return torch.tensordot(features, self.word.weight, dims=([-1], [-1])) + self.bias


class SequenceClassifierHead(SequenceClassifierHead):
    def forward(self, hidden_states):
        dense = self.dense(hidden_states)[:, 0, :]
        activated = torch.where(torch.tensor(self.is_bert), torch.tanh(dense), torch.relu(dense))
        return self.classifier(self.dropout(activated))


def sequence_loss(logits, labels):
    if logits.shape[1] == 1:
        return (logits - labels.view_as(logits)).pow(2).mean()
    if labels.dim() == 2:
        return (F.softplus(logits) - labels * logits).mean()
    return -logits.log_softmax(dim=1).gather(1, labels[:, None]).mean()


def answer_loss(start_logits, end_logits, start_positions, end_positions):
    last = start_logits.shape[-1] - 1

    def mean_loss(logits, positions):
        inside = positions <= last
        right = logits.log_softmax(dim=-1).gather(1, positions.clamp(max=last).unsqueeze(1)).squeeze(1)
        return -(right * inside).sum() / inside.sum()

    return torch.stack([mean_loss(start_logits, start_positions), mean_loss(end_logits, end_positions)]).mean()


def mean_pooling(hidden_states, attention_mask=None):
    if attention_mask is None:
        return torch.mean(hidden_states, dim=1)
    padding = attention_mask.unsqueeze(-1) == 0
    return hidden_states.masked_fill(padding, 0.0).sum(dim=1) / (~padding).sum(dim=1)


def mask_probabilities(model, input_ids, attention_mask, mask_token_id):
    states = model.encoder(input_ids, attention_mask).last_hidden_state.flatten(0, 1)
    places = (input_ids.flatten() == mask_token_id).nonzero().squeeze(1)
    return F.softmax(model.head(states.index_select(0, places)), dim=-1)
