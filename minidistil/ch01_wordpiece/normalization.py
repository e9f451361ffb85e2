"""Chapter 1. Words: from a text to the words that WordPiece cuts into pieces.

Two of the five steps of BERT's uncased tokenizer (see `wordpiece`), those that need no vocabulary:

2. normalize: drop control characters, put spaces around Chinese characters, strip accents, lower-case;
3. split at white space and around every punctuation mark.

Reference: Devlin et al. (2019), "BERT", and its tokenizer (google-research/bert, tokenization.py).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, groupby

from minidistil.ch01_wordpiece.characters import (
    category,
    combining,
    decompose,
    is_chinese,
    is_control,
    is_punctuation,
    lower,
)

# Characters on their way through the steps, each with its index in the original text.
Characters = list[tuple[str, int]]


def normalize(text: str) -> Characters:
    """Step 2: clean, put spaces around Chinese characters, strip accents, lower-case.

    Each resulting character comes with the index of the original character that it came from, so that tokens can be
    found in the original text although the length changes.

    >>> normalize("Né 北")
    [('n', 0), ('e', 1), (' ', 2), (' ', 3), ('北', 3), (' ', 3)]
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
    """Decompose each character, and put the marks on one letter in Unicode's canonical order.

    As in `tokenizers`, the indices stay where they are when marks change places: the first part of a character takes
    the next character's index, wherever it goes, and further parts repeat the index before them.
    """
    parts = [(part, place == 0) for char, _ in characters for place, part in enumerate(decompose(char))]
    indices = (index for _, index in characters)
    result: Characters = []
    for is_mark, group in groupby(parts, key=lambda part: combining(part[0]) > 0):
        for part, is_first in sorted(group, key=lambda part: combining(part[0])) if is_mark else group:
            result.append((part, next(indices) if is_first else result[-1][1]))
    return result


def split_words(characters: Characters) -> Iterator[Characters]:
    """Step 3: the words between white space; every punctuation mark is a word of its own.

    >>> list(split_words([("i", 0), ("'", 1), ("m", 2), (" ", 3), ("x", 4)]))
    [[('i', 0)], [("'", 1)], [('m', 2)], [('x', 4)]]
    """
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


def words_of(text: str, **parts: bool) -> list[str]:
    """Steps 2 and 3: the words of a text, without indices; `parts` as in `normalize_as`.

    >>> words_of("It's a café.")
    ['it', "'", 's', 'a', 'cafe', '.']
    """
    return ["".join(char for char, _ in word) for word in split_words(normalize_as(text, **parts))]


# --- Step 2 of other models: a cased one neither strips accents nor lower-cases ---


def normalize_as(
    text: str, do_lower_case: bool = True, strip_accents: bool = True, tokenize_chinese_chars: bool = True
) -> Characters:
    """As `normalize`, but only the parts that are wanted; they have transformers' names.

    >>> normalize_as("Né", do_lower_case=False, strip_accents=False)
    [('N', 0), ('é', 1)]
    """
    if do_lower_case and strip_accents and tokenize_chinese_chars:
        return normalize(text)
    characters: Characters = []
    for place, char in enumerate(text):
        if not is_control(char):
            apart = " " if tokenize_chinese_chars and is_chinese(char) else ""
            characters += [(part, place) for part in (apart, " " if char.isspace() else char, apart) if part]
    if strip_accents:
        characters = [(part, index) for part, index in _parts(characters) if category(part) != "Mn"]
    return [(letter, index) for char, index in characters for letter in (lower(char) if do_lower_case else char)]


# --- The same, faster: words repeat, and most of them are ASCII ---

_ASCII_WORD = re.compile("[A-Za-z0-9]+|[^A-Za-z0-9]")
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")  # white space to str.split(), but cleaning deletes them


def split_stretches(text: str) -> list[str]:
    """A text at its white space: no word goes beyond such a stretch, so that each can be normalized alone."""
    return (text if text.isprintable() else _DELETED_SPACES.sub("", text)).split()


def plain_words(stretch: str, **parts: bool) -> list[str]:
    """The words of a stretch, as `words_of` gives them: ASCII, which is most text, needs no decomposition."""
    if stretch.isascii() and stretch.isprintable() and " " not in stretch:
        plain = stretch.lower() if parts.get("do_lower_case", True) else stretch
        return [plain] if plain.isalnum() else _ASCII_WORD.findall(plain)
    return words_of(stretch, **parts)


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs in the texts."""
    words: Counter[str] = Counter()
    for stretch, count in Counter(chain.from_iterable(map(split_stretches, texts))).items():
        for word in plain_words(stretch):
            words[word] += count
    return words
