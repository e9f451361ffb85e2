"""Parameter by parameter, by the student's names instead of the teacher's."""
# ruff: noqa: F403, F405

import torch
from torch import nn

from tests.ch07_student.correct.base import *


def default_layers(num_hidden_layers):
    if num_hidden_layers <= 0:
        raise ValueError(f"A teacher of {num_hidden_layers} layers has none to choose.")
    if num_hidden_layers == 12:
        return 0, 2, 4, 7, 9, 11
    return tuple(layer for layer in range(num_hidden_layers) if layer % 2 == 0)


def copied_names(names, layers):
    sources, front = {}, "encoder.layers."
    for name in names:
        if name.startswith(front):
            number, rest = name[len(front) :].split(".", 1)
            sources |= {f"{front}{new}.{rest}": name for new, old in enumerate(layers) if str(old) == number}
        elif "token_type" not in name:
            sources[name] = name
    return sources


def student_tensors(tensors, layers):
    copies = {}
    for new, old in copied_names(tensors.keys(), layers).items():
        copies[new] = torch.empty_like(tensors[old]).copy_(tensors[old])
        if old == POSITION and TOKEN_TYPE in tensors:
            copies[new].add_(tensors[TOKEN_TYPE][0].detach())
    return copies


def student_of(teacher, layers=None):
    depth = len(teacher.encoder.layers)
    layers = check_layers(default_layers(depth) if layers is None else layers, depth)
    student = MaskedLM(student_config(teacher.config, layers))
    sources = student_tensors(dict(teacher.named_parameters()), layers)
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            parameter.copy_(sources[name])
    return student.train(False)


def layer_cosines(student_states, teacher_states, attention_mask):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{list(student_states[0].shape)} and {list(teacher_states[0].shape)} are not the same shape.")
    chosen = attention_mask.bool()
    table = torch.empty(len(student_states), len(teacher_states))
    for row, mine in enumerate(student_states):
        for column, other in enumerate(teacher_states):
            one, two = (nn.functional.normalize(each.double(), dim=-1)[chosen] for each in (mine, other))
            table[row, column] = (one * two).sum() / chosen.sum()
    return table
