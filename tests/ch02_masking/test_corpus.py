"""Chapter 2, corpora: splits, files of every kind, bad input."""

import gzip
import hashlib
from pathlib import Path

import pytest
from datasets import load_dataset
from scipy.stats import chisquare

from minidistil.ch02_masking.corpus import Corpus, from_documents, hub, text_files


def test_docs_are_large_split_and_without_repetition(docs_corpus: Corpus) -> None:
    assert sum(map(len, docs_corpus)) > 8_000_000
    texts = [" ".join(document.split()) for document in docs_corpus]
    assert len(set(texts)) == len(texts)


def test_the_split_is_a_percentage_of_the_sha256(docs_corpus: Corpus) -> None:
    expected: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for document in docs_corpus:
        head = hashlib.sha256(" ".join(document.split()).encode()).hexdigest()[:8]
        percent = int(head, 16) / 2**32 * 100
        expected["train" if percent < 96 else "validation" if percent < 98 else "test"].append(document)
    assert expected == {split: getattr(docs_corpus, split) for split in expected}
    counts = [len(documents) for documents in expected.values()]
    assert chisquare(counts, [sum(counts) * share for share in (0.96, 0.02, 0.02)]).pvalue > 0.001


def test_a_document_keeps_its_split_whatever_is_added(docs_corpus: Corpus) -> None:
    few = from_documents("few", [*docs_corpus.test, "something else"])
    assert set(docs_corpus.test) <= set(few.test)
    assert set((few + docs_corpus).test) == set(few.test) | set(docs_corpus.test)


def test_the_fingerprint_is_sha256_of_the_documents_with_nul_between_them() -> None:
    corpus = Corpus("c", ["one", "two"], ["three"], ["four"])
    assert corpus.fingerprint() == hashlib.sha256(b"one\0two\0three\0four\0").hexdigest()


TEXT = "A well @-@ known <unk> of 1 @,@ 000 .\nAnother line.\n\nAnother line.\n"


def test_a_line_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    assert sorted(text_files([tmp_path / "text.txt"])) == ["A well-known [UNK] of 1,000 .", "Another line."]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_lines_end_as_in_datasets(start: str, tmp_path: Path) -> None:
    marks = "\u2028 \u2029 \x85 \x0b \x0c \x1c \x1d \x1e \ufeff"
    path = tmp_path / "in" / "text.txt"
    path.parent.mkdir()
    path.write_bytes(f"{start}One {marks} line.\nTwo.\r\nThree.\rFour.\n\n\rFive.".encode())
    theirs = load_dataset("text", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))["text"]
    expected = [line.removeprefix("\ufeff") for line in theirs if line]
    assert expected == [f"One {marks} line.", "Two.", "Three.", "Four.", "Five."]
    for corpus in (text_files([path]), hub(path.parent)):
        assert sorted(corpus) == sorted(expected)


def test_a_file_that_does_not_fit_in_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(gzip, "decompress", fail)
    (tmp_path / "text.txt.gz").write_bytes(b"")
    with pytest.raises(MemoryError, match=r"text\.txt\.gz is too large: .*--hub"):
        text_files([tmp_path / "text.txt.gz"])


def test_a_whole_file_is_a_document(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(f"First line of {name}.\nSecond line.\n")
    corpus = text_files([tmp_path / "one.txt", tmp_path / "two.txt"], whole=True)
    assert sorted(corpus) == [f"First line of {name}.\nSecond line.\n" for name in ("one.txt", "two.txt")]
    assert corpus.name == "one.txt, two.txt"


def test_a_gz_file_gives_what_its_content_gives(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert list(text_files([tmp_path / "text.txt.gz"])) == list(text_files([tmp_path / "text.txt"]))


def test_wikitext_lines_are_documents(outside_data: Path) -> None:
    path = outside_data / "wikitext-2" / "test.txt"
    corpus = text_files([path])
    lines = {line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
    assert len(list(corpus)) == len(lines)
    assert not any(mark in document for document in corpus for mark in ("<unk>", " @-@ ", " @,@ ", " @.@ "))


FLIPPED = bytearray(gzip.compress(b"some text" * 100, mtime=0))
FLIPPED[12] ^= 0xFF


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.txt", None, r"no text file .*absent\.txt"),
        ("latin.txt", "déjà".encode("latin-1"), r"latin\.txt is not UTF-8: byte 0xe9 at offset 1\."),
        (
            "latin.gz",
            gzip.compress("a déjà".encode("latin-1"), mtime=0),
            r"latin\.gz is not UTF-8: .*3 of its decompressed",
        ),
        ("short.gz", gzip.compress(b"some text" * 100, mtime=0)[:-12], r"short\.gz .* damaged \(Compressed file ended"),
        ("flipped.gz", FLIPPED, r"flipped\.gz .* damaged"),
        ("plain.gz", b"plain text", r"plain\.gz is not a gzip file"),
        ("blank.txt", b"\n \n", r"blank\.txt is empty"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileNotFoundError if content is None else ValueError, match=message):
        text_files([tmp_path / name])


def test_a_path_alone_or_none_is_explained() -> None:
    with pytest.raises(TypeError, match=r"'a\.txt': wrap it in a list"):
        text_files("a.txt")
    with pytest.raises(ValueError, match="at least one text file"):
        text_files([])
