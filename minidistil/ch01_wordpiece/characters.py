"""Chapter 1. Characters: which ones BERT's tokenizer deletes, sets apart or splits at.

What a character is depends on the version of Unicode. The official tokenizer (`tokenizers`, written in Rust) has its
categories and decompositions from Unicode 8 (2015) and its lower case from Unicode 17 (2025); Python 3.10 to 3.13 have
Unicode 13 to 15.1. The functions here answer as the official tokenizer does, on all of these Pythons.
"""

import unicodedata
from bisect import bisect_right


def is_control(char: str) -> bool:
    """Whether cleaning deletes the character: U+FFFD and the categories Cc (such as NUL), Cf and Co."""
    return char not in "\t\n\r" and (char == "\ufffd" or category(char) in ("Cc", "Cf", "Co"))


def is_chinese(char: str) -> bool:
    """Whether the character is a CJK ideograph (kana and hangul are not: they form words)."""
    return char >= "\u3400" and _within(_CHINESE, char)


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own: Unicode punctuation and all ASCII symbols.

    >>> [is_punctuation(char) for char in "!$€。a "]
    [True, True, False, True, False, False]
    """
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return category(char).startswith("P")


def category(char: str) -> str:
    """The Unicode category of a character: "Lu", "Mn", "Po" …"""
    return "Lo" if _within(_LATER, char) else _MOVED.get(char) or unicodedata.category(char)


def decompose(char: str) -> str:
    """A letter and its accents as separate characters (NFD): "é" becomes "e" and U+0301, most others stay."""
    return char if _within(_LATER, char) else unicodedata.normalize("NFD", char)


def combining(char: str) -> int:
    """The combining class, by which several marks on one letter are ordered; 0 for all other characters."""
    unknown = _within(_LATER, char) and not _within(_ORDERED, char)
    return 0 if unknown else unicodedata.combining(char)


def lower(char: str) -> str:
    """The lower case of one character: one character or several."""
    return _LATER_CAPITALS.get(char) or char.lower()


# --- The same answers on every Python: tables of the differences ---


def _ranges(text: str) -> list[tuple[int, int]]:
    parts = (part.partition("-") for part in text.split())
    return [(int(first, 16), int(last or first, 16)) for first, _, last in parts]


def _within(ranges: list[tuple[int, int]], char: str) -> bool:
    place = bisect_right(ranges, (ord(char), 0x110000)) - 1
    return place >= 0 and ord(char) <= ranges[place][1]


# Ideographs that are words of their own. The gap at 2B820 is in the official code too.
_CHINESE = _ranges("3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B73F 2B740-2B81F 2B920-2CEAF 2F800-2FA1F")

# Where Unicode got marks, punctuation or control characters after version 8. The official tokenizer takes all of these
# for letters; everything else in these ranges is a letter anyway.
_LATER = _ranges(
    "5C8-5C9 61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B53-B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 1715 180F-1886 "
    "1ABF-1AF0 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E63 A82C A8C5 A8FF A9BD 10D24-10F89 11070-11074 110C2-110CD 111CF "
    "1123E-11241 1133B 113BB-1145E 11660-1166C 116B9 1182F-11FFF 12FF1-1612F 16D6D-16F4F 16FE2-16FF1 1CF00-1D128 "
    "1D25B-1D25C 1E000-1E6F5 1E944-1E95F"
)
# The marks of Unicode 9 among them: the official tokenizer knows how to order these.
_ORDERED = _ranges("8D4-8E1 1DFB 11442 11446 11C3F 1E000-1E02A 1E944-1E94A")

# Characters whose category changed after Unicode 8, with their old one.
_MOVED = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po"}

# Capital letters that Python 3.10 does not know yet, with their small letters.
_LATER_CAPITALS = {
    chr(code): chr(code + distance)
    for codes, distance in (
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
