"""Chapter 4, the encoder: write its parts yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments, and in
`Embeddings` and `Block` also what `__init__` makes: the tests put official weights into it.
Your code is compared with the official encoder, hidden state by hidden state and gradient by gradient:

    minidistil check ch04              what is right, what is not, and what it looks like
    minidistil hint ch04 1             a hint for the first exercise that is not written yet
    minidistil hint ch04 2 Block       the second hint for that one

Letters in shapes: B sequences, L tokens, D width, I width of the feed-forward layer, H heads.
From the package you may use the helpers imported below. `MultiHeadAttention` is chapter 3.
"""

import math

import torch
from torch import Tensor, nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput, check_input, initialize


def layer_norm(hidden_states: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Give each token's features mean 0 and variance 1, then multiply by `weight` and add `bias`.

    Write it with means and a root, without PyTorch's own layer norm. The variance is the mean of
    the squared distances from the mean; `eps` is added to it before the root is drawn.

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


def gelu(x: Tensor) -> Tensor:
    """x times the probability that a standard normal number is below x, exactly.

    That probability is (1 + erf(x / sqrt(2))) / 2. Write it without PyTorch's own gelu.

    Args:
        x: any shape.

    Returns:
        The same shape.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0, 10.0])).round(decimals=3)
    tensor([-0.1590,  0.0000,  0.8410, 10.0000])
    """
    raise NotImplementedError


class Embeddings(nn.Module):
    """Word + position (+ token type), layer norm, dropout.

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
        """Sum of the rows for word, position (0 for the first token) and token type; then norm, then dropout.

        Args:
            input_ids: (B, L).
            token_type_ids: (B, L); None means 0 everywhere. An encoder without token types adds none.

        Returns:
            (B, L, D).
        """
        raise NotImplementedError


class Block(nn.Module):
    """Attention, then two linear layers with a GELU between; each added to its input and normed.

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
        """Twice the same pattern: norm(input + dropout(branch of the input)), each with a norm and dropout of its own.

        The first branch is the attention, called as `self.attention(hidden_states, visible, output_attentions)`:
        it returns its output (B, L, D) and its weights, which are None unless asked for. The second branch
        is expand, GELU, contract, and its input is what the first norm gave. `attended_dropout` belongs to the first
        and does nothing in a DistilBERT; `fed_dropout` belongs to the second.

        Args:
            hidden_states: (B, L, D).
            visible: (B, 1, 1, L) bool, False at padding; None where there is none.
            output_attentions: whether the attention weights are wanted.

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

        At the end give every module BERT's initial weights: `self.apply` calls a function on each
        module, and `initialize(module, config.initializer_range)` is what to do with one.
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
        """Embed, then let the blocks follow one another.

        Begin with `check_input(self.config, input_ids, attention_mask, token_type_ids)`, which refuses bad input.

        Args:
            input_ids: (B, L) int64.
            attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding. The blocks
                want it as bool and as (B, 1, 1, L), the same for all heads and all queries.
            token_type_ids: (B, L) int64, 0 everywhere if None.

        Returns:
            ModelOutput with last_hidden_state and, if asked for, the tuples hidden_states (the embeddings and
            what each block gave) and attentions (one a block); otherwise None.
        """
        raise NotImplementedError


def count_parameters(config: EncoderConfig) -> dict[str, int]:
    """How many parameters each part of an encoder has, from its sizes alone: build no model.

    Returns:
        The keys "word embeddings", "position embeddings", "token-type embeddings", "attention" (all four
        projections), "feed-forward" and "layer norms" (that of the embeddings and all of the blocks'), the
        last three over all layers.

    >>> config = EncoderConfig(vocab_size=10, hidden_size=2, num_hidden_layers=1, num_attention_heads=1,
    ...     intermediate_size=3, max_position_embeddings=5)
    >>> list(count_parameters(config).values())
    [20, 10, 4, 24, 17, 12]
    """
    raise NotImplementedError
