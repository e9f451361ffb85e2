"""Chapter 1. Characters: what BERT's tokenizer takes each of Unicode's characters for.

Unicode grows every year and keeps its old characters as they are. The official tokenizer
(`tokenizers`, written in Rust) took its categories and decompositions from Unicode 8 (2015)
and its lower case from Unicode 17 (2025); Python 3.10 to 3.13 bring Unicode 13 to 15.1. `category`,
`decompose` and `lower` answer as the official one does, on all of these Pythons.
"""

import unicodedata
from bisect import bisect_right

# Where Unicode has got marks, punctuation or control characters since version 8. To the official
# tokenizer all of these are letters; between the new ones there are only letters.
_LATER_RANGES = (
    "5C8-5C9 61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B53-B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 1715 180F-1886 "
    "1ABF-1AF0 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E63 A82C A8C5 A8FF A9BD 10D24-10F89 11070-11074 110C2-110CD 111CF "
    "1123E-11241 1133B 113BB-1145E 11660-1166C 116B9 1182F-11FFF 12FF1-1612F 16D6D-16F4F 16FE2-16FF1 1CF00-1D128 "
    "1D25B-1D25C 1E000-1E6F5 1E944-1E95F"
)
# Of those, the marks of Unicode 9: the official tokenizer knows how to order them.
_ORDERED_RANGES = "8D4-8E1 1DFB 11442 11446 11C3F 1E000-1E02A 1E944-1E94A"


def _ranges(text: str) -> list[tuple[int, int]]:
    parts = (part.partition("-") for part in text.split())
    return [(int(first, 16), int(last or first, 16)) for first, _, last in parts]


_LATER, _ORDERED = _ranges(_LATER_RANGES), _ranges(_ORDERED_RANGES)

# Characters that Unicode has moved to another category since version 8.
_MOVED = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po"}

# Capital letters that Python 3.10 does not know yet, and the way from each to its small letter.
_LATER_CAPITALS = {
    chr(code): chr(code + way)
    for codes, way in (
        ((0x1C89, 0xA7C0, 0xA7CC, 0xA7CE, *range(0xA7D0, 0xA7DC, 2)), 1),
        ((0x2C2F,), 0x5F - 0x2F),
        ((0xA7CB,), 0x0264 - 0xA7CB),
        ((0xA7DC,), 0x019B - 0xA7DC),
        ((*range(0x10570, 0x1057B), *range(0x1057C, 0x1058B), *range(0x1058C, 0x10593), 0x10594, 0x10595), 0x27),
        (range(0x10D50, 0x10D66), 0x20),
        (range(0x16EA0, 0x16EB9), 0x1B),
    )
    for code in codes
}

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


def _within(ranges: list[tuple[int, int]], char: str) -> bool:
    place = bisect_right(ranges, (ord(char), 0x110000)) - 1
    return place >= 0 and ord(char) <= ranges[place][1]


def category(char: str) -> str:
    """The official tokenizer's category of a character: "Lu", "Mn", "Po" …"""
    return "Lo" if _within(_LATER, char) else _MOVED.get(char) or unicodedata.category(char)


def decompose(char: str) -> str:
    """A letter and its accents apart ("é" as "e" and U+0301); most characters are their own decomposition."""
    return char if _within(_LATER, char) else unicodedata.normalize("NFD", char)


def combining(char: str) -> int:
    """The class of a mark, by which the marks on one letter are put in order; 0 for all that is no such mark."""
    unknown = _within(_LATER, char) and not _within(_ORDERED, char)
    return 0 if unknown else unicodedata.combining(char)


def lower(char: str) -> str:
    """The small letter or letters of one character."""
    return _LATER_CAPITALS.get(char) or char.lower()


def is_chinese(char: str) -> bool:
    """Whether the character is a CJK ideograph (kana and hangul are not: they form words)."""
    code = ord(char)
    return code >= 0x3400 and any(first <= code <= last for first, last in _CHINESE)


def is_control(char: str) -> bool:
    """Whether cleaning deletes the character: NUL, U+FFFD and the categories Cc, Cf and Co."""
    if char in "\t\n\r":
        return False
    return char in "\0\ufffd" or category(char) in ("Cc", "Cf", "Co")


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own: Unicode punctuation and all ASCII symbols."""
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return category(char).startswith("P")
