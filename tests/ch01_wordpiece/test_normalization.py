"""Chapter 1, words: against the normalizer and the pre-tokenizer of `tokenizers`."""

from collections import Counter
from itertools import islice
from types import ModuleType

import pytest
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from minidistil.ch01_wordpiece.normalization import Characters, count_words, plain_words, words_of
from minidistil.ch02_masking.corpus import Corpus
from tests.random_text import random_texts

TEXTS = {
    "lower case": "Hello WORLD",
    "accents": "café naïve Ångström Señor façade",
    "precomposed and combined": "e\u0301 = é",
    "length changes": "İstanbul ﬁ ẞ ŉ",
    "no final sigma": "ΣΊΣΥΦΟΣ",
    "control characters": "nul\x00 bell\x07 zero\u200bwidth soft\xadhyphen bom\ufeff replacement\ufffd private\ue000",
    "spaces at the ends": "  a b ",
    "white space": "tabs\tand\nlines\r\nand\xa0hard\u3000wide\u2028ones",
    "ideographs": "北京大学 is in 中国",
    "kana and hangul form words": "かな カタカナ 한국어",
    "combining marks that take room": "क्षि தமிழ்",
    "emoji": "👨‍👩‍👧 ❤️ 🇫🇷",
    "empty": "",
}


def joined(characters: Characters) -> str:
    return "".join(char for char, _ in characters)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_normalized_text_is_official(impl: ModuleType, text: str) -> None:
    expected = BertNormalizer().normalize_str(text)
    result = joined(impl.normalize(text))
    assert result == expected, f"{text!r}: expected {expected!r}, got {result!r}"


def test_each_normalized_character_knows_where_it_came_from(impl: ModuleType) -> None:
    assert impl.normalize("Né\x00 北!") == [
        *[("n", 0), ("e", 1), (" ", 3)],
        *[(" ", 4), ("北", 4), (" ", 4), ("!", 5)],
    ]
    assert impl.normalize("İa\u0301\u0301b") == [("i", 0), ("a", 1), ("b", 4)]
    assert impl.normalize("x한") == [("x", 0), ("\u1112", 1), ("\u1161", 1), ("\u11ab", 1)], "a pair for each letter"


@pytest.mark.parametrize(
    "text",
    ["one two", "  a  b ", "it's (so-called) 3.14!", "...", "end.", "a\u2014b 。c", "no_space|here", "$5 €5", ""],
)
def test_words_and_their_places_are_official(impl: ModuleType, text: str) -> None:
    words = list(impl.split_words([(char, index) for index, char in enumerate(text)]))
    result = [(joined(word), (word[0][1], word[-1][1] + 1)) for word in words]
    assert result == BertPreTokenizer().pre_tokenize_str(text)


def test_the_fast_words_are_the_plain_ones(docs_corpus: Corpus) -> None:
    for char in map(chr, range(256)):
        assert plain_words(f"Ab1{char}C") == words_of(f"Ab1{char}C")
    texts = [*islice(docs_corpus, 300), *random_texts(1, 1000, ["Hello", "café", "北京"]), *TEXTS.values()]
    assert count_words(texts) == Counter(word for text in texts for word in words_of(text))


def test_words_are_counted_across_texts() -> None:
    assert count_words(["The cat.", "the\x1cCat, the\tCAFÉ"]) == Counter(
        {"the": 2, "thecat": 1, "cat": 1, "cafe": 1, ".": 1, ",": 1}
    )
