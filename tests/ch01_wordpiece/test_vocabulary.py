"""Chapter 1, a vocabulary from scratch: against recounting by hand and the trainer of `tokenizers`."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from types import ModuleType

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from minidistil.ch01_wordpiece.normalization import count_words
from minidistil.ch01_wordpiece.vocabulary import SPECIAL_TOKENS, Merger, first_pieces, join_pair, learn
from minidistil.ch01_wordpiece.wordpiece import WordPiece, longest_match
from minidistil.ch02_masking.corpus import Corpus


def test_pairs_count_as_often_as_their_words(impl: ModuleType) -> None:
    words = [(["h", "##u", "##g"], 10), (["p", "##u", "##g"], 5), (["h", "##u", "##g", "##s"], 5), (["a"], 7)]
    expected = {("h", "##u"): 15, ("##u", "##g"): 20, ("p", "##u"): 5, ("##g", "##s"): 5}
    assert dict(impl.count_pairs(words)) == expected


def test_a_pair_may_occur_twice_in_a_word(impl: ModuleType) -> None:
    assert dict(impl.count_pairs([(["a", "##n", "##a", "##n", "##a"], 3)])) == {
        ("a", "##n"): 3,
        ("##n", "##a"): 6,
        ("##a", "##n"): 3,
    }


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
    ],
)
def test_merging_makes_each_occurrence_one_piece(
    impl: ModuleType, pieces: list[str], pair: tuple[str, str], expected: list[str]
) -> None:
    given = list(pieces)
    assert list(impl.merge_pair(given, pair)) == expected
    assert given == pieces, "the list that was given must stay as it is"


def recounted(words: dict[str, int], merges: int, likelihood: bool, min_frequency: int) -> list[str]:
    """The merges by the definition: everything counted anew each time."""
    split = {word: [char if place == 0 else "##" + char for place, char in enumerate(word)] for word in words}
    merged = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        pieces: Counter[str] = Counter()
        for word, count in words.items():
            for left, right in zip(split[word], split[word][1:], strict=False):
                pairs[left, right] += count
            for piece in split[word]:
                pieces[piece] += count
        scores = {
            pair: count / (pieces[pair[0]] * pieces[pair[1]]) if likelihood else count
            for pair, count in pairs.items()
            if count >= min_frequency
        }
        if not scores:
            break
        left, right = min(scores, key=lambda pair: (-scores[pair], pair))
        new = left + right.replace("##", "", 1)
        merged.append(new)
        for word in split:
            parts, result = split[word], []
            while parts:
                taken = 2 if parts[:2] == [left, right] else 1
                result.append(new if taken == 2 else parts[0])
                parts = parts[taken:]
            split[word] = result
    return merged


@pytest.mark.parametrize(("rule", "min_frequency"), [("frequency", 1), ("likelihood", 1), ("likelihood", 40)])
def test_counts_kept_up_to_date_give_what_recounting_gives(docs_corpus: Corpus, rule: str, min_frequency: int) -> None:
    words = dict(count_words(docs_corpus.train[:300]).most_common(500))
    expected = recounted(words, 150, rule == "likelihood", min_frequency)
    merger = Merger(words, rule, min_frequency)
    merged: list[str] = []
    while len(merged) < 150 and (pair := merger.best()) is not None:
        merged.append(join_pair(pair))
        merger.merge(pair)
    assert merged == expected


def test_the_two_rules_differ_where_they_should() -> None:
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    # "##u" + "##g" occurs most often (20); "##g" + "##s" (5) explains all of "##s".
    first = {rule: Merger(words, rule).best() for rule in ("frequency", "likelihood")}
    assert first == {"frequency": ("##u", "##g"), "likelihood": ("##g", "##s")}


def test_ties_go_to_the_first_in_the_order_of_strings() -> None:
    for words in ({"ab": 2, "cd": 2}, {"cd": 2, "ab": 2}):
        assert Merger(words).best() == ("a", "##b")
        assert learn(words, 11) == [*SPECIAL_TOKENS, "##b", "##d", "a", "c", "ab", "cd"]


def official_trainer(words: Iterable[str], vocab_size: int) -> Tokenizer:
    official = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    official.normalizer = normalizers.BertNormalizer()
    official.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=list(SPECIAL_TOKENS), show_progress=False)
    official.train_from_iterator(words, trainer)
    return official


def test_until_the_first_tie_the_vocabulary_is_that_of_tokenizers() -> None:
    draw = random.Random(0)
    words = {"".join(draw.choices("abcd", k=draw.randint(2, 6))): draw.randint(1, 5000) for _ in range(400)}
    merger, merges = Merger(words), []
    while (pair := merger.best()) is not None and list(merger.pairs.values()).count(merger.pairs[pair]) == 1:
        merges.append(join_pair(pair))
        merger.merge(pair)
    ours = learn(words, len(set(merges)) + 8 + len(SPECIAL_TOKENS))
    official = official_trainer((" ".join([word] * count) for word, count in words.items()), len(ours))
    theirs = sorted(official.get_vocab(), key=official.get_vocab().__getitem__)
    assert len(set(merges)) > 50
    assert set(ours) == set(theirs)
    assert ours[-50:] == theirs[-50:]


def test_each_merge_of_tokenizers_is_a_best_one_of_ours(docs_corpus: Corpus) -> None:
    """With ties the vocabularies may differ (its ties hang on the order of a hash map), the counts may not."""
    words = count_words(docs_corpus.train[:500])
    official = official_trainer(docs_corpus.train[:500], 700)
    merger = Merger(words)
    theirs = sorted(official.get_vocab(), key=official.get_vocab().__getitem__)
    merges = [token for token in theirs if len(token.removeprefix("##")) > 1 and token not in SPECIAL_TOKENS]
    assert len(merges) > 400
    for token in merges:
        best = merger.best()
        assert best is not None
        pair = next(
            (pair for pair, count in merger.pairs.items() if count == merger.pairs[best] and join_pair(pair) == token),
            None,
        )
        assert pair is not None, f"{token} is not among the most frequent pairs"
        merger.merge(pair)


def measures(vocab: dict[str, int], words: Counter[str]) -> tuple[float, float, float]:
    """Share of words that are one piece, tokens per word, share of unknown words."""
    whole = tokens = unknown = 0
    for word, count in words.items():
        pieces = longest_match(word, vocab)
        whole += count * (pieces is not None and len(pieces) == 1)
        unknown += count * (pieces is None)
        tokens += count * (1 if pieces is None else len(pieces))
    total = words.total()
    return whole / total, tokens / total, unknown / total


def test_8192_entries_from_the_docs_in_a_minute_as_good_as_those_of_tokenizers(docs_corpus: Corpus) -> None:
    start = time.process_time()
    ours = WordPiece.train(docs_corpus.train)
    assert time.process_time() - start < 60
    assert len(ours) == 8192
    theirs = official_trainer(docs_corpus.train, 8192).get_vocab()
    held_out = count_words([*docs_corpus.validation, *docs_corpus.test])
    coverage, fertility, unknown = measures(ours.vocab, held_out)
    their_coverage, their_fertility, their_unknown = measures(theirs, held_out)
    assert abs(coverage - their_coverage) < 0.002
    assert fertility == pytest.approx(their_fertility, rel=0.002)
    assert unknown <= their_unknown + 1e-4
    assert len(ours.vocab.keys() & theirs.keys()) > 0.98 * 8192


def test_a_small_vocabulary_stops_where_nothing_is_left_to_merge() -> None:
    assert learn({"ab": 1}, 100) == [*SPECIAL_TOKENS, "##b", "a", "ab"]
    assert learn({"ab": 1, "ac": 2}, 100, min_frequency=2)[-1] == "ac"


def test_words_that_would_be_unknown_teach_nothing() -> None:
    assert learn({"ab": 1, "x" * 101: 5}, 100)[-1] == "ab"
    rare = {chr(0x4E00 + place): 2 for place in range(1000)} | {"é": 1}
    assert "é" not in learn(rare, 2000), "only the 1,000 most frequent characters are kept"


def test_bad_input_is_explained() -> None:
    with pytest.raises(ValueError, match="Unknown rule 'luck': expected one of frequency, likelihood"):
        learn({"a": 1}, 100, "luck")
    with pytest.raises(ValueError, match="There are no words"):
        WordPiece.train(["  ", ""])
    with pytest.raises(ValueError, match=r"vocab_size=6 is too small: .* alone are 7"):
        learn({"ab": 1}, 6)
    with pytest.raises(ValueError, match="min_frequency=0 is too small"):
        learn({"ab": 1}, 100, min_frequency=0)
    with pytest.raises(TypeError, match="wrap it in a list"):
        WordPiece.train("one text")
    assert first_pieces("") == []
