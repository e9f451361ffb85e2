"""Chapter 4, the encoder: write its parts yourself.

Replace each `raise NotImplementedError` with your code; keep the names and the arguments, and do not change
`__init__` of `Embeddings` and `Block`: the tests load official weights into their layers. Every hidden state and
every gradient is compared with the official encoder:

    minidistil check ch04              what is right, what is wrong, and which known mistake it is
    minidistil hint ch04 1             a hint for the first exercise that is not written yet
    minidistil hint ch04 2 Block       the second hint for that one

Letters in shapes: B sequences, L tokens, D width, I width of the feed-forward layer, H heads.
You may use the helpers that are imported from the package below. `MultiHeadAttention` is chapter 3.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput, check_input, initialize


def layer_norm(hidden_states: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normalize each token's features to mean 0 and variance 1, then multiply by `weight` and add `bias`.

    Write the formula, without PyTorch's own `torch.nn.functional.layer_norm` or `nn.LayerNorm`. The variance is
    the mean of the squared differences from the mean; `eps` is added to it before the square root.

    Args:
        hidden_states: (..., D).
        weight, bias: (D,).
        eps: a small number.

    Returns:
        (..., D).

    >>> layer_norm(torch.tensor([1.0, 5.0, 1.0, 5.0]), torch.ones(4), torch.zeros(4), eps=0.0)
    tensor([-1.,  1., -1.,  1.])
    """
    raise NotImplementedError


class Embeddings(nn.Module):
    """The sum of word, position and (in BERT) token-type embeddings, then layer norm and dropout.

    >>> config = EncoderConfig(vocab_size=9, hidden_size=4, num_attention_heads=1)
    >>> Embeddings(config)(torch.tensor([[7, 8, 7]])).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """Add the rows for word, position (0 for the first token) and token type; then layer norm, then dropout.

        Args:
            input_ids: (B, L).
            token_type_ids: (B, L); None means 0 everywhere. Ignored if `self.token_type` is None.

        Returns:
            (B, L, D).
        """
        raise NotImplementedError


def gelu(x: Tensor) -> Tensor:
    """The activation function: x times the probability that a standard normal variable is below x, exactly.

    This probability is (1 + erf(x / sqrt(2))) / 2. Write it without PyTorch's own
    `torch.nn.functional.gelu` or `nn.GELU`.

    Args:
        x: any shape.

    Returns:
        The same shape.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0, 10.0])).round(decimals=3)
    tensor([-0.1590,  0.0000,  0.8410, 10.0000])
    """
    raise NotImplementedError


class Block(nn.Module):
    """Attention, then a feed-forward network; the output of each is added to its input, then layer norm.

    >>> config = EncoderConfig(hidden_size=4, num_attention_heads=2, intermediate_size=8)
    >>> hidden_states, weights = Block(config)(torch.ones(1, 3, 4))
    >>> hidden_states.shape, weights
    (torch.Size([1, 3, 4]), None)
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.attention = MultiHeadAttention(config.hidden_size, config.num_attention_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attended_dropout = nn.Dropout(config.dropout) if config.type_vocab_size else nn.Identity()
        self.fed_dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden_states: Tensor, visible: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Twice norm(input + dropout(branch(input))), each time with another norm, dropout and branch.

        The first branch is the attention, called as `self.attention(hidden_states, visible, output_attentions)`:
        it returns its output (B, L, D) and its weights, or None instead of the weights if they are not asked for.
        Use `attention_norm` and `attended_dropout`, which does nothing in a DistilBERT. The second branch is expand,
        GELU, contract; its input is the result of the first half. Use `output_norm` and `fed_dropout`.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, False at padding; None if there is no padding.
            output_attentions: whether to return the attention weights.

        Returns:
            (B, L, D), and the attention weights (B, H, L, L) or None.
        """
        raise NotImplementedError


class Encoder(nn.Module):
    """Embeddings and a stack of blocks.

    >>> config = EncoderConfig(hidden_size=4, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    >>> output = Encoder(config)(torch.tensor([[7, 8]]), output_hidden_states=True)
    >>> len(output.hidden_states), output.last_hidden_state.shape
    (4, torch.Size([1, 2, 4]))
    """

    def __init__(self, config: EncoderConfig):
        """Make `self.embeddings`, and `self.layers`: an nn.ModuleList of config.num_hidden_layers blocks.

        At the end set BERT's initial weights: call `initialize(module, config.initializer_range)` for each
        module; `self.apply` calls a function with each module.
        """
        super().__init__()
        self.config = config
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> ModelOutput:
        """Embed, then apply one block after the other.

        Begin with `check_input(self.config, input_ids, attention_mask, token_type_ids)`.

        Args:
            input_ids: (B, L) int64.
            attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding. The blocks
                need it as bool and as (B, 1, 1, L), the same for all heads and all queries.
            token_type_ids: (B, L) int64; None means 0 everywhere.

        Returns:
            ModelOutput with last_hidden_state and, if asked for, the tuples hidden_states (of the embeddings and
            of each block) and attentions (of each block); otherwise None.
        """
        raise NotImplementedError


def count_parameters(config: EncoderConfig) -> dict[str, int]:
    """The number of parameters of each part of an encoder, computed from its sizes: do not build a model.

    Returns:
        The keys "word embeddings", "position embeddings", "token-type embeddings", "attention" (all four
        linear layers), "feed-forward" and "layer norms" (of the embeddings and of the blocks). The last three
        are sums over all blocks.

    >>> config = EncoderConfig(vocab_size=10, hidden_size=2, num_hidden_layers=1, num_attention_heads=1,
    ...     intermediate_size=3, max_position_embeddings=5)
    >>> list(count_parameters(config).values())
    [20, 10, 4, 24, 17, 12]
    """
    raise NotImplementedError
