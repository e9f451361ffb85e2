"""Chapter 1, WordPiece: write the tokenizer's parts yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments.
Your functions are put into the package's tokenizer in place of its own, and the package's own
tests run on them, up to the official tokenizer's ids on real text:

    minidistil check ch01              what is right, what is not, and what it looks like
    minidistil hint ch01 1             a hint for the first exercise that is not written yet
    minidistil hint ch01 2 normalize   the second hint for that one

From the package you may use the helpers imported below.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.normalization import Characters
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, Pair, join_pair


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own.

    That is all of Unicode's punctuation (categories that begin with P) and, besides, every
    printable ASCII character that is no letter, digit or space: "$" and "+" too, but not "€".

    Args:
        char: one character.

    >>> [is_punctuation(char) for char in "!$€。a "]
    [True, True, False, True, False, False]
    """
    raise NotImplementedError


def normalize(text: str) -> Characters:
    """Clean, set ideographs apart, strip accents, lower-case.

    - Characters for which `is_control` holds are dropped.
    - White space of any kind (`str.isspace`) becomes " ".
    - A Chinese character (`is_chinese`) gets a " " before and one after it, with its own index.
    - Every other character is decomposed ("é" into "e" and an accent: `unicodedata.normalize`,
      form NFD), parts of category Mn (the accents) are dropped, what is left is lower-cased.

    Returns:
        (character, index) for each resulting character, where index is the place in `text` of the
        character that it came from, so that tokens can be traced back to the original text.

    >>> normalize("Né 北")
    [('n', 0), ('e', 1), (' ', 2), (' ', 3), ('北', 3), (' ', 3)]
    """
    raise NotImplementedError


def split_words(characters: Characters) -> Iterator[Characters]:
    """Words between spaces; every punctuation mark (`is_punctuation`, yours) is a word of its own.

    Args:
        characters: what `normalize` returns.

    >>> list(split_words([("i", 0), ("'", 1), ("m", 2), (" ", 3), ("x", 4)]))
    [[('i', 0)], [("'", 1)], [('m', 2)], [('x', 4)]]
    """
    raise NotImplementedError


def longest_match(word: str, vocab: dict[str, int]) -> list[str] | None:
    """The pieces of a word: the longest one of the vocabulary that it begins with, then so on with the rest.

    All pieces but the first are in the vocabulary with "##" before them.

    Returns:
        The pieces as written in the vocabulary; None where the word has more than MAX_WORD_LENGTH
        characters or cannot be covered to its end: it becomes [UNK] as a whole.

    >>> longest_match("unhappy", {"un": 0, "##happy": 1, "##h": 2, "##ap": 3, "##py": 4})
    ['un', '##happy']
    >>> longest_match("unhelpful", {"un": 0, "##h": 1}) is None
    True
    """
    raise NotImplementedError


def truncate(parts: list[list[int]], room: int) -> list[list[int]]:
    """Cut one text or two to `room` tokens together, from the end, the longer text first.

    The longer text loses tokens until both are equally long, then they share the room evenly. Of an
    odd room the longer one (of two equal ones, the second) keeps the one token more.

    Args:
        parts: the ids of one text or of two.
        room: how many may stay, all together.

    >>> truncate([[1, 2, 3, 4, 5], [6, 7]], 4)
    [[1, 2], [6, 7]]
    >>> truncate([[1, 2, 3, 4, 5], [6, 7]], 6)
    [[1, 2, 3, 4], [6, 7]]
    """
    raise NotImplementedError


def join_pieces(pieces: Sequence[str]) -> str:
    """The way back: pieces joined to a text.

    "##" pieces continue the word before them (the very first piece stays as it is). Then, in this order, the
    spaces in " .", " ?", " !" and " ," are removed, " ' " becomes "'", and the spaces before n't, 'm, 's, 've and
    're are removed.

    >>> join_pieces(["un", "##happy", "?", "i", "'", "m", "not", "!"])
    "unhappy? i'm not!"
    """
    raise NotImplementedError


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

    `join_pair` gives the name of the new piece.

    >>> merge_pair(["h", "##u", "##g", "##s"], ("##u", "##g"))
    ['h', '##ug', '##s']
    >>> merge_pair(["h", "##m", "##m", "##m"], ("##m", "##m"))
    ['h', '##mm', '##m']
    """
    raise NotImplementedError
