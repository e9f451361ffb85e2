"""With regular expressions on the names of the state dict."""
# ruff: noqa: F403, F405

import re

import torch
from torch.nn import functional

from tests.ch07_student.correct.base import *


def copied_names(names, layers):
    places = {old: new for new, old in enumerate(layers)}
    sources = {}
    for name in names:
        if re.search(r"\.token_type\.", name):
            continue
        match = re.match(r"(encoder\.layers\.)(\d+)(\..+)", name)
        if match is None:
            sources[name] = name
        elif int(match[2]) in places:
            sources[f"{match[1]}{places[int(match[2])]}{match[3]}"] = name
    return sources


def student_of(teacher, layers=None):
    depth = teacher.config.num_hidden_layers
    layers = check_layers(default_layers(depth) if layers is None else layers, depth)
    student = MaskedLM(student_config(teacher.config, layers))
    student.load_state_dict(student_tensors(teacher.state_dict(), layers))
    return student.eval()


def layer_cosines(student_states, teacher_states, attention_mask):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)} differ.")
    real = attention_mask == 1
    rows = []
    for mine in student_states:
        cosines = [functional.cosine_similarity(mine[real], other[real], dim=-1).mean() for other in teacher_states]
        rows.append(torch.stack(cosines))
    return torch.stack(rows)
