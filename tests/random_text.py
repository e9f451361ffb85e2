"""Random text for tokenizers: every category of Unicode, mixed with words that the vocabulary knows."""

import random
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

_BY_CATEGORY: dict[str, list[str]] = defaultdict(list)
for _code in range(0x110000):
    if not 0xD800 <= _code < 0xE000:  # lone surrogates are no text: UTF-8 cannot hold them
        _BY_CATEGORY[unicodedata.category(chr(_code))].append(chr(_code))

_SCRIPTS = [
    [chr(code) for code in range(first, last)]
    for first, last in (
        *((0x20, 0x7F), (0xA0, 0x180), (0x370, 0x400), (0x400, 0x530), (0x590, 0x600), (0x600, 0x700)),
        *((0x900, 0x980), (0xB80, 0xC00), (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2000), (0x3040, 0x3100)),
        *((0x4E00, 0x5000), (0xAC00, 0xAD00), (0xF900, 0xFB00), (0xFB1D, 0xFE00), (0x1F300, 0x1F650)),
    )
]
_POOLS: dict[str, Sequence[str]] = {
    "marks": [*_BY_CATEGORY["Mn"], *_BY_CATEGORY["Mc"], *_BY_CATEGORY["Me"], *map(chr, range(0x300, 0x370))],
    "invisible": "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad\u061c\u202a\u202b\u202c\u202e\u2066\u2069\ufe0f\u034f",
    "edges": "\x00\x1b\x1c\x1f\x7f\x80\x85\x9f\xa0\ud7ff\ue000\uf8ff\ufdd0\ufffd\uffff\U00010000\U000e0001\U0010ffff",
    "space": "   \t\n\r\x0b\x0c\xa0\u1680\u2003\u2028\u2029\u202f\u3000",
    "signs": "[]#'.,!?-_/\\\"()$+",
    "accented": "éÉñÅåüßẞİıŉǆﬁﬀΐὍЙйअ각힣Å½ſ",
}
_TOKENS = ("[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[mask]", "[MASK", "##")


def random_texts(seed: int, number: int, words: Sequence[str]) -> Iterator[str]:
    """`number` texts, the same for the same seed; `words` are mixed in so that not all is unknown."""
    draw = random.Random(seed)
    for _ in range(number):
        yield "".join(_chunk(draw, words) for _ in range(draw.randint(1, 8)))


def _chunk(draw: random.Random, words: Sequence[str]) -> str:
    kind = draw.random()
    if kind < 0.35:  # a word, perhaps with something in the middle of it
        word = draw.choice(words).removeprefix("##")
        place = draw.randint(0, len(word))
        inside = _characters(draw, draw.randint(1, 2)) if kind < 0.2 else ""
        return draw.choice((str, str.upper, str.title))(word[:place]) + inside + word[place:] + draw.choice(("", " "))
    if kind < 0.4:
        return draw.choice(_TOKENS)
    if kind < 0.43:  # a long run, about as long as the longest word
        return draw.choice(
            ("a", "é", "北", "\u0301", "!", draw.choice(words)[:1], _characters(draw, 1))
        ) * draw.randint(40, 110)
    return _characters(draw, draw.randint(1, 6))


def _characters(draw: random.Random, number: int) -> str:
    kind = draw.random()
    if kind < 0.3:
        pool: Sequence[str] = _BY_CATEGORY[draw.choice(list(_BY_CATEGORY))]
    elif kind < 0.6:
        pool = draw.choice(_SCRIPTS)
    else:
        pool = _POOLS[draw.choice(list(_POOLS))]
    return "".join(draw.choice(pool) for _ in range(number))
