"""Chapter 1, WordPiece: write the tokenizer's parts yourself.

Replace each `raise NotImplementedError` with your code; keep the names and the arguments.
The package then uses your functions in place of its own, and its tests run on them, up to a comparison with the
official tokenizer:

    minidistil check ch01              which ones are right, and what may be wrong with the others
    minidistil hint ch01 1             a hint for the first exercise that is not written yet
    minidistil hint ch01 2 normalize   the second hint for that one

From the package you may use the helpers imported below.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.normalization import Characters
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, Pair, join_pair


def count_pairs(words: Iterable[tuple[Sequence[str], int]]) -> Counter[Pair]:
    """How often each pair of neighbouring pieces occurs in a text.

    Args:
        words: (pieces, count) for each word of the text: its pieces, and how often the word occurs.

    >>> sorted(count_pairs([(["h", "##u", "##g"], 10), (["h", "##u"], 1)]).items())
    [(('##u', '##g'), 10), (('h', '##u'), 11)]
    """
    raise NotImplementedError


def merge_pair(pieces: Sequence[str], pair: Pair) -> list[str]:
    """The pieces of a word with each occurrence of the pair made one piece, from left to right.

    `join_pair` gives the name of the new piece. `pieces` is not changed.

    >>> merge_pair(["h", "##u", "##g", "##s"], ("##u", "##g"))
    ['h', '##ug', '##s']
    >>> merge_pair(["h", "##m", "##m", "##m"], ("##m", "##m"))
    ['h', '##mm', '##m']
    """
    raise NotImplementedError


def longest_match(word: str, vocab: dict[str, int]) -> list[str] | None:
    """The pieces of a word: the longest one of the vocabulary that it begins with, then the same with the rest.

    All pieces but the first are in the vocabulary with "##" before them. A piece that was taken stays, even if nothing
    fits after it.

    Returns:
        The pieces as written in the vocabulary. None if the word has more than MAX_WORD_LENGTH characters or cannot be
        covered to its end: whoever calls this puts [UNK] in its place.

    >>> longest_match("unhappy", {"un": 0, "##happy": 1, "##h": 2, "##ap": 3, "##py": 4})
    ['un', '##happy']
    >>> longest_match("unhelpful", {"un": 0, "##h": 1}) is None
    True
    """
    raise NotImplementedError


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own.

    That is all of Unicode's punctuation (the categories that begin with P), and every printable ASCII character that
    is not a letter, digit or space: also "$" and "+", but not "€".

    Args:
        char: one character.

    >>> [is_punctuation(char) for char in "!$€。a "]
    [True, True, False, True, False, False]
    """
    raise NotImplementedError


def normalize(text: str) -> Characters:
    """Clean, put spaces around Chinese characters, strip accents, lower-case.

    - Characters for which `is_control` is true are dropped.
    - White space of any kind (`str.isspace`) becomes " ".
    - A Chinese character (`is_chinese`) gets a " " before and one after it, with its own index.
    - Every other character is decomposed ("é" into "e" and an accent: `unicodedata.normalize`, form NFD), parts of
      category Mn (the accents) are dropped, and what is left is lower-cased.

    Returns:
        (character, index) for each resulting character, where index is the place in `text` of the character that it
        came from, so that tokens can be found in the original text.

    >>> normalize("Né 北")
    [('n', 0), ('e', 1), (' ', 2), (' ', 3), ('北', 3), (' ', 3)]
    """
    raise NotImplementedError


def split_words(characters: Characters) -> Iterator[Characters]:
    """The words between spaces; every punctuation mark (your `is_punctuation`) is a word of its own.

    Args:
        characters: what `normalize` returns.

    >>> list(split_words([("i", 0), ("'", 1), ("m", 2), (" ", 3), ("x", 4)]))
    [[('i', 0)], [("'", 1)], [('m', 2)], [('x', 4)]]
    """
    raise NotImplementedError


def truncate(parts: list[list[int]], room: int) -> list[list[int]]:
    """Drop tokens from the end of one text or two until `room` tokens are left, from the longer text first.

    The longer text loses tokens until both are equally long; then each gets half of the room. If the room is odd, the
    text that was longer before anything was dropped (of two equal ones, the second) keeps one token more.

    Args:
        parts: the ids of one text or of two.
        room: how many tokens may stay, of both texts together.

    >>> truncate([[1, 2, 3, 4, 5], [6, 7]], 4)
    [[1, 2], [6, 7]]
    >>> truncate([[1, 2, 3, 4, 5], [6, 7]], 6)
    [[1, 2, 3, 4], [6, 7]]
    """
    raise NotImplementedError


def join_pieces(pieces: Sequence[str]) -> str:
    """The way back: pieces joined to a text.

    "##" pieces continue the word before them (the first piece of all stays as it is). Every other piece but the first
    gets a space before it, unless it begins with . ? ! or a comma, or with n't, 'm, 's, 've or 're. An apostrophe alone
    keeps its spaces, as in transformers 5.

    >>> join_pieces(["un", "##happy", "?", "i", "'", "m", "not", "!"])
    "unhappy? i ' m not!"
    """
    raise NotImplementedError
