"""Chapter 1 against `tokenizers` with the official tokenizer.json."""

import base64
import os
import random
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as OfficialModel

from minidistil.ch01_wordpiece.wordpiece import SPECIAL_TOKENS, WordPiece
from minidistil.ch02_masking.corpus import Corpus
from tests.random_text import random_texts

HARD_TEXTS = [
    "Hello I'm a [MASK] model.",
    "café naïve Ångström İstanbul ÀÉÎÕÜ Señor façade",
    "Σίσυφος ΣΑΣ Привет, Ёлка! שלום עליכם مرحبا بالعالم",
    "北京大学 is in 中国; 漢字かな交じり文 カタカナ 한국어 텍스트",
    "😀 👍🏽 👨‍👩‍👧‍👦 ❤️ flags 🇫🇷🇩🇪",
    "tabs\tand\nnewlines\r\nand\x0bvertical\x0cfeeds\x1cgroups\x85next\u2028line\u3000wide\xa0hard",
    "nul\x00 bell\x07 zero\u200bwidth soft\xadhyphen bom\ufeff replacement\ufffd private\ue000",
    "a" * 100 + " " + "a" * 101 + " " + "b" * 200,
    "x" * 99 + "é fits, " + "x" * 100 + "é does not",
    "[CLS] [mask][MASK][UNK]x [SEP][PAD] [ MASK ]",
    "don't we've they're I'm cat's (it's) 3.14 1,000 a-b_c/d\\e @#$%^&*+=|~`<>{}",
    "ﬁ ½ ª ² ﷺ ǅ ß ẞ ŉ ʼn",
    "",
    "   ",
    "\u0301\u0301",
    "e\u0301 \u0301e",
]


HAN = [chr(code) for code in range(0x4E00, 0x9FFF)]


@pytest.fixture
def changing(official_tokenizer: Tokenizer) -> Iterator[Tokenizer]:
    """The official tokenizer, for a test that sets truncation or padding."""
    yield official_tokenizer
    official_tokenizer.no_truncation()
    official_tokenizer.no_padding()


def assert_same(text: str, tokenizer: WordPiece, official: Tokenizer) -> None:
    result, expected = tokenizer.encode(text), official.encode(text)
    for part in ("ids", "tokens", "type_ids", "offsets"):
        assert getattr(result, part) == getattr(expected, part), text


@pytest.mark.parametrize(
    "word", ["hello", "unaffable", "tokenization", "embeddings", "x" * 100, "x" * 101, "zzz北", "é", "a", "##a", "!"]
)
def test_pieces_of_a_word_are_official(impl: ModuleType, tokenizer: WordPiece, word: str) -> None:
    official = OfficialModel(tokenizer.vocab, unk_token="[UNK]", max_input_chars_per_word=100)
    expected = [token.value for token in official.tokenize(word)]
    assert impl.longest_match(word, tokenizer.vocab) == (None if expected == ["[UNK]"] else expected)


def test_the_longest_piece_wins_at_each_step(impl: ModuleType) -> None:
    vocab = {piece: index for index, piece in enumerate(["a", "ab", "abc", "##c", "##d", "##cd", "##bcd"])}
    assert impl.longest_match("abd", vocab) == ["ab", "##d"]
    assert impl.longest_match("abcd", vocab) == ["abc", "##d"]
    assert impl.longest_match("acd", vocab) == ["a", "##cd"]
    assert impl.longest_match("abx", vocab) is None
    assert impl.longest_match("xab", vocab) is None
    assert impl.longest_match("aab", vocab) is None, "'ab' may begin a word only: inside it would be '##ab'"


def test_a_word_that_is_too_long_is_unknown(impl: ModuleType) -> None:
    vocab = {"a": 0, "##a": 1}
    assert impl.longest_match("a" * 101, vocab) is None
    assert impl.longest_match("a" * 100, vocab) == ["a"] + ["##a"] * 99


def test_the_match_is_greedy_and_never_goes_back(impl: ModuleType) -> None:
    vocab = {"[UNK]": 0, "ab": 1, "a": 2, "##bc": 3}
    official = OfficialModel(vocab, unk_token="[UNK]", max_input_chars_per_word=100)
    assert [token.value for token in official.tokenize("abc")] == ["[UNK]"]
    assert impl.longest_match("abc", vocab) is None, "after 'ab' nothing fits: 'a' is not tried"


def test_truncation_is_official(impl: ModuleType, tokenizer: WordPiece, changing: Tokenizer) -> None:
    for first, second, room in product(range(7), range(7), range(2, 10)):
        changing.enable_truncation(room + 3)
        official = changing.encode("a " * first, "b " * second)
        kept = [official.ids.count(tokenizer.vocab[letter]) for letter in "ab"]
        result = [list(part) for part in impl.truncate([list(range(first)), list(range(second))], room)]
        assert result == [list(range(length)) for length in kept], f"lengths {first} and {second}, {room} may stay"


def test_one_text_alone_is_cut_at_its_end(impl: ModuleType) -> None:
    for room in (2, 3):
        assert [list(part) for part in impl.truncate([[1, 2, 3]], room)] == [[1, 2, 3][:room]]


FULL = os.environ.get("MINIDISTIL_FULL") == "1"  # all documents and a million strings: ten minutes instead of one


def test_ids_and_offsets_are_official(impl: ModuleType, official_tokenizer: Tokenizer) -> None:
    tokenizer = impl.WordPiece.from_pretrained("minilm")
    for text in HARD_TEXTS:
        assert_same(text, tokenizer, official_tokenizer)


def test_ids_are_official_on_the_docs_corpus(
    tokenizer: WordPiece, official_tokenizer: Tokenizer, docs_corpus: Corpus
) -> None:
    documents = list(docs_corpus)
    for start in range(0, len(documents), 2000):
        part = documents[start : start + 2000]
        official = official_tokenizer.encode_batch_fast(part, add_special_tokens=False)
        for document, expected in zip(part, official, strict=True):
            assert tokenizer.ids(document) == expected.ids, document


def test_offsets_are_official_on_the_docs_corpus(
    tokenizer: WordPiece, official_tokenizer: Tokenizer, docs_corpus: Corpus
) -> None:
    for document in islice(docs_corpus, 0, None, 1 if FULL else 100):
        assert_same(document, tokenizer, official_tokenizer)


def test_ids_and_offsets_are_official_on_outside_text(
    tokenizer: WordPiece, official_tokenizer: Tokenizer, outside_data: Path
) -> None:
    """Every text file there is: ids of all lines, offsets of one line in ten (MINIDISTIL_FULL: of all)."""
    for path in sorted(outside_data.rglob("*")):
        if path.suffix in (".tsv", ".txt", ".json"):
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
            for line, expected in zip(lines, official_tokenizer.encode_batch_fast(lines), strict=True):
                assert tokenizer.encode(line).ids == expected.ids, line
            for line in lines if FULL else lines[::10]:
                assert_same(line if FULL else line[:5000], tokenizer, official_tokenizer)


def test_ids_and_offsets_are_official_on_random_text(tokenizer: WordPiece, official_tokenizer: Tokenizer) -> None:
    texts = random_texts(20261124, 1_000_000 if FULL else 3_000, tokenizer.tokens[1996:])
    unknown = total = 0
    while part := list(islice(texts, 2000)):
        for text, expected in zip(part, official_tokenizer.encode_batch(part), strict=True):
            result = tokenizer.encode(text)
            assert (result.ids, result.offsets) == (expected.ids, expected.offsets), ascii(text)
            assert [piece for piece, _, _ in tokenizer.pieces(text)] == result.tokens[1:-1]
            unknown += result.ids.count(tokenizer.unk_token_id)
            total += len(result.ids)
    assert unknown < 0.3 * total, "random text that is mostly unknown would prove little"


def test_lone_surrogates_are_unknown_words_and_an_error_in_tokenizers(
    tokenizer: WordPiece, official_tokenizer: Tokenizer
) -> None:
    """The one text that cannot be equal: Rust's strings are UTF-8, which has no place for half a character."""
    assert tokenizer.encode("a \ud800 b\udfff, c").tokens == ["[CLS]", "a", "[UNK]", "[UNK]", ",", "c", "[SEP]"]
    with pytest.raises((TypeError, UnicodeEncodeError)):
        official_tokenizer.encode("a \ud800")


def test_pairs_and_truncation_are_official(tokenizer: WordPiece, changing: Tokenizer) -> None:
    draw = random.Random(0)
    for _ in range(300):
        text, pair = ("a b c d e f g h i j"[: draw.randrange(1, 20)] for _ in range(2))
        room = draw.randrange(5, 24)
        changing.enable_truncation(room)
        result, expected = tokenizer.encode(text, pair, max_length=room), changing.encode(text, pair)
        assert (result.ids, result.type_ids) == (expected.ids, expected.type_ids)
        assert tokenizer.encode(text, max_length=room).ids == changing.encode(text).ids


def test_offsets_after_truncation_are_official(tokenizer: WordPiece, changing: Tokenizer) -> None:
    changing.enable_truncation(9)
    text, pair = "Éric's naïveté", "unbelievably  long"
    assert tokenizer.encode(text, pair, max_length=9).offsets == changing.encode(text, pair).offsets


def kept(tokenizer: WordPiece) -> int:
    """Bytes that the caches hold, without the small numbers and strings that the vocabulary has anyway."""
    caches = (tokenizer._stretch_ids, tokenizer._word_ids)
    return sum(sys.getsizeof(each) + sum(map(sys.getsizeof, chain(*each.items()))) for each in caches)


def test_the_caches_are_bounded_in_bytes_and_change_nothing(
    tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidistil.ch01_wordpiece.wordpiece.CACHE_SIZE", 1 << 16)  # a 64th, so that they are soon full
    draw, small = random.Random(0), WordPiece(tokenizer.tokens)
    texts = [base64.b64encode(draw.randbytes(75_000)).decode() for _ in range(2)]
    texts += [" ".join("".join(draw.choices(HAN, k=length)) for length in range(60)) for _ in range(100)]
    texts += [" ".join("".join(draw.choices("abcdefgh", k=length)) for length in range(9)) for _ in range(2000)]
    texts += ["!" * 300_000]
    most = 0
    for place, text in enumerate(texts):
        assert small.ids(text) == tokenizer.ids(text)
        if (len(texts) - 1 - place) % 50 == 0:
            most = max(most, kept(small))
    assert 1 << 19 < most < 2 << 20, "both together a 64th of 128 MiB at most"


@pytest.mark.parametrize("pairs", [None, ["it's", "six"]])
def test_a_batch_is_official(tokenizer: WordPiece, changing: Tokenizer, pairs: list[str] | None) -> None:
    texts = ["a café", "one two three four five"]
    changing.enable_truncation(8)
    changing.enable_padding()
    batch = tokenizer.batch(texts, pairs, max_length=8)
    expected = changing.encode_batch(texts if pairs is None else list(zip(texts, pairs, strict=True)))
    for name, part in (("input_ids", "ids"), ("attention_mask", "attention_mask"), ("token_type_ids", "type_ids")):
        assert batch[name].tolist() == [getattr(encoding, part) for encoding in expected]
    assert (pairs is None) == (batch["attention_mask"] == 0).any()


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, pd.Series, lambda texts: pd.Series(texts, dtype="str")])
def test_texts_may_come_in_anything_that_holds_them(tokenizer: WordPiece, kind: Callable[[list[str]], Any]) -> None:
    texts, pairs = ["a café", "one two three"], ["it's", "six"]
    batch = tokenizer.batch(kind(texts), kind(pairs), max_length=7)
    assert {name: each.tolist() for name, each in batch.items()} == {
        name: each.tolist() for name, each in tokenizer.batch(texts, pairs, max_length=7).items()
    }
    assert tokenizer.encode(np.array(texts)[0]).ids == tokenizer.encode(texts[0]).ids


def test_a_trained_tokenizer_works_in_tokenizers(tmp_path: Path, docs_corpus: Corpus) -> None:
    trained = WordPiece.train(docs_corpus.train[:300], vocab_size=600)
    trained.save(tmp_path)
    official = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*HARD_TEXTS, *docs_corpus.validation[:100]]:
        assert_same(text, trained, official)
    result, expected = trained.encode("one", "two"), official.encode("one", "two")
    assert (result.ids, result.type_ids) == (expected.ids, expected.type_ids)


def test_bad_input_is_explained(tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"has no \[MASK\]"):
        WordPiece([token for token in SPECIAL_TOKENS if token != "[MASK]"])
    with pytest.raises(ValueError, match="'a' twice"):
        WordPiece([*SPECIAL_TOKENS, "a", "b", "a"])
    with pytest.raises(TypeError, match="as a string, got int"):
        tokenizer.encode(3)  # type: ignore[arg-type]
    for given in ("one text", np.array("one text"), b"one text", 5, None):
        with pytest.raises(TypeError, match=r"Expected several texts, got .*: wrap it in a list"):
            tokenizer.batch(given)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="several texts as pairs, got int 128"):
        tokenizer.batch(["a", "b"], 128)  # type: ignore[arg-type]
    others: Any = (np.array([["a", "b"]]), pd.Series(["a", None]), [b"a"], [["a"]])
    for missing in others:
        with pytest.raises(TypeError, match=r"Expected a text as a string, got (list|float|NoneType|bytes)"):
            tokenizer.batch(missing)
    for length in (8.0, "8"):
        with pytest.raises(
            TypeError, match=f"max_length is of type {type(length).__name__}: expected a whole number or None"
        ):
            tokenizer.encode("a", max_length=length)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one text"):
        tokenizer.batch([])
    with pytest.raises(ValueError, match="2 texts, got 1"):
        tokenizer.batch(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="max_length must be at least 3, got 2"):
        tokenizer.encode("a", max_length=2)
