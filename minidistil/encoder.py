"""Chapter 4. The encoder: embeddings, then blocks of attention and feed-forward.

BERT and DistilBERT are two configurations of this one encoder. DistilBERT
(Sanh et al., 2019, section 3) has half the layers and no token-type embeddings.
Block: Vaswani et al. (2017), section 3.1, with layer norm after each residual sum.

Letters in shapes: B sequences, L tokens, D width, I width of the feed-forward layer, H heads.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from minidistil.attention import MultiHeadAttention, padding_mask

SLICE = 1024  # tokens that go through the feed-forward layer at a time, where that is faster


@dataclass(frozen=True)
class EncoderConfig:
    """Size and shape of an encoder, in Hugging Face's words; the defaults are bert-base's.

    type_vocab_size 0 means no token-type embeddings: a DistilBERT.
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    pad_token_id: int = 0

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "hidden_size",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: expected 1 or more.")
        if self.num_hidden_layers < 0 or self.type_vocab_size < 0:
            raise ValueError("num_hidden_layers and type_vocab_size must be 0 or more.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}."
            )
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: expected a number from 0 to below 1.")

    @classmethod
    def read(cls, path: Path) -> "EncoderConfig":
        """The configuration in a config.json of Hugging Face's BERT or DistilBERT.

        Raises:
            ValueError: not JSON, another architecture, a missing entry or an unsupported option.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            names = _HF_NAMES[raw["model_type"]]
            values = {ours: raw[theirs] for ours, theirs in names.items() if theirs in raw}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is no configuration of a BERT or DistilBERT model: expected JSON with model_type "
                '"bert" or "distilbert".'
            ) from error
        missing = [theirs for ours, theirs in names.items() if ours in _SIZES and ours not in values]
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}.")
        activation = raw.get("hidden_act", raw.get("activation", "gelu"))
        if activation != "gelu":
            raise ValueError(f"{path} asks for the activation {activation!r}; supported is 'gelu'.")
        if raw["model_type"] == "distilbert":
            values["type_vocab_size"] = 0
        return cls(**values)

    def to_hugging_face(self, architecture: str) -> dict[str, object]:
        """The entries of a config.json; `architecture` is the class name without Bert/DistilBert."""
        model_type = "bert" if self.type_vocab_size else "distilbert"
        names = _HF_NAMES[model_type]
        prefix = "Bert" if model_type == "bert" else "DistilBert"
        entries: dict[str, object] = {
            "architectures": [prefix + architecture],
            "model_type": model_type,
            "hidden_act" if model_type == "bert" else "activation": "gelu",
        }
        return entries | {theirs: getattr(self, ours) for ours, theirs in names.items()}


_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_SAME = ("vocab_size", "max_position_embeddings", "initializer_range", "pad_token_id")
_HF_NAMES = {
    "bert": {name: name for name in (*_SIZES, *_SAME, "type_vocab_size", "layer_norm_eps")}
    | {"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"},
    "distilbert": {name: name for name in (*_SAME, "dropout", "attention_dropout")}
    | {
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
    },
}


@dataclass
class ModelOutput:
    """What a forward pass returns; a part that was not asked for is None."""

    last_hidden_state: Tensor  # (B, L, D)
    hidden_states: tuple[Tensor, ...] | None = None  # embeddings and each block, (B, L, D) each
    attentions: tuple[Tensor, ...] | None = None  # one a block, (B, H, L, L)
    logits: Tensor | None = None
    loss: Tensor | None = None


def layer_norm(hidden_states: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Give each token's features mean 0 and variance 1, then scale and shift them as learned.

    Ba et al. (2016), "Layer Normalization", section 3. The formula; the modules below call
    PyTorch's nn.LayerNorm, which computes the same in one pass.

    Args:
        hidden_states: (..., D).
        weight, bias: (D,).
        eps: added to the variance, so that D equal features give `bias` and not 0 / 0.

    Returns:
        (..., D).
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)  # (..., D)
    variance = centred.square().mean(-1, keepdim=True)  # (..., 1)
    return centred / (variance + eps).sqrt() * weight + bias


def gelu(x: Tensor) -> Tensor:
    """x times the probability that a standard normal number is below x; any shape.

    Hendrycks and Gimpel (2016), "Gaussian Error Linear Units", section 2. The formula; the block
    below calls PyTorch's function of the same name, which computes the same in one pass.
    """
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


class Embeddings(nn.Module):
    """Word + position (+ token type), layer norm, dropout."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(B, L) -> (B, L, D)."""
        summed = self.word(input_ids) + self.position.weight[: input_ids.shape[1]]  # (B, L, D) + (L, D)
        if self.token_type is not None:
            types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
            summed = summed + self.token_type(types)
        return self.dropout(self.norm(summed))


class Block(nn.Module):
    """Attention, then two linear layers with a GELU between; each added to its input and normed."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.attention = MultiHeadAttention(config.hidden_size, config.num_attention_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the attention weights (B, H, L, L)."""
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        hidden_states = self.attention_norm(hidden_states + self.dropout(attended))
        return self.output_norm(hidden_states + self.dropout(self.feed_forward(hidden_states))), weights

    def feed_forward(self, hidden_states: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D): every token on its own, through a wider layer and a GELU.

        As no token sees another here, a large batch can go through in slices: on a CPU, memory that is used again
        at once is faster than new memory. Gradients need all of (B, L, I) anyway.
        """
        if torch.is_grad_enabled() or hidden_states.device.type != "cpu":
            return self.contract(nn.functional.gelu(self.expand(hidden_states)))
        slices = hidden_states.flatten(0, 1).split(SLICE)  # (SLICE, D) each
        fed = [self.contract(nn.functional.gelu(self.expand(tokens))) for tokens in slices]
        return (torch.cat(fed) if len(fed) > 1 else fed[0]).view_as(hidden_states)


class Encoder(nn.Module):
    """Embeddings and a stack of blocks."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.apply(self._initialize)

    def _initialize(self, module: nn.Module) -> None:
        initialize(module, self.config.initializer_range)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> ModelOutput:
        """Run the encoder.

        Args:
            input_ids: (B, L) int64.
            attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding.
            token_type_ids: (B, L) int64, 0 everywhere if None; without effect where the encoder has no token types.

        Raises:
            ValueError: wrong shape or type, too many tokens, or ids that the encoder does not have.
        """
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = visible_keys(attention_mask)  # (B, 1, 1, L)
        try:
            hidden = self.embeddings(input_ids, token_type_ids)  # (B, L, D)
        except IndexError as error:
            raise ValueError(
                f"An id has no embedding: expected input_ids from 0 to {self.config.vocab_size - 1} and token_type_ids "
                f"below {self.config.type_vocab_size}; the ids given go from {input_ids.min()} to {input_ids.max()}."
            ) from error
        hidden_states, attentions = [hidden] if output_hidden_states else [], []
        for layer in self.layers:
            hidden, weights = layer(hidden, visible, output_attentions)  # (B, L, D)
            if output_hidden_states:  # a state that nobody asked for would only keep its memory
                hidden_states.append(hidden)
            attentions.append(weights)
        return ModelOutput(
            last_hidden_state=hidden,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


def visible_keys(attention_mask: Tensor | None) -> Tensor | None:
    """padding_mask(attention_mask), or None where nothing is padded: attention without a mask is faster.

    On a GPU nobody looks: the answer would have to be waited for.
    """
    if attention_mask is None or (attention_mask.device.type == "cpu" and bool(attention_mask.all())):
        return None
    return padding_mask(attention_mask)


def check_input(
    config: EncoderConfig, input_ids: Tensor, attention_mask: Tensor | None, token_type_ids: Tensor | None
) -> None:
    """Refuse what an encoder cannot read; arguments as for Encoder.forward.

    Raises:
        ValueError: wrong shape or type, or too many tokens.
    """
    if input_ids.dim() != 2:
        raise ValueError(f"input_ids has shape {tuple(input_ids.shape)}: expected (batch, length).")
    if input_ids.is_floating_point():
        raise ValueError(f"input_ids has type {input_ids.dtype}: expected whole numbers, torch.int64.")
    for name, given in (("attention_mask", attention_mask), ("token_type_ids", token_type_ids)):
        if given is not None and given.shape != input_ids.shape:
            raise ValueError(
                f"{name} has shape {tuple(given.shape)}: expected that of input_ids, {tuple(input_ids.shape)}."
            )
    if input_ids.shape[1] > config.max_position_embeddings:
        raise ValueError(
            f"The input is {input_ids.shape[1]} tokens long, the model takes "
            f"{config.max_position_embeddings} at most: truncate or split the text."
        )


def initialize(module: nn.Module, std: float) -> None:
    """BERT's initial weights: normal for matrices, 0 for biases, 1 for norms, 0 for the padding row."""
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return  # a model without memory, which takes its weights from a file: nothing to draw
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()


def count_parameters(config: EncoderConfig) -> dict[str, int]:
    """How many parameters each part of an encoder has, on paper: no model is built."""
    d, i, n = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    return {
        "word embeddings": config.vocab_size * d,
        "position embeddings": config.max_position_embeddings * d,
        "token-type embeddings": config.type_vocab_size * d,
        "attention": n * 4 * (d * d + d),  # query, key, value, output: a matrix and a bias each
        "feed-forward": n * ((d * i + i) + (i * d + d)),
        "layer norms": 2 * d + n * 2 * 2 * d,  # a weight and a bias: of the embeddings, and two a block
    }
