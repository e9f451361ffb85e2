"""Module by module, without the whole state dict."""

from dataclasses import replace

import torch

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import POSITION, TOKEN_TYPE, check_layers


def default_layers(num_hidden_layers):
    if num_hidden_layers not in range(1, 10_000):
        raise ValueError(f"Expected a number of layers, 1 or more, not {num_hidden_layers}.")
    return {12: (0, 2, 4, 7, 9, 11)}.get(num_hidden_layers, tuple(range(num_hidden_layers))[::2])


def student_config(config, layers):
    return replace(replace(config, num_hidden_layers=len(list(layers))), type_vocab_size=0)


def copied_names(names, layers):
    def renamed(name):
        first, second, *rest = name.split(".")
        if second != "layers":
            return None if rest[:1] == ["token_type"] else name
        number, *rest = rest
        return ".".join([first, second, str(list(layers).index(int(number))), *rest]) if int(number) in layers else None

    pairs = [(renamed(name), name) for name in names]
    return {new: old for new, old in pairs if new}


def student_tensors(tensors, layers):
    copies = {new: tensors[old].clone() for new, old in copied_names(tensors, layers).items()}
    if TOKEN_TYPE in tensors:
        copies[POSITION] = tensors[POSITION] + tensors[TOKEN_TYPE][0]
    return copies


def student_of(teacher, layers=None):
    source = teacher.encoder
    layers = check_layers(default_layers(len(source.layers)) if layers is None else layers, len(source.layers))
    student = MaskedLM(student_config(teacher.config, layers)).eval()
    target = student.encoder
    pairs = [(target.layers[place], source.layers[layer]) for place, layer in enumerate(layers)]
    pairs += [
        (getattr(target.embeddings, part), getattr(source.embeddings, part)) for part in ("word", "position", "norm")
    ]
    pairs += [(student.head.transform, teacher.head.transform), (student.head.norm, teacher.head.norm)]
    with torch.no_grad():
        for module, other in pairs:
            module.load_state_dict(other.state_dict())
        student.head.bias.copy_(teacher.head.bias)
        if source.embeddings.token_type:
            target.embeddings.position.weight.add_(source.embeddings.token_type.weight[:1])
    return student


def layer_cosines(student_states, teacher_states, attention_mask):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)} differ.")
    tokens = attention_mask.flatten().nonzero()[:, 0]

    def unit(state):
        chosen = state.flatten(0, 1)[tokens]
        return (chosen / chosen.norm(dim=1, keepdim=True)).flatten()

    rows = [[torch.dot(unit(mine), unit(other)) for other in teacher_states] for mine in student_states]
    return torch.tensor(rows) / len(tokens)
