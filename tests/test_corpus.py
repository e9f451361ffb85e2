"""Chapter 2, text: splits, drop rules, batches."""

import ast
import json
from pathlib import Path

import pytest
import torch

from minidistil import corpus
from minidistil.corpus import Corpus, epoch_batches, from_documents, prose, sequences, text_files
from minidistil.wordpiece import WordPiece


def test_docs_are_large_split_and_without_repetition(docs_corpus: Corpus) -> None:
    assert sum(map(len, docs_corpus)) > 8_000_000
    texts = [" ".join(document.split()) for document in docs_corpus]
    assert len(set(texts)) == len(texts)
    assert 0.95 < len(docs_corpus.train) / len(texts) < 0.97


def test_docs_hold_a_known_docstring_and_no_code(docs_corpus: Corpus) -> None:
    assert any(json.dumps.__doc__.split("\n")[0] in document for document in docs_corpus)  # type: ignore[union-attr]
    assert not any(line.startswith(">>>") for document in docs_corpus for line in document.splitlines())


def test_a_source_is_read_but_never_run(tmp_path: Path) -> None:
    source = (
        '"""Module."""\nraise SystemExit\nclass A:\n  """Class."""\n  if True:\n    def f(self):\n      "Method."\n'
    )
    (tmp_path / "m.py").write_text(source)
    expected = [ast.get_docstring(node) for node in ast.walk(ast.parse(source)) if hasattr(node, "body")
                and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]  # fmt: skip
    assert sorted(corpus._docstrings(tmp_path / "m.py")) == sorted(filter(None, expected))


def test_a_damaged_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path))
    monkeypatch.setattr(corpus, "_docs_documents", lambda packages: iter(["one document", "another"]))
    first = corpus.docs()
    (cached,) = tmp_path.iterdir()
    cached.write_text(cached.read_text()[:10])
    assert corpus.docs() == first
    assert json.loads(cached.read_text()) == ["one document", "another"]


def test_prose_keeps_sentences_only() -> None:
    docstring = "Returns the sum.\n\n>>> f(1)\narray([[1, 2], [3, 4]])\n----------\nAll numbers count."
    assert prose(docstring) == "Returns the sum.\nAll numbers count."


def test_a_document_keeps_its_split_whatever_is_added(docs_corpus: Corpus) -> None:
    few = from_documents("few", [*docs_corpus.test, "something else"])
    assert set(docs_corpus.test) <= set(few.test)
    assert set((few + docs_corpus).test) == set(few.test) | set(docs_corpus.test)


def test_sequences_follow_the_official_drop_rules(tokenizer: WordPiece) -> None:
    kept, dropped = "word " * 10, "word " * 9  # with the frame 12 and 11 tokens
    unknown = "word " * 10 + "\u0bb4 " * 12  # 12 of 24 are [UNK]
    assert [len(ids) for ids in sequences([kept, dropped, unknown], tokenizer)] == [12]
    chunks = sequences(["word " * 300], tokenizer, max_length=128)
    assert [len(ids) for ids in chunks] == [128, 128, 50]
    assert all(ids[0] == 101 and ids[-1] == 102 for ids in chunks)


def test_an_epoch_holds_every_sequence_once_in_batches_of_like_length() -> None:
    lengths = torch.randint(12, 128, (1000,)).tolist()
    batches = epoch_batches(lengths, 8, seed=1)
    assert sorted(index for batch in batches for index in batch) == list(range(1000))
    waste = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches) / sum(lengths)
    assert waste < 1.06  # random batches of 8 waste about two thirds
    assert batches == epoch_batches(lengths, 8, seed=1)
    assert batches != epoch_batches(lengths, 8, seed=2)


def test_text_files(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("A well @-@ known <unk> of 1 @,@ 000 .\nAnother line.\n\nAnother line.\n")
    assert sorted(text_files([path])) == ["A well-known [UNK] of 1,000 .", "Another line."]


def test_bad_input_is_explained(tmp_path: Path, tokenizer: WordPiece) -> None:
    with pytest.raises(FileNotFoundError, match=r"no text file .*absent\.txt"):
        text_files([tmp_path / "absent.txt"])
    (tmp_path / "latin.txt").write_bytes("déjà".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.txt is not UTF-8: byte 0xe9 at offset 1"):
        text_files([tmp_path / "latin.txt"])
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(ValueError, match=r"empty\.txt is empty"):
        text_files([tmp_path / "empty.txt"])
    with pytest.raises(ValueError, match="corpus is empty"):
        sequences(["too short"], tokenizer)
    with pytest.raises(ValueError, match="max_length=2 is too small"):
        sequences(["a text"], tokenizer, max_length=2)
