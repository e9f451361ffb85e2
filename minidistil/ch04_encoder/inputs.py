"""Chapter 4. What is given to a model, checked once, where it comes in.

Only types, shapes and sizes are checked: a question about a value, such as the largest id, would let a GPU wait, and
would break the graph of `torch.compile`. Ids and labels out of range are found by the lookup that fails.
"""

from typing import Any

import torch
from torch import Tensor

from minidistil.arguments import require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.config import EncoderConfig

INTEGERS = (torch.int64, torch.int32)  # what PyTorch's embeddings take


def check_input(
    config: EncoderConfig, input_ids: Tensor, attention_mask: Tensor | None, token_type_ids: Tensor | None
) -> None:
    """Check the input of Encoder.forward; the arguments are the same.

    Raises:
        TypeError: not a tensor.
        ValueError: wrong shape or type, or too many tokens.
    """
    require_tensor("input_ids", input_ids, integers=True)
    shape = tuple(input_ids.shape)
    if len(shape) != 2 or not shape[1]:
        raise ValueError(f"input_ids must have shape (batch, length), got {shape}: expected a token or more")
    for name, given in (("attention_mask", attention_mask), ("token_type_ids", token_type_ids)):
        if given is not None:
            require_tensor(name, given, integers=name == "token_type_ids")
            if given.shape != shape:
                raise ValueError(f"{name} must have the shape of input_ids, {shape}, got {tuple(given.shape)}")
    if shape[1] > config.max_position_embeddings:
        raise ValueError(
            f"The input is {shape[1]} tokens long, the model takes {config.max_position_embeddings} at most: truncate "
            "or split the text."
        )


def whole_labels(name: str, given: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Labels or positions as int64 in this shape; a further dimension of 1 is removed.

    Raises:
        TypeError: not a tensor.
        ValueError: another type or shape.
    """
    require_tensor(name, given, integers=True)
    if given.shape not in (shape, (*shape, 1)):
        raise ValueError(f"{name} has shape {tuple(given.shape)}: expected {shape}.")
    return given.reshape(shape).long()


def require_tensor(name: str, given: Any, integers: bool = False) -> None:
    """Raise TypeError unless an argument is a tensor, and ValueError unless it has a type of integers, if asked for."""
    if not isinstance(given, Tensor):
        raise TypeError(
            f"{name} is of type {type(given).__name__}: expected a tensor, as torch.tensor(…) makes it. A batch of the "
            "tokenizer is passed by name: model(**batch)."
        )
    if integers and given.dtype not in INTEGERS:
        raise ValueError(f"{name} must be integers (torch.int64), got {given.dtype}: convert them with .long().")


def require_fit(tokenizer: WordPiece, model: Any, kind: type) -> None:
    """Raise unless both are what they should be, and the vocabulary has as many tokens as the model has embeddings.

    Raises:
        TypeError: the model is not of this kind, or the tokenizer is no WordPiece.
        ValueError: another number of tokens.
    """
    require_kind(kind, model=model)
    require_kind(WordPiece, tokenizer=tokenizer)
    if len(tokenizer) != model.config.vocab_size:
        raise ValueError(
            f"The vocabulary has {len(tokenizer)} tokens, the model was made for {model.config.vocab_size}: "
            "use the vocabulary that belongs to the model."
        )
