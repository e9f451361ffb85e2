"""Chapter 1. The way back: from token ids to a text."""

import reprlib
from collections.abc import Sequence
from typing import Any

from minidistil.arguments import listed

_CLOSE = (".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re")  # pieces with no space before them


def join_pieces(pieces: Sequence[str]) -> str:
    """The way back: pieces joined to a text, without the space before punctuation that ends something.

    >>> join_pieces(["un", "##happy", "?", "i", "'", "m", "not", "!"])
    "unhappy? i ' m not!"
    """
    text = ""
    for place, piece in enumerate(pieces):
        if place and piece.startswith("##"):
            text += piece[2:]
        else:
            text += piece if place == 0 or piece.startswith(_CLOSE) else f" {piece}"
    return text


def clean_up(text: str) -> str:
    """A joined text without the spaces around apostrophes either, as in transformers' clean_up_tokenization.

    >>> clean_up("unhappy? i ' m not!")
    "unhappy? i'm not!"
    """
    for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):  # in this order
        text = text.replace(spaced, spaced.strip())
    return text


def whole_numbers(ids: Any) -> list[int]:
    """The ids of one text in a list, an array or a tensor (L,).

    Raises:
        TypeError: they are anything else.
    """
    numbers = [each.tolist() if hasattr(each, "tolist") else each for each in listed(ids, "token ids")]
    if wrong := [each for each in numbers if type(each) is not int]:
        raise TypeError(f"Expected whole numbers, the ids of one text, got {reprlib.repr(wrong[0])} among them.")
    return numbers
