"""A deep copy of the teacher, from which parts are removed."""
# ruff: noqa: F403, F405

import copy

import torch
from torch import nn

from tests.ch07_student.correct.base import *


def copied_names(names, layers):
    names = list(names)
    sources = {name: name for name in names if not name.startswith("encoder.layers.") and name != TOKEN_TYPE}
    for new, old in enumerate(layers):
        start = f"encoder.layers.{old}."  # the dot at the end keeps 1 and 10 apart
        for name in names:
            if name.startswith(start):
                sources[f"encoder.layers.{new}." + name[len(start) :]] = name
    return sources


def student_of(teacher, layers=None):
    count = teacher.config.num_hidden_layers
    layers = check_layers(default_layers(count), count) if layers is None else check_layers(layers, count)
    student = copy.deepcopy(teacher)
    student.encoder.layers = nn.ModuleList([student.encoder.layers[layer] for layer in layers])
    embeddings = student.encoder.embeddings
    if embeddings.token_type is not None:
        with torch.no_grad():
            embeddings.position.weight.add_(embeddings.token_type.weight[0])
        embeddings.token_type = None
    student.config = student.encoder.config = student_config(teacher.config, layers)
    student.zero_grad()
    return student.requires_grad_(True).eval()


def layer_cosines(student_states, teacher_states, attention_mask):
    mine, others = torch.stack(list(student_states)), torch.stack(list(teacher_states))
    if mine.shape[1:] != others.shape[1:]:
        raise ValueError(f"The shapes {tuple(mine.shape[1:])} and {tuple(others.shape[1:])} do not match.")
    products = (mine[:, None] * others[None]).sum(-1)  # (S, T, B, L)
    cosines = products / mine.norm(dim=-1)[:, None] / others.norm(dim=-1)[None]
    weights = attention_mask / attention_mask.sum()
    return (cosines * weights).sum((-2, -1))
