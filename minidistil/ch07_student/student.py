"""Chapter 7. The student: a model as wide as its teacher, made from some of its teacher's layers.

Sanh et al. (2019), section 3, "Student initialization": one layer out of two. Which six of a teacher's twelve is only
said in the official script (huggingface/transformers, research_projects/distillation, scripts/extract_distilbert.py).

Letters in shapes: B sequences, L tokens, M real tokens, D width, P positions, S and T hidden states of the two models.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from minidistil.ch04_encoder.config import DISTILBERT_EPS, EncoderConfig
from minidistil.ch04_encoder.modes import without_numbers
from minidistil.ch05_weights.heads import MaskedLM

PAPER_LAYERS = (0, 2, 4, 7, 9, 11)
POSITION = "encoder.embeddings.position.weight"  # (P, D)
TOKEN_TYPE = "encoder.embeddings.token_type.weight"  # (types, D)


def default_layers(num_hidden_layers: int) -> tuple[int, ...]:
    """Every other layer, starting with 0; for a teacher of twelve, the paper's six.

    Raises:
        ValueError: num_hidden_layers is below 1.

    >>> default_layers(6)
    (0, 2, 4)
    """
    if num_hidden_layers < 1:
        raise ValueError(f"num_hidden_layers must be at least 1, got {num_hidden_layers}.")
    return PAPER_LAYERS if num_hidden_layers == 12 else tuple(range(0, num_hidden_layers, 2))


def student_config(config: EncoderConfig, layers: Sequence[int]) -> EncoderConfig:
    """The teacher's configuration, with as many layers as were chosen, no token types, and DistilBERT's epsilon.

    >>> student_config(EncoderConfig(num_hidden_layers=12), (3, 7)).num_hidden_layers
    2
    """
    return replace(config, num_hidden_layers=len(layers), type_vocab_size=0, layer_norm_eps=DISTILBERT_EPS)


def copied_names(names: Iterable[str], layers: Sequence[int]) -> dict[str, str]:
    """Where each tensor of the student comes from: its name in the student -> its name in the teacher.

    The chosen layers are renumbered from 0. The other layers and the token types are left out.

    Args:
        names: of the teacher's tensors, as in `teacher.state_dict()`.
        layers: the chosen ones, in the student's order.

    >>> copied_names(["head.bias", "encoder.layers.2.expand.bias", "encoder.layers.3.expand.bias"], (3,))
    {'head.bias': 'head.bias', 'encoder.layers.0.expand.bias': 'encoder.layers.3.expand.bias'}
    """
    sources = {}
    for name in names:
        parts = name.split(".")  # encoder, layers, 4, attention, query, weight
        if parts[:2] == ["encoder", "layers"]:
            if int(parts[2]) not in layers:
                continue
            parts[2] = str(layers.index(int(parts[2])))
        if name != TOKEN_TYPE:
            sources[".".join(parts)] = name
    return sources


def student_tensors(tensors: Mapping[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Copies of the teacher's tensors under the student's names; they share no memory with the teacher.

    The student has no token types. The teacher adds the vector of type 0 at every position of a single text, so that
    vector is added to the position embeddings: word + (position + type 0) equals (word + position) + type 0.

    Args:
        tensors: the teacher's, as in `teacher.state_dict()`; they are not changed.
        layers: the chosen ones, in the student's order.

    >>> teacher = {POSITION: torch.tensor([[1.0], [2.0]]), TOKEN_TYPE: torch.tensor([[10.0], [500.0]])}
    >>> student_tensors(teacher, (0,))[POSITION].tolist()
    [[11.0], [12.0]]
    """
    copies = {new: tensors[old].detach().clone() for new, old in copied_names(tensors, layers).items()}
    if TOKEN_TYPE in tensors:
        copies[POSITION] += tensors[TOKEN_TYPE][0]  # (P, D) + (D,)
    return copies


def student_of(teacher: MaskedLM, layers: Sequence[int] | None = None) -> MaskedLM:
    """A DistilBERT that starts from copies of its teacher's weights (Sanh et al., 2019, section 3).

    Copied are the word and position embeddings with their layer norm, the chosen layers and the masked-LM head, whose
    decoder is the word embeddings if the teacher's is. The other layers and the token types are dropped (but see
    `student_tensors`). Nothing is drawn at random.

    The teacher is not changed and shares no memory with the student. The student is on the teacher's device and in
    evaluation mode, and all its parameters can be trained.

    Args:
        layers: which of the teacher's layers, in ascending order; None: every other one (see `default_layers`).

    Raises:
        TypeError: the teacher has no masked-LM head, or layers is not a sequence of integers.
        ValueError: layers is empty, names a layer that the teacher does not have, or is not ascending.

    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=5, num_attention_heads=2, intermediate_size=8)
    >>> student_of(MaskedLM(config), layers=(0, 4)).config.num_hidden_layers
    2
    """
    if not isinstance(teacher, MaskedLM):
        raise TypeError(
            f"The teacher must be a MaskedLM, since the student copies its masked-LM head; got "
            f"{type(teacher).__name__}. Load it with MaskedLM.from_pretrained(...)."
        )
    count = teacher.config.num_hidden_layers
    chosen = check_layers(default_layers(count) if layers is None else layers, count)
    with without_numbers():
        student = MaskedLM(student_config(teacher.config, chosen))
    student.load_state_dict(student_tensors(teacher.state_dict(), chosen), assign=True)
    return student.eval()


def layer_cosines(student_states: Sequence[Tensor], teacher_states: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
    """The mean cosine similarity, over real tokens, of each hidden state of the student with each of the teacher.

    Args:
        student_states: S tensors (B, L, D), as in `output.hidden_states`.
        teacher_states: T tensors (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding.

    Returns:
        (S, T).

    Raises:
        ValueError: the shapes differ.

    >>> one, other = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
    >>> layer_cosines([one], [one, other], torch.tensor([[1]]))
    tensor([[1., 0.]])
    """
    shapes = tuple(student_states[0].shape), tuple(teacher_states[0].shape)
    if shapes[0] != shapes[1]:
        raise ValueError(f"The states of both models must have the same shape, got {shapes[0]} and {shapes[1]}.")
    real = attention_mask.bool()  # (B, L)
    student, teacher = (
        nn.functional.normalize(torch.stack([state[real] for state in states]).float(), dim=-1)  # (S or T, M, D)
        for states in (student_states, teacher_states)
    )
    return torch.einsum("smd,tmd->st", student, teacher) / student.shape[1]


# --- Layers that no student can be made of ---


def check_layers(layers: Sequence[int], num_hidden_layers: int) -> tuple[int, ...]:
    """The chosen layers as a tuple, if a student can be made of them.

    They must be ascending: each layer works on the output of the one below it, so (4, 2, 0) or (0, 0, 2) is most
    likely a mistake.

    Raises:
        TypeError: not a sequence of integers.
        ValueError: none, one that the teacher does not have, or not in ascending order without repeats.
    """
    if not isinstance(layers, Sequence) or not all(type(layer) is int for layer in layers):
        raise TypeError(f"layers must be a sequence of integers such as (0, 2, 4), got {layers!r}.")
    if not layers or list(layers) != sorted({*layers} & {*range(num_hidden_layers)}):
        raise ValueError(
            f"layers must be one or more numbers from 0 to {num_hidden_layers - 1}, the teacher's layers, in ascending "
            f"order without repeats; got {list(layers)}."
        )
    return tuple(layers)
