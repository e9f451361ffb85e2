"""Chapter 1. Words: from a text to the words that WordPiece cuts into pieces.

Two of the five steps of BERT's uncased tokenizer (`wordpiece` has the others), those before any vocabulary:

2. normalise: drop control characters, set Chinese characters apart, strip accents, lower-case;
3. split at white space and around every punctuation mark.

Reference: Devlin et al. (2019), "BERT", and the tokenizer published with it
(google-research/bert, tokenization.py).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from minidistil.ch01_wordpiece.characters import (
    category,
    combining,
    decompose,
    is_chinese,
    is_control,
    is_punctuation,
    lower,
)

# A word on its way through the steps: its characters, each with its index in the original text.
Characters = list[tuple[str, int]]


def normalize(text: str) -> Characters:
    """Step 2: clean, set ideographs apart, strip accents, lower-case.

    Each resulting character comes with the index of the original character that it came
    from, so that offsets hold even where the length changes.
    """
    characters: Characters = []
    for index, char in enumerate(text):
        if is_control(char):
            continue
        if is_chinese(char):
            characters += [(" ", index), (char, index), (" ", index)]
        else:
            characters.append((" " if char.isspace() else char, index))
    return [(letter, index) for part, index in _parts(characters) if category(part) != "Mn" for letter in lower(part)]


def _parts(characters: Characters) -> Characters:
    """Decompose each character; marks on one letter in Unicode's canonical order.

    Indices do not travel with marks that change places (as in `tokenizers`): the first part of a
    character, wherever it goes, takes the index of the next character, further parts repeat it.
    """
    parts = [(part, place == 0) for char, _ in characters for place, part in enumerate(decompose(char))]
    indices = (index for _, index in characters)
    result: Characters = []
    for is_mark, group in groupby(parts, key=lambda part: combining(part[0]) > 0):
        for part, is_first in sorted(group, key=lambda part: combining(part[0])) if is_mark else group:
            result.append((part, next(indices) if is_first else result[-1][1]))
    return result


def split_words(characters: Characters) -> Iterator[Characters]:
    """Step 3: words between white space; every punctuation mark is a word."""
    word: Characters = []
    for char, index in characters:
        if char == " " or is_punctuation(char):
            if word:
                yield word
            if char != " ":
                yield [(char, index)]
            word = []
        else:
            word.append((char, index))
    if word:
        yield word


_ASCII_WORD = re.compile("[a-z0-9]+|[^a-z0-9]")


def plain_words(stretch: str) -> list[str]:
    """The words of a stretch without white space, without offsets: a short way for ASCII, which is most text."""
    if stretch.isascii():
        if stretch.isalnum():
            return [stretch.lower()]
        if stretch.isprintable() and " " not in stretch:
            return _ASCII_WORD.findall(stretch.lower())
    return ["".join(char for char, _ in word) for word in split_words(normalize(stretch))]


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs; each stretch between white space is normalised once."""
    stretches: Counter[str] = Counter()
    for text in texts:
        stretches.update(split_stretches(text))
    words: Counter[str] = Counter()
    for stretch, count in stretches.items():
        for word in plain_words(stretch):
            words[word] += count
    return words


# str.split() takes these for white space, BERT's cleaning deletes them.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


def split_stretches(text: str) -> list[str]:
    """A text at its white space, cut at places where every word ends."""
    if not text.isprintable():
        text = _DELETED_SPACES.sub("", text)
    return text.split()
