"""Chapter 1, characters: every one of Unicode's against the normalizer and the pre-tokenizer of `tokenizers`."""

from types import ModuleType

from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from minidistil.ch01_wordpiece.characters import combining, decompose, is_punctuation
from minidistil.ch01_wordpiece.normalization import normalize

# Letters, marks, signs and ideographs of many scripts, assigned in every Unicode version at hand.
BLOCKS = ((0x20, 0x7F), (0xA0, 0x250), (0x370, 0x400), (0x2010, 0x2060), (0x20A0, 0x20C0), (0x3000, 0x3030))

ALL = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]  # surrogates are no text in Rust


def test_punctuation_is_what_splits_a_word(impl: ModuleType) -> None:
    for first, last in BLOCKS:
        for char in map(chr, range(first, last)):
            splits = len(BertPreTokenizer().pre_tokenize_str(f"a{char}a")) == 3
            assert bool(impl.is_punctuation(char)) == splits, f"{char!r}: expected {splits}"


def test_every_character_is_normalized_as_the_official_one() -> None:
    between = "\u4dc0"  # a sign that nothing changes
    text = between.join(char for char in ALL if char != between)
    official = BertNormalizer().normalize_str(text).split(between)
    result = "".join(char for char, _ in normalize(text)).split(between)
    assert len(result) == len(official) == len(ALL) - 1
    assert [f"{found!r}, not {right!r}" for found, right in zip(result, official, strict=True) if found != right] == []


def test_every_character_is_punctuation_where_the_official_one_says_so() -> None:
    words = BertPreTokenizer().pre_tokenize_str(" ".join(f"a{char}a" for char in ALL))
    official = {text for text, _ in words if len(text) == 1 and text != "a"}
    assert sorted(map(ord, official ^ {char for char in ALL if is_punctuation(char)})) == []


def test_every_mark_is_ordered_as_the_official_one() -> None:
    marks = [char for char in ALL if decompose(char) == char and char not in "\n\u0345"]
    after = NFD().normalize_str("\n".join(f"\u0345{char}" for char in marks)).split("\n")  # U+0345 is of class 240
    before_it = [char for char, line in zip(marks, after, strict=True) if line[0] == char]
    assert before_it == [char for char in marks if 0 < combining(char) < 240]
