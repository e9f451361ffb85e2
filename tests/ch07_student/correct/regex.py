"""Written with regular expressions on the names of the state dict."""

import re
from dataclasses import replace

import torch
from torch.nn import functional

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import check_layers


def default_layers(num_hidden_layers):
    if num_hidden_layers <= 0:
        raise ValueError(f"{num_hidden_layers} layers: expected 1 or more.")
    if num_hidden_layers == 12:
        return (0, 2, 4, 7, 9, 11)
    return tuple(layer for layer in range(num_hidden_layers) if layer % 2 == 0)


def student_config(config, layers):
    return replace(config, type_vocab_size=0, num_hidden_layers=len(layers))


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


def student_tensors(tensors, layers):
    result = {}
    for new, old in copied_names(tensors, layers).items():
        result[new] = torch.empty_like(tensors[old]).copy_(tensors[old])
    types = tensors.get("encoder.embeddings.token_type.weight")
    if types is not None:
        result["encoder.embeddings.position.weight"].add_(types[0])
    return result


def student_of(teacher, layers=None):
    depth = teacher.config.num_hidden_layers
    layers = check_layers(default_layers(depth) if layers is None else layers, depth)
    student = MaskedLM(student_config(teacher.config, layers))
    student.load_state_dict(student_tensors(teacher.state_dict(), layers))
    student.eval()
    return student


def layer_cosines(student_states, teacher_states, attention_mask):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)} differ.")
    real = attention_mask == 1
    rows = []
    for mine in student_states:
        cosines = [functional.cosine_similarity(mine[real], other[real], dim=-1).mean() for other in teacher_states]
        rows.append(torch.stack(cosines))
    return torch.stack(rows)
