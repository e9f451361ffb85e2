"""Chapter 7. The student: a network of its teacher's width with some of its layers, its weights copied.

Sanh et al. (2019), section 3, "Student initialization": one layer out of two. For a teacher of
twelve layers the official script takes 0, 2, 4, 7, 9 and 11.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from minidistil.heads import MaskedLM

PAPER_LAYERS = (0, 2, 4, 7, 9, 11)


def default_layers(num_hidden_layers: int) -> tuple[int, ...]:
    """Every other layer; of twelve, the paper's six."""
    return PAPER_LAYERS if num_hidden_layers == 12 else tuple(range(0, num_hidden_layers, 2))


def student_of(teacher: MaskedLM, layers: Sequence[int] | None = None) -> MaskedLM:
    """A student in the form of a DistilBERT, holding copies of the chosen layers of its teacher.

    Copied: word and position embeddings with their layer norm, the layers, the masked-LM head.
    The token types are dropped as in DistilBERT; the vector of type 0, which the teacher adds at
    every position, goes into the position embeddings, so that both compute the same embeddings.

    Raises:
        ValueError: no layer chosen, or one that the teacher does not have.
    """
    count = teacher.config.num_hidden_layers
    chosen = default_layers(count) if layers is None else tuple(layers)
    wrong = [layer for layer in chosen if not 0 <= layer < count]
    if wrong or not chosen:
        raise ValueError(f"The layers {list(chosen)} cannot be copied: expected numbers from 0 to {count - 1}.")
    student = MaskedLM(replace(teacher.config, num_hidden_layers=len(chosen), type_vocab_size=0))
    weights = {}
    for name, tensor in teacher.state_dict().items():
        if not name.startswith(("encoder.layers.", "encoder.embeddings.token_type")):
            weights[name] = tensor
    for new, old in enumerate(chosen):
        for name, tensor in teacher.encoder.layers[old].state_dict().items():
            weights[f"encoder.layers.{new}.{name}"] = tensor
    student.load_state_dict(weights)
    if (token_type := teacher.encoder.embeddings.token_type) is not None:
        with torch.no_grad():
            student.encoder.embeddings.position.weight += token_type.weight[0]
    return student
