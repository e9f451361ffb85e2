"""Chapter 2, sequences: chunks, which of them are dropped, and sentence pairs."""

from types import ModuleType

import pytest
import torch
from scipy.stats import binomtest
from tokenizers import Tokenizer

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, from_documents
from minidistil.ch02_masking.sequences import CONSECUTIVE, RANDOM, chunks, sentence_pairs, sequences
from minidistil.ch09_evaluation.held_out import masked_documents


def test_a_short_document_is_one_sequence_equal_to_the_official_tokenizers(
    impl: ModuleType, tokenizer: WordPiece, official_tokenizer: Tokenizer
) -> None:
    text = "Returns a list of all the files that were found in the folder."
    (ids,) = impl.chunks(text, tokenizer, 128)
    assert ids.dtype == torch.int64
    assert ids.tolist() == official_tokenizer.encode(text).ids


def test_short_chunks_are_dropped(impl: ModuleType, tokenizer: WordPiece) -> None:
    kept, dropped = "word " * 10, "word " * 9  # with [CLS] and [SEP] 12 and 11 tokens
    assert [len(ids) for ids in impl.chunks(kept, tokenizer, 128)] == [12]
    assert list(impl.chunks(dropped, tokenizer, 128)) == []
    assert [len(ids) for ids in impl.chunks("word " * 135, tokenizer, 128)] == [128]  # 126 and the rest of 9


def test_chunks_that_are_half_unknown_are_dropped(impl: ModuleType, tokenizer: WordPiece) -> None:
    half_unknown, less = "word " * 10 + "\u0bb4 " * 12, "word " * 11 + "\u0bb4 " * 12  # 12 of 24, 12 of 25
    assert list(impl.chunks(half_unknown, tokenizer, 128)) == []
    assert [len(ids) for ids in impl.chunks(less, tokenizer, 128)] == [25]


def test_unknown_words_count_in_their_own_chunk(impl: ModuleType, tokenizer: WordPiece) -> None:
    bad, good = "\u0bb4 " * 30, "word " * 30
    for text in (bad + good, good + bad):
        assert [ids.tolist().count(100) for ids in impl.chunks(text, tokenizer, 32)] == [0]


def test_each_chunk_of_a_long_document_has_its_own_cls_and_sep(impl: ModuleType, tokenizer: WordPiece) -> None:
    text = " ".join(f"word{number}" for number in range(300))
    chunks = list(impl.chunks(text, tokenizer, 128))
    assert [len(chunk) for chunk in chunks[:-1]] == [128] * (len(chunks) - 1)
    assert {(int(chunk[0]), int(chunk[-1])) for chunk in chunks} == {(101, 102)}, "[CLS] and [SEP] at the ends"
    assert torch.cat([chunk[1:-1] for chunk in chunks]).tolist() == tokenizer.ids(text)


def test_a_limit_below_the_shortest_length_still_gives_chunks(impl: ModuleType, tokenizer: WordPiece) -> None:
    assert [len(ids) for ids in impl.chunks("one two three four", tokenizer, 4)] == [4, 4]


def test_a_limit_below_3_is_explained(impl: ModuleType, tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"max_length=2\b") as caught:
        list(impl.chunks("a text", tokenizer, 2))
    assert "3" in str(caught.value)


def test_sequences_are_the_chunks_of_all_documents(docs_corpus: Corpus, tokenizer: WordPiece) -> None:
    documents = docs_corpus.validation[:50]
    expected = [ids.tolist() for document in documents for ids in chunks(document, tokenizer, 32)]
    assert [ids.tolist() for ids in sequences(documents, tokenizer, 32)] == expected


DOCUMENTS = [" ".join(f"Text {d} has a sentence {s} here." for s in range(d % 7 + 2)) for d in range(60)]


def pairs(tokenizer: WordPiece, seed: int = 0, max_length: int = 48) -> list[tuple[str, str, int]]:
    """A, B and the label of each pair, decoded."""
    made = sentence_pairs(DOCUMENTS, tokenizer, max_length, torch.Generator().manual_seed(seed))
    result = []
    for pair in made:
        assert len(pair.input_ids) <= max_length
        middle, end = (pair.input_ids == tokenizer.sep_token_id).nonzero().flatten().tolist()
        a, b = pair.input_ids[1:middle].tolist(), pair.input_ids[middle + 1 : end].tolist()
        result.append((tokenizer.decode(a), tokenizer.decode(b), pair.label))
    return result


def test_b_follows_a_or_comes_from_another_document(tokenizer: WordPiece) -> None:
    texts = [tokenizer.decode(tokenizer.ids(document)) for document in DOCUMENTS]
    for a, b, label in pairs(tokenizer):
        assert any(f"{a} {b}" in text for text in texts) == (label == CONSECUTIVE)
        if label == RANDOM:
            assert a.split()[1] != b.split()[1]  # the number of the document
        assert a.startswith("text")
        assert a.endswith("here.")
        assert b.startswith("text")


def test_half_of_the_pairs_are_consecutive(docs_corpus: Corpus, tokenizer: WordPiece) -> None:
    made = sentence_pairs(docs_corpus.train[:10_000], tokenizer, 128, torch.Generator().manual_seed(0))
    assert len(made) > 5000
    assert max(len(pair.input_ids) for pair in made) <= 128
    assert binomtest(sum(pair.label == CONSECUTIVE for pair in made), len(made)).pvalue > 0.001


def test_no_sentence_of_a_document_is_lost(tokenizer: WordPiece) -> None:
    made = pairs(tokenizer)
    for number, document in enumerate(DOCUMENTS):
        read = " ".join(a + (f" {b}" if label == CONSECUTIVE else "") for a, b, label in made if f"text {number} " in a)
        text = tokenizer.decode(tokenizer.ids(document))
        sentences = text.split(" here.")[:-1]
        assert read == text[: len(read)]
        assert len(sentences) - read.count("here.") <= 1  # a last sentence without a continuation is left


def test_pairs_are_as_the_official_tokenizer_makes_them(tokenizer: WordPiece, official_tokenizer: Tokenizer) -> None:
    for pair in sentence_pairs(DOCUMENTS, tokenizer, 48, torch.Generator().manual_seed(1)):
        ids = pair.input_ids.tolist()
        middle = ids.index(tokenizer.sep_token_id)
        official = official_tokenizer.encode(tokenizer.decode(ids[1:middle]), tokenizer.decode(ids[middle + 1 : -1]))
        assert (official.ids, official.type_ids) == (ids, pair.token_type_ids.tolist())


def test_the_generator_decides(tokenizer: WordPiece) -> None:
    assert pairs(tokenizer, seed=1) == pairs(tokenizer, seed=1)
    assert pairs(tokenizer, seed=1) != pairs(tokenizer, seed=2)


def test_a_sentence_too_long_for_half_the_room_is_cut(tokenizer: WordPiece) -> None:
    documents = ["word " * 100 + ". Short one.", "other " * 100 + ". Short two."]
    assert all(len(pair.input_ids) <= 16 for pair in sentence_pairs(documents, tokenizer, 16))


def test_bad_input_is_explained(tokenizer: WordPiece) -> None:
    for documents in ([], ["too short"]):
        with pytest.raises(ValueError, match=r"The corpus is empty: .* 12 tokens"):
            sequences(documents, tokenizer)
    with pytest.raises(ValueError, match=r"max_length=2 .* 3"):
        sequences(["a text"], tokenizer, max_length=2)
    with pytest.raises(ValueError, match=r"max_length=4 .* 5"):
        sentence_pairs(DOCUMENTS, tokenizer, max_length=4)
    with pytest.raises(ValueError, match="two documents of two sentences"):
        sentence_pairs(["One. Two.", "Only one sentence."], tokenizer)
    for read in (sequences, sentence_pairs, masked_documents):
        with pytest.raises(TypeError, match=r"Expected several texts, got str .*: wrap it in a list"):
            read("A text of its own. And more of it.", tokenizer)
    with pytest.raises(TypeError, match=r"got str .*: wrap it in a list"):
        from_documents("mine", "A text of its own.")
