"""Chapter 11. A whole model in int8: the weight matrices and the word embeddings are rounded, the rest stays fp32.

The method of Zafrir et al. (2019), "Q8BERT: Quantized 8Bit BERT", section 2, without their training: matrix products
and embeddings in 8 bits; softmax, layer norm, GELU, biases and residual sums in fp32.

Letters in shapes: B sequences, L tokens, D width, I features in, O features out, V vocabulary.
"""

import copy
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import save_file
from torch import Tensor, nn

from minidistil.ch04_encoder.modes import without_numbers
from minidistil.ch05_weights.heads import MaskedLMHead
from minidistil.ch05_weights.weights import Model, read_tensors, require_enough_tensors, require_finite, save_config
from minidistil.ch11_smaller_faster.quantisation import dequantize, int8_linear, quantize, symmetric_scale
from minidistil.files import write_atomically
from minidistil.hub.official import locate

AnyModel = TypeVar("AnyModel", bound=Model)
FILE = "model.int8.safetensors"


class RoundedRows(nn.Module):
    """The matrix of a module in int8, each row with its own scale; both are buffers: saved, but never trained."""

    weight: Tensor  # (O, I) or (V, D), int8
    scale: Tensor  # (O, 1) or (V, 1)

    def __init__(self, module: nn.Linear | nn.Embedding):
        super().__init__()
        weight = module.weight.detach()
        if not weight.is_meta and not bool(weight.isfinite().all()):
            raise ValueError("A weight matrix contains NaN or infinity: such a model cannot be rounded to int8.")
        scale = symmetric_scale(weight, dim=-1)
        self.register_buffer("weight", quantize(weight, scale))
        self.register_buffer("scale", scale)


class Int8Linear(RoundedRows):
    """A linear layer in int8: `int8_linear` with a scale for each row of its matrix."""

    def __init__(self, linear: nn.Linear):
        super().__init__(linear)
        self.in_features: int = linear.in_features  # attention checks its input against it
        self.bias: nn.Parameter | None = (
            None if linear.bias is None else nn.Parameter(linear.bias.detach(), requires_grad=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        return int8_linear(x, self.weight, self.scale, self.bias)


class Int8Embedding(RoundedRows):
    """An embedding table in int8, with a scale for each row."""

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) -> (B, L, D): only the rows that are looked up become fp32."""
        return dequantize(self.weight[ids], self.scale[ids])


class Int8MaskedLMHead(nn.Module):
    """A masked-LM head in int8. A decoder that is the word embedding table is rounded once for both uses."""

    def __init__(self, head: MaskedLMHead, word: Int8Embedding):
        super().__init__()
        self.transform: Int8Linear = Int8Linear(head.transform)
        self.norm: nn.LayerNorm = head.norm
        self.bias: nn.Parameter = head.bias
        self.word = word

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        transformed = self.norm(nn.functional.gelu(self.transform(hidden_states)))  # (..., D)
        return int8_linear(transformed, self.word.weight, self.word.scale, self.bias)  # (..., V)


def to_int8(model: AnyModel) -> AnyModel:
    """A copy of a model that computes in int8, in evaluation mode; it cannot be trained.

    Raises:
        ValueError: a weight matrix contains NaN or infinity, or the model is in int8 already.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    embeddings: Any = getattr(model, "encoder", model).embeddings  # a bare encoder has its own
    if isinstance(embeddings.word, Int8Embedding):
        raise ValueError("The model is in int8 already: expected a model with fp32 weights.")
    embeddings.word = Int8Embedding(embeddings.word)
    if isinstance(head := getattr(model, "head", None), MaskedLMHead):
        tied = model.config.tie_word_embeddings
        model.head = Int8MaskedLMHead(head, embeddings.word if tied else Int8Embedding(head.word))
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, Int8Linear(child))
    return model


def save_int8(model: Model, folder: str | Path) -> Path:
    """Write the tensors of `to_int8(model)` and config.json to a folder; returns the path of the tensors.

    Each file is written completely or not at all. The files are read by `load_int8`, not by transformers.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {name: tensor.contiguous() for name, tensor in _named_once(model).items()}
    write_atomically(folder / FILE, lambda part: save_file(tensors, part, metadata={"format": "pt"}))
    save_config(model, folder)
    return folder / FILE


def load_int8(cls: type[AnyModel], folder: str | Path) -> AnyModel:
    """The model that `save_int8` wrote.

    Args:
        cls: the class that was saved: MaskedLM, SequenceClassifier …

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds NaN or infinity, or belongs to a model of another class or size.
    """
    config, tensors = cls.read_config(folder, locate(folder, "config.json")), read_tensors(locate(folder, FILE))
    require_enough_tensors(folder, config, tensors)
    with without_numbers():
        model = to_int8(cls(config))
    found, expected = (
        {name: (each.shape, each.dtype) for name, each in those.items()} for those in (tensors, _named_once(model))
    )
    if found != expected:
        raise ValueError(
            f"The tensors of {Path(folder) / FILE} have other names, shapes or types than those of a {cls.__name__} "
            "with the config.json beside it."
        )
    require_finite(folder, {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()})
    model.load_state_dict(tensors, strict=False, assign=True)  # not strict: the word embeddings have two names
    return model.eval()


def _named_once(model: Model) -> dict[str, Tensor]:
    """The state dict without a second name of the word embeddings, where encoder and head share them."""
    tied, state = model.config.tie_word_embeddings, model.state_dict()
    return {name: tensor for name, tensor in state.items() if not (tied and name.startswith("head.word."))}
