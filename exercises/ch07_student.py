"""Chapter 7, the student: make it from its teacher yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. The tensors and the logits of
your student are compared with those of an official BERT from which layers were removed:

    minidistil check ch07                    what is right, what is not, and what it looks like
    minidistil hint ch07 1                   a hint for the first exercise that is not written yet
    minidistil hint ch07 2 student_tensors   the second hint for that one

Letters in shapes: B sequences, L tokens, M real tokens, D width, P positions, S and T hidden states of the two models.

From the package you may use what is imported below. `check_layers(layers, num_hidden_layers)` returns the layers as a
tuple, or raises an error that says what is wrong with them.
"""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import PAPER_LAYERS, POSITION, TOKEN_TYPE, check_layers


def copied_names(names: Iterable[str], layers: Sequence[int]) -> dict[str, str]:
    """Where each tensor of the student comes from: its name in the student -> its name in the teacher.

    Leave out the layers that were not chosen and the token types (TOKEN_TYPE). Renumber the chosen layers from 0.

    Args:
        names: of the teacher's tensors, as in `teacher.state_dict()`. Those of layer 4 begin with "encoder.layers.4."
        layers: the chosen ones, in the student's order.

    >>> names = ["head.bias", "encoder.layers.2.expand.bias", "encoder.layers.3.expand.bias"]
    >>> copied_names(names, (3,))
    {'head.bias': 'head.bias', 'encoder.layers.0.expand.bias': 'encoder.layers.3.expand.bias'}
    """
    raise NotImplementedError


def student_tensors(tensors: Mapping[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Copies of the teacher's tensors under the student's names; they share no memory with the teacher.

    If the teacher has token types (TOKEN_TYPE), the vector of type 0 is added to every position embedding (POSITION).
    The student, which has no token types, then computes the same embeddings.

    Args:
        tensors: the teacher's, as in `teacher.state_dict()`. They must not be changed.
        layers: the chosen ones, in the student's order.

    >>> teacher = {POSITION: torch.tensor([[1.0], [2.0]]), TOKEN_TYPE: torch.tensor([[10.0], [500.0]])}
    >>> student_tensors(teacher, (0,))[POSITION].tolist()
    [[11.0], [12.0]]
    """
    raise NotImplementedError


def layer_cosines(student_states: Sequence[Tensor], teacher_states: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
    """The mean cosine similarity, over real tokens, of each hidden state of the student with each of the teacher.

    Args:
        student_states: S tensors (B, L, D), as in `output.hidden_states`.
        teacher_states: T tensors (B, L, D) for the same input.
        attention_mask: (B, L), 1 at real tokens and 0 at padding. All real tokens of all sequences weigh the same.

    Returns:
        (S, T).

    Raises:
        ValueError: the shapes of student's and teacher's states differ. The message contains both.

    >>> one, other = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
    >>> layer_cosines([one], [one, other, one + other / 3], torch.tensor([[1]])).round(decimals=2)
    tensor([[1.0000, 0.0000, 0.7100]])
    """
    raise NotImplementedError


def default_layers(num_hidden_layers: int) -> tuple[int, ...]:
    """Every other layer, starting with 0; for a teacher of twelve, the paper's six, PAPER_LAYERS.

    Raises:
        ValueError: num_hidden_layers is below 1. The message contains its value.

    >>> default_layers(6)
    (0, 2, 4)
    >>> default_layers(12)
    (0, 2, 4, 7, 9, 11)
    """
    raise NotImplementedError


def student_config(config: EncoderConfig, layers: Sequence[int]) -> EncoderConfig:
    """The teacher's configuration, with as many layers as were chosen and no token types.

    >>> student = student_config(EncoderConfig(num_hidden_layers=12), (3, 7))
    >>> student.num_hidden_layers, student.type_vocab_size, student.hidden_size
    (2, 0, 768)
    """
    raise NotImplementedError


def student_of(teacher: MaskedLM, layers: Sequence[int] | None = None) -> MaskedLM:
    """A DistilBERT that starts from copies of its teacher's weights.

    The teacher is not changed and shares no memory with the student. The student is in evaluation mode, and all its
    parameters can be trained, even where the teacher's are frozen. The decoder of its head is tied to its own word
    embeddings (`student.head.word` is `student.encoder.embeddings.word`).

    Args:
        layers: which of the teacher's layers; None: the default ones. Check them with `check_layers`.

    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=5, num_attention_heads=2, intermediate_size=8)
    >>> student = student_of(MaskedLM(config), layers=(0, 4))
    >>> student.config.num_hidden_layers, student.training
    (2, False)
    """
    raise NotImplementedError
