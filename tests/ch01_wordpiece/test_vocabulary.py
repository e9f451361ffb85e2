"""Chapter 1, a vocabulary from scratch: against counts by hand, the plain version and the trainer of `tokenizers`."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from types import ModuleType
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from minidistil.ch01_wordpiece.normalization import count_words
from minidistil.ch01_wordpiece.vocabulary import (
    SPECIAL_TOKENS,
    Merger,
    first_pieces,
    join_pair,
    learn,
    merges,
    merges_plain,
)
from minidistil.ch01_wordpiece.wordpiece import WordPiece, longest_match
from minidistil.ch02_masking.corpus import Corpus


def test_pairs_count_as_often_as_their_words(impl: ModuleType) -> None:
    words = [(["h", "##u", "##g"], 10), (["p", "##u", "##g"], 5), (["h", "##u", "##g", "##s"], 5), (["a"], 7)]
    expected = {("h", "##u"): 15, ("##u", "##g"): 20, ("p", "##u"): 5, ("##g", "##s"): 5}
    assert dict(impl.count_pairs(words)) == expected


def test_a_pair_may_occur_twice_in_a_word(impl: ModuleType) -> None:
    expected = {("a", "##n"): 3, ("##n", "##a"): 6, ("##a", "##n"): 3}
    assert dict(impl.count_pairs([(["a", "##n", "##a", "##n", "##a"], 3)])) == expected
    assert dict(impl.count_pairs([(["h", *["##m"] * 5], 2)])) == {("h", "##m"): 2, ("##m", "##m"): 8}


@pytest.mark.parametrize(
    ("pieces", "pair", "expected"),
    [
        (["h", "##u", "##g", "##s"], ("##u", "##g"), ["h", "##ug", "##s"]),
        (["h", "##u", "##g"], ("h", "##u"), ["hu", "##g"]),
        (["b", "##a", "##n", "##a", "##n", "##a"], ("##a", "##n"), ["b", "##an", "##an", "##a"]),
        (["h", "##m", "##m", "##m", "##m", "##m"], ("##m", "##m"), ["h", "##mm", "##mm", "##m"]),
        (["h", "##u", "##g"], ("##g", "##u"), ["h", "##u", "##g"]),
        (["a"], ("a", "##a"), ["a"]),
        (["a", "##a", "##a"], ("##a", "##a"), ["a", "##aa"]),
        (["x", "##a", "##bc"], ("##a", "##b"), ["x", "##a", "##bc"]),
        (["c", "####", "##d"], ("c", "####"), ["c##", "##d"]),
    ],
)
def test_merging_makes_each_occurrence_one_piece(
    impl: ModuleType, pieces: list[str], pair: tuple[str, str], expected: list[str]
) -> None:
    given = list(pieces)
    assert list(impl.merge_pair(given, pair)) == expected
    assert given == pieces, "the list that was given must stay as it is"


def random_words(count: int) -> dict[str, int]:
    draw = random.Random(0)
    return {"".join(draw.choices("abcd", k=draw.randint(2, 6))): draw.randint(1, 5000) for _ in range(count)}


@pytest.mark.parametrize("rule", [("frequency", 1), ("likelihood", 1), ("likelihood", 40)])
def test_the_fast_merges_are_the_plain_ones(docs_corpus: Corpus, rule: tuple[str, int]) -> None:
    real = dict(count_words(docs_corpus.train[:300]).most_common(500))
    assert list(islice(merges(real, *rule), 150)) == list(islice(merges_plain(real, *rule), 150))
    few = {word: count % 50 + 1 for word, count in random_words(60).items()}  # to the last merge, with many ties
    assert list(merges(few, *rule)) == list(merges_plain(few, *rule))


@pytest.mark.parametrize("version", [merges, merges_plain])
def test_the_two_rules_differ_where_they_should(version: Any) -> None:
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    assert next(version(words, "frequency")) == ("##u", "##g")  # it occurs most often: 20 times
    assert next(version(words, "likelihood")) == ("##g", "##s")  # 5 times, but each "##s" is in it


def test_ties_go_to_the_first_in_the_order_of_strings() -> None:
    for words in ({"ab": 2, "cd": 2}, {"cd": 2, "ab": 2}):
        assert learn(words, 11) == [*SPECIAL_TOKENS, "##b", "##d", "a", "c", "ab", "cd"]


def official_vocabulary(texts: Iterable[str], vocab_size: int) -> list[str]:
    official = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    official.normalizer = normalizers.BertNormalizer()
    official.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=list(SPECIAL_TOKENS), show_progress=False)
    official.train_from_iterator(texts, trainer)
    vocab = official.get_vocab()
    return sorted(vocab, key=vocab.__getitem__)


def test_until_the_first_tie_the_vocabulary_is_that_of_tokenizers() -> None:
    words = random_words(400)
    merger, merged = Merger(words), []
    while (pair := merger.best()) is not None and list(merger.pairs.values()).count(merger.pairs[pair]) == 1:
        merged.append(join_pair(pair))
        merger.merge(pair)
    tokens = learn(words, len(set(merged)) + 8 + len(SPECIAL_TOKENS))
    official = official_vocabulary((" ".join([word] * count) for word, count in words.items()), len(tokens))
    assert len(set(merged)) > 50
    assert set(tokens) == set(official)
    assert tokens[-50:] == official[-50:]


def test_each_merge_of_tokenizers_is_a_best_one_here(docs_corpus: Corpus) -> None:
    """With ties the vocabularies may differ (there the order of a hash map decides), the counts may not."""
    merger = Merger(count_words(docs_corpus.train[:500]))
    official = official_vocabulary(docs_corpus.train[:500], 700)
    merged = [token for token in official if len(token.removeprefix("##")) > 1 and token not in SPECIAL_TOKENS]
    assert len(merged) > 400
    for token in merged:
        best = merger.best()
        assert best is not None
        equal = (pair for pair, count in merger.pairs.items() if count == merger.pairs[best])
        pair = next((pair for pair in equal if join_pair(pair) == token), None)
        assert pair is not None, f"{token} is not among the most frequent pairs"
        merger.merge(pair)


def measures(vocab: Iterable[str], words: Counter[str]) -> tuple[float, float, float]:
    """Fraction of words that are one piece, tokens per word, fraction of unknown words."""
    whole = tokens = unknown = 0
    ids = {token: index for index, token in enumerate(vocab)}
    for word, count in words.items():
        pieces = longest_match(word, ids)
        whole += count * (pieces is not None and len(pieces) == 1)
        unknown += count * (pieces is None)
        tokens += count * (1 if pieces is None else len(pieces))
    total = words.total()
    return whole / total, tokens / total, unknown / total


def test_8192_entries_from_the_docs_in_a_minute_as_good_as_those_of_tokenizers(docs_corpus: Corpus) -> None:
    start = time.process_time()
    tokens = WordPiece.train(docs_corpus.train).tokens
    assert time.process_time() - start < 60
    assert len(tokens) == 8192
    official = official_vocabulary(docs_corpus.train, 8192)
    held_out = count_words([*docs_corpus.validation, *docs_corpus.test])
    coverage, fertility, unknown = measures(tokens, held_out)
    official_coverage, official_fertility, official_unknown = measures(official, held_out)
    assert abs(coverage - official_coverage) < 0.002
    assert fertility == pytest.approx(official_fertility, rel=0.002)
    assert unknown <= official_unknown + 1e-4
    assert len(set(tokens) & set(official)) > 0.98 * 8192


def test_a_small_vocabulary_stops_where_nothing_is_left_to_merge() -> None:
    assert learn({"ab": 1}, 100) == [*SPECIAL_TOKENS, "##b", "a", "ab"]
    assert learn({"ab": 1, "ac": 2}, 100, min_frequency=2)[-1] == "ac"


def test_words_that_would_be_unknown_teach_nothing() -> None:
    assert learn({"ab": 1, "x" * 101: 5}, 100)[-1] == "ab"
    rare = {chr(0x4E00 + place): 2 for place in range(1000)} | {"é": 1}
    assert "é" not in learn(rare, 2000), "only the 1,000 most frequent characters are kept"


def test_bad_input_is_explained() -> None:
    with pytest.raises(ValueError, match="'luck': expected one of frequency, likelihood"):
        learn({"a": 1}, 100, "luck")
    with pytest.raises(ValueError, match="no words"):
        WordPiece.train(["  ", ""])
    with pytest.raises(ValueError, match=r"vocab_size must be at least 7.* got 6"):
        learn({"ab": 1}, 6)
    with pytest.raises(ValueError, match="min_frequency must be at least 1, got 0"):
        learn({"ab": 1}, 100, min_frequency=0)
    with pytest.raises(TypeError, match="wrap it in a list"):
        WordPiece.train("one text")
    assert first_pieces("") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "several texts, got NoneType"),
        ((b"abc",), "several texts, got bytes b'abc'"),
        (([1, 2],), "text as a string, got int: 1"),
        ((["a"], "9"), "vocab_size is of type str: expected int"),
        ((["a"], 9, "frequency", 1.5), "min_frequency is of type float: expected int"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        WordPiece.train(*arguments)
