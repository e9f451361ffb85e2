"""Chapter 1. Words: from a text to the words that WordPiece cuts into pieces.

The steps of BERT's uncased tokenizer before any vocabulary:

1. normalise: drop control characters, set Chinese characters apart, strip accents, lower-case;
2. split at white space and around every punctuation mark.

Reference: Devlin et al. (2019), "BERT", and the tokenizer published with it
(google-research/bert, tokenization.py).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

# Ideographs that stand alone as words. The gap at 2B820 is in the official code too.
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)

# A word on its way through the steps: its characters, each with its index in the original text.
Characters = list[tuple[str, int]]


def is_chinese(char: str) -> bool:
    """Whether the character is a CJK ideograph (kana and hangul are not: they form words)."""
    code = ord(char)
    return code >= 0x3400 and any(first <= code <= last for first, last in _CHINESE)


def is_control(char: str) -> bool:
    """Whether cleaning deletes the character: NUL, U+FFFD and the categories Cc, Cf and Co."""
    if char in "\t\n\r":
        return False
    return char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co")


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own: Unicode punctuation and all ASCII symbols."""
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")


def normalize(text: str) -> Characters:
    """Step 2: clean, set ideographs apart, strip accents, lower-case.

    Each resulting character comes with the index of the original character that it came
    from, so that offsets hold even where the length changes.
    """
    result: Characters = []
    for index, char in enumerate(text):
        if is_control(char):
            continue
        if char.isspace():
            result.append((" ", index))
            continue
        letters = [
            (lower, index)
            for part in unicodedata.normalize("NFD", char)
            if unicodedata.category(part) != "Mn"
            for lower in part.lower()
        ]
        result += [(" ", index), *letters, (" ", index)] if is_chinese(char) else letters
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


def plain_words(text: str) -> list[str]:
    """The words of a text, without offsets: short work for printable ASCII without white space."""
    if text.isascii() and text.isprintable() and " " not in text:
        return _ASCII_WORD.findall(text.lower())
    return ["".join(char for char, _ in word) for word in split_words(normalize(text))]


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
    if _DELETED_SPACES.search(text):
        text = _DELETED_SPACES.sub("", text)
    return text.split()
