"""Chapter 2, docstrings: read and never run, prose only, the cache."""

import json
from pathlib import Path

import pytest

from minidistil.ch02_masking import docstrings
from minidistil.ch02_masking.corpus import Corpus


def test_docs_hold_a_known_docstring_and_no_code(docs_corpus: Corpus) -> None:
    assert any(json.dumps.__doc__.split("\n")[0] in document for document in docs_corpus)  # type: ignore[union-attr]
    assert not any(line.startswith(">>>") for document in docs_corpus for line in document.splitlines())


def test_a_source_is_read_but_never_run(tmp_path: Path) -> None:
    source = '"Module."\nraise SystemExit\nclass A:\n  "Class."\n  if True:\n    def f(self):\n      "Method."\n'
    (tmp_path / "m.py").write_text(source)
    assert list(docstrings._docstrings(tmp_path / "m.py")) == ["Module.", "Class.", "Method."]


def test_a_source_for_another_python_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text('"""Old."""\nprint "hello"\n')
    (tmp_path / "binary.py").write_bytes(b'"""Bytes."""\n\xff\x00')
    assert [list(docstrings._docstrings(path)) for path in sorted(tmp_path.iterdir())] == [[], []]


def test_a_damaged_cache_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDISTIL_CACHE", str(tmp_path))
    monkeypatch.setattr(docstrings, "_extract", lambda packages: iter(["one document", "another"]))
    assert not docstrings.are_cached()
    first = docstrings.documents()
    assert docstrings.are_cached()
    (cached,) = tmp_path.iterdir()
    cached.write_text(cached.read_text()[:10])
    assert docstrings.documents() == first
    assert json.loads(cached.read_text()) == ["one document", "another"]


def test_prose_keeps_sentences_only() -> None:
    docstring = "Returns the sum.\n\n>>> f(1)\narray([[1, 2], [3, 4]])\n----------\nAll numbers count."
    assert docstrings.prose(docstring) == "Returns the sum.\nAll numbers count."
