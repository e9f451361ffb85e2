"""Chapter 7. The student: a network of its teacher's width with some of its layers, its weights copied.

Sanh et al. (2019), section 3, "Student initialization": one layer out of two. Which ones, for a teacher
of twelve, stands in the official script only (huggingface/transformers, research_projects/distillation,
scripts/extract_distilbert.py).

Letters in shapes: B sequences, L tokens, M real tokens, D width, P positions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM

PAPER_LAYERS = (0, 2, 4, 7, 9, 11)
POSITION = "encoder.embeddings.position.weight"  # (P, D)
TOKEN_TYPE = "encoder.embeddings.token_type.weight"  # (types, D)


def default_layers(num_hidden_layers: int) -> tuple[int, ...]:
    """Every other layer from 0 on; of twelve, the paper's six.

    Raises:
        ValueError: there is no layer to choose from.
    """
    if num_hidden_layers < 1:
        raise ValueError(f"num_hidden_layers is {num_hidden_layers}: expected a teacher with 1 layer or more.")
    return PAPER_LAYERS if num_hidden_layers == 12 else tuple(range(0, num_hidden_layers, 2))


def check_layers(layers: Sequence[int], num_hidden_layers: int) -> tuple[int, ...]:
    """The chosen layers as a tuple, if a student can be made of them.

    They keep their teacher's order and each is taken once: a layer works on what the layers below it
    made, so (4, 2, 0) or (0, 0, 2) is a slip far more often than a wish.

    Raises:
        TypeError: not a sequence of whole numbers.
        ValueError: none, one that the teacher does not have, a repeated one, or not in rising order.
    """
    whole = isinstance(layers, Sequence) and not isinstance(layers, str | bytes)
    if not whole or not all(isinstance(layer, int) and not isinstance(layer, bool) for layer in layers):
        raise TypeError(f"layers is {layers!r}: expected a sequence of whole numbers, such as (0, 2, 4).")
    chosen, last = tuple(layers), num_hidden_layers - 1
    if not chosen:
        raise ValueError(f"layers is empty: expected at least one number from 0 to {last}.")
    if wrong := [layer for layer in chosen if not 0 <= layer <= last]:
        raise ValueError(f"The teacher has no layer {wrong[0]}: expected numbers from 0 to {last}, not {list(chosen)}.")
    if list(chosen) != sorted(set(chosen)):
        raise ValueError(
            f"The layers {list(chosen)} are not in rising order, each once: expected {sorted(set(chosen))}, since a "
            "student keeps its teacher's order."
        )
    return chosen


def student_config(config: EncoderConfig, layers: Sequence[int]) -> EncoderConfig:
    """The student's configuration: its teacher's, with as many layers as were chosen and no token types."""
    return replace(config, num_hidden_layers=len(layers), type_vocab_size=0)


def copied_names(names: Iterable[str], layers: Sequence[int]) -> dict[str, str]:
    """Where each tensor of the student comes from: its name there -> its name in the teacher.

    Left out are the layers that were not chosen and the token types; the chosen layers are numbered anew.

    Args:
        names: of the teacher's tensors, as in `teacher.state_dict()`.
        layers: the chosen ones, in the student's order.
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
    """Copies of the teacher's tensors under the student's names, in memory of their own.

    The vector of token type 0, which the teacher adds at every position of a single text, goes into the position
    embeddings: word + (position + type 0) is what the teacher computes as (word + position) + type 0.

    Args:
        tensors: the teacher's, as in `teacher.state_dict()`; left as they are.
        layers: the chosen ones, in the student's order.
    """
    copies = {new: tensors[old].detach().clone() for new, old in copied_names(tensors, layers).items()}
    if TOKEN_TYPE in tensors:
        copies[POSITION] += tensors[TOKEN_TYPE][0]  # (P, D) + (D,)
    return copies


def student_of(teacher: MaskedLM, layers: Sequence[int] | None = None) -> MaskedLM:
    """A student in the form of a DistilBERT that begins with copies of its teacher's weights.

    Sanh et al. (2019), section 3. Copied: word and position embeddings with their layer norm, the chosen
    layers, the masked-LM head, whose decoder is again the word embeddings. Dropped: the other layers and the
    token types (but see `student_tensors`). Nothing is drawn at random. The teacher stays as it is and shares
    no memory with its student, which lies on the same device, can be trained, and is in evaluation mode.

    Args:
        layers: numbers of the teacher's layers, rising; None: every other one (see `default_layers`).

    Raises:
        TypeError: the teacher has no masked-LM head, or layers is not a sequence of whole numbers.
        ValueError: layers that the teacher does not have, that are repeated or not in order, or none.
    """
    if not isinstance(teacher, MaskedLM):
        raise TypeError(
            f"The teacher is a {type(teacher).__name__}: expected a MaskedLM, since the student takes over its "
            "masked-LM head. Load it with MaskedLM.from_pretrained(...)."
        )
    count = teacher.config.num_hidden_layers
    chosen = check_layers(default_layers(count) if layers is None else layers, count)
    with torch.device("meta"):  # shapes only: every number comes from the teacher
        student = MaskedLM(student_config(teacher.config, chosen))
    student.load_state_dict(student_tensors(teacher.state_dict(), chosen), assign=True)
    return student.eval()


def layer_cosines(student_states: Sequence[Tensor], teacher_states: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
    """How alike each hidden state of the student is to each of its teacher: the mean cosine over real tokens.

    Args:
        student_states: S tensors (B, L, D), as in `output.hidden_states`.
        teacher_states: T tensors (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding.

    Returns:
        (S, T).

    Raises:
        ValueError: the widths differ.
    """
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(
            f"The hidden states have shapes {tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)}: "
            "expected the same input and the same width, for a cosine compares feature with feature."
        )
    real = attention_mask.bool()  # (B, L)
    ours, theirs = (
        nn.functional.normalize(torch.stack([state[real] for state in states]).float(), dim=-1)  # (S or T, M, D)
        for states in (student_states, teacher_states)
    )
    return torch.einsum("smd,tmd->st", ours, theirs) / ours.shape[1]
