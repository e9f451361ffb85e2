"""Chapter 4. The encoder: embeddings, then blocks of attention and a feed-forward network.

BERT and DistilBERT are two configurations of this one encoder (config.py). A block is that of Vaswani et al.
(2017), section 3.1: layer norm after each residual sum.

Letters in shapes: B sequences, L tokens, D width, I width of the feed-forward layer, H heads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.arguments import require_kind
from minidistil.ch03_attention.attention import MultiHeadAttention, padding_mask
from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch04_encoder.inputs import check_input

SLICE = 1024  # tokens that go through the feed-forward network at once, if it works in slices


@dataclass
class ModelOutput:
    """What a forward pass returns; what was not asked for is None.

    Any stands for None here: whoever asked for a loss need not ask a type checker whether it is there.
    """

    last_hidden_state: Tensor  # (B, L, D)
    hidden_states: tuple[Tensor, ...] | Any = None  # of the embeddings and of each block, (B, L, D) each
    attentions: tuple[Tensor, ...] | Any = None  # of each block, (B, H, L, L)
    logits: Tensor | Any = None  # in the shape that the model's forward documents
    loss: Tensor | Any = None  # a scalar


def layer_norm(hidden_states: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normalize each token's features to mean 0 and variance 1, then multiply by `weight` and add `bias`.

    Ba et al. (2016), "Layer Normalization", section 3. This is the formula; the modules below use
    PyTorch's nn.LayerNorm, which computes the same in one pass.

    Args:
        hidden_states: (..., D).
        weight, bias: (D,), learned.
        eps: added to the variance, so that D equal features give `bias` and not 0 / 0.

    Returns:
        (..., D).

    >>> layer_norm(torch.tensor([1.0, 5.0, 1.0, 5.0]), torch.ones(4), torch.zeros(4), eps=0.0)
    tensor([-1.,  1., -1.,  1.])
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)  # (..., D)
    variance = centred.square().mean(-1, keepdim=True)  # (..., 1)
    return centred / (variance + eps).sqrt() * weight + bias


def gelu(x: Tensor) -> Tensor:
    """The activation function: x times the probability that a standard normal variable is below x; any shape.

    Hendrycks and Gimpel (2016), "Gaussian Error Linear Units", section 2. This is the formula; the block
    below uses PyTorch's function of the same name, which computes the same in one pass.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0, 10.0])).round(decimals=3)
    tensor([-0.1590,  0.0000,  0.8410, 10.0000])
    """
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


class Embeddings(nn.Module):
    """The sum of word, position and (in BERT) token-type embeddings, then layer norm and dropout.

    >>> config = EncoderConfig(vocab_size=9, hidden_size=4, num_attention_heads=1)
    >>> Embeddings(config)(torch.tensor([[7, 8, 7]])).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.word: nn.Embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position: nn.Embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type: nn.Embedding | None = None
        if config.type_vocab_size:
            self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm: nn.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout: nn.Dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(B, L) -> (B, L, D)."""
        summed = self.word(input_ids) + self.position.weight[: input_ids.shape[1]]  # (B, L, D) + (L, D)
        if self.token_type is not None:
            types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
            summed = summed + self.token_type(types)
        return self.dropout(self.norm(summed))


class Block(nn.Module):
    """Attention, then a feed-forward network; the output of each is added to its input, then layer norm.

    BERT applies dropout to both outputs, DistilBERT only to that of the feed-forward network.

    >>> config = EncoderConfig(hidden_size=4, num_attention_heads=2, intermediate_size=8)
    >>> hidden_states, weights = Block(config)(torch.ones(1, 3, 4))
    >>> hidden_states.shape, weights
    (torch.Size([1, 3, 4]), None)
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.attention: MultiHeadAttention = MultiHeadAttention(
            config.hidden_size, config.num_attention_heads, config.attention_dropout
        )
        self.attention_norm: nn.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand: nn.Linear = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract: nn.Linear = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm: nn.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attended_dropout: nn.Module = nn.Dropout(config.dropout) if config.type_vocab_size else nn.Identity()
        self.fed_dropout: nn.Dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(B, L, D) -> (B, L, D) and, if asked for, the attention weights (B, H, L, L)."""
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        hidden_states = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(hidden_states + self.fed_dropout(self.feed_forward(hidden_states))), weights

    def feed_forward(self, hidden_states: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D): each token on its own, through a wider layer and a GELU."""
        if not torch.is_grad_enabled() and hidden_states.device.type == "cpu":
            return self._feed_forward_in_slices(hidden_states)
        return self.contract(nn.functional.gelu(self.expand(hidden_states)))  # (B, L, D) -> (B, L, I) -> (B, L, D)

    # --- The same, faster ---

    def _feed_forward_in_slices(self, hidden_states: Tensor) -> Tensor:
        """On a CPU, using the same memory again is faster than new memory: small slices, and a GELU in place.

        The tokens are independent here. With gradients it would not help: they need all of (B, L, I).
        """
        slices = hidden_states.flatten(0, 1).split(SLICE)  # (SLICE, D) each
        fed = [self.contract(torch.ops.aten.gelu_(self.expand(tokens))) for tokens in slices]
        return (torch.cat(fed) if len(fed) > 1 else fed[0]).view_as(hidden_states)


class Encoder(nn.Module):
    """Embeddings and a stack of blocks.

    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    >>> output = Encoder(config)(torch.tensor([[7, 8]]), output_hidden_states=True)
    >>> len(output.hidden_states), output.last_hidden_state.shape
    (4, torch.Size([1, 2, 4]))
    """

    __call__: Callable[..., ModelOutput]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: EncoderConfig):
        require_kind(EncoderConfig, config=config)
        super().__init__()
        self.config = config
        self.embeddings: Embeddings = Embeddings(config)
        self.layers: nn.ModuleList = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.apply(lambda module: initialize(module, config.initializer_range))

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
            token_type_ids: (B, L) int64; None means 0 everywhere. Ignored by an encoder without token types.
            output_hidden_states, output_attentions: whether to return these, too.

        Raises:
            TypeError: not a tensor.
            ValueError: wrong shape or type, too many tokens, or, on the CPU, ids out of range.
        """
        check_input(self.config, input_ids, attention_mask, token_type_ids)
        visible = visible_keys(attention_mask)  # (B, 1, 1, L)
        try:
            hidden = self.embeddings(input_ids, token_type_ids)  # (B, L, D)
        except IndexError as error:
            raise ValueError(
                f"input_ids must be below vocab_size {self.config.vocab_size} and token_type_ids below type_vocab_size "
                f"{self.config.type_vocab_size}, got input_ids from {input_ids.min()} to {input_ids.max()}"
            ) from error
        hidden_states, attentions = [hidden] if output_hidden_states else [], []
        for layer in self.layers:
            hidden, weights = layer(hidden, visible, output_attentions)  # (B, L, D)
            if output_hidden_states:  # otherwise the list would only keep their memory
                hidden_states.append(hidden)
            attentions.append(weights)
        return ModelOutput(
            last_hidden_state=hidden,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


def initialize(module: nn.Module, std: float) -> None:
    """Set BERT's initial weights: normal for matrices and embeddings, 0 for biases and for the row of the padding.

    nn.LayerNorm already begins with weight 1 and bias 0.
    """
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return  # on the meta device: the weights come from a file later
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()


def count_parameters(config: EncoderConfig) -> dict[str, int]:
    """The number of parameters of each part of an encoder, computed from its sizes.

    >>> count_parameters(EncoderConfig())["word embeddings"]
    23440896
    """
    d, i, n = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    return {
        "word embeddings": config.vocab_size * d,
        "position embeddings": config.max_position_embeddings * d,
        "token-type embeddings": config.type_vocab_size * d,
        "attention": n * 4 * (d * d + d),  # query, key, value, output: a matrix and a bias each
        "feed-forward": n * ((d * i + i) + (i * d + d)),
        "layer norms": 2 * d + n * 2 * 2 * d,  # a weight and a bias each: one norm of the embeddings, two of each block
    }


# --- The same, faster ---


def visible_keys(attention_mask: Tensor | None) -> Tensor | None:
    """`padding_mask`, or None if there is no padding: attention without a mask is faster.

    Only a CPU looks for padding: it would have to wait for a GPU's answer, and a compiled graph cannot depend on it.
    There, leave the mask out where you know that there is no padding.
    """
    if attention_mask is None:
        return None
    if attention_mask.device.type == "cpu" and not torch.compiler.is_compiling() and bool(attention_mask.all()):
        return None
    return padding_mask(attention_mask)
