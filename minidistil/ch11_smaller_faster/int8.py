"""Chapter 11. A whole model in int8: its matrices and its word table are rounded, all the rest stays fp32.

The same recipe as Zafrir et al. (2019), "Q8BERT: Quantized 8Bit BERT", section 2, without their training: matrix
products and embeddings in 8 bits; softmax, layer norm, GELU, biases and sums in fp32.

Letters in shapes: B sequences, L tokens, D width, I features in, O features out, V vocabulary.
"""

import copy
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from minidistil.ch05_weights.heads import MaskedLMHead
from minidistil.ch05_weights.weights import Model, read_tensors, save_config
from minidistil.ch11_smaller_faster.quantisation import dequantize, int8_linear, quantize, symmetric_scale
from minidistil.files import write_atomically
from minidistil.hub.official import locate

AnyModel = TypeVar("AnyModel", bound=Model)
FILE = "model.int8.safetensors"


class Int8Linear(nn.Module):
    """A linear layer's rounded twin: `int8_linear` with a scale for each row of its matrix."""

    weight: Tensor  # (O, I) int8
    scale: Tensor  # (O, 1)

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features = linear.in_features
        _keep_rounded(linear.weight, self)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        return int8_linear(x, self.weight, self.scale, self.bias)


class Int8Embedding(nn.Module):
    """A table whose rows are rounded, each with its own scale."""

    weight: Tensor  # (V, D) int8
    scale: Tensor  # (V, 1)

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        _keep_rounded(embedding.weight, self)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) -> (B, L, D): only the rows that are read become fp32."""
        return dequantize(self.weight[ids], self.scale[ids])


class Int8MaskedLMHead(nn.Module):
    """A masked-LM head whose decoder is still the word table, rounded once for both."""

    def __init__(self, head: MaskedLMHead, word: Int8Embedding):
        super().__init__()
        self.transform = Int8Linear(head.transform)
        self.norm = head.norm
        self.bias = head.bias
        self.word = word

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        transformed = self.norm(nn.functional.gelu(self.transform(hidden_states)))  # (..., D)
        return int8_linear(transformed, self.word.weight, self.word.scale, self.bias)  # (..., V)


def _keep_rounded(weight: Tensor, owner: nn.Module) -> None:
    """Give a module a matrix as int8 and a scale for each row, as buffers: part of the file, never trained."""
    if not weight.is_meta and not bool(weight.isfinite().all()):
        raise ValueError("A matrix holds numbers that are not finite: such a model cannot be rounded to int8.")
    scale = symmetric_scale(weight.detach(), dim=-1)
    owner.register_buffer("weight", quantize(weight.detach(), scale))
    owner.register_buffer("scale", scale)


def to_int8(model: AnyModel) -> AnyModel:
    """A copy of a model in evaluation mode that computes in int8; it cannot be trained.

    Raises:
        ValueError: a matrix holds numbers that are not finite, or the model is in int8 already.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    embeddings: Any = getattr(model, "encoder", model).embeddings  # of a bare encoder, its own
    if isinstance(embeddings.word, Int8Embedding):
        raise ValueError("The model is in int8 already: expected one with the weights that it was trained to.")
    embeddings.word = Int8Embedding(embeddings.word)
    if isinstance(head := getattr(model, "head", None), MaskedLMHead):
        model.head = Int8MaskedLMHead(head, embeddings.word)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, Int8Linear(child))
    return model


def save_int8(model: Model, folder: str | Path) -> Path:
    """Write the tensors of `to_int8(model)` and config.json, each whole or not at all; returns the tensors' file.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {name: tensor.contiguous() for name, tensor in _once(model).items()}
    write_atomically(folder / FILE, lambda part: save_file(tensors, part, metadata={"format": "pt"}))
    save_config(model, folder)
    return folder / FILE


def load_int8(cls: type[AnyModel], folder: str | Path) -> AnyModel:
    """The model that `save_int8` wrote.

    Args:
        cls: what was saved: MaskedLM, SequenceClassifier …

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is damaged or belongs to a model of another kind or size.
    """
    with torch.device("meta"):  # no memory: every tensor comes from the file
        model = to_int8(cls(cls.config_class.read(locate(folder, "config.json"))))
    tensors, wanted = read_tensors(locate(folder, FILE)), _once(model)
    if {name: (each.shape, each.dtype) for name, each in tensors.items()} != {
        name: (each.shape, each.dtype) for name, each in wanted.items()
    }:
        raise ValueError(
            f"The tensors of {Path(folder) / FILE} are not those of a {cls.__name__} with its config.json."
        )
    model.load_state_dict(tensors, strict=False, assign=True)  # not strict: the word table has two names
    return model.eval()


def _once(model: nn.Module) -> dict[str, Tensor]:
    """The tensors by name, without the second name of the word table that encoder and head share."""
    return {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("head.word.")}
