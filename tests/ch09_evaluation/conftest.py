"""What several tests of chapter 9 share."""

import pytest

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch09_evaluation.held_out import MaskedText, masked_text


@pytest.fixture(scope="package")
def text(tiny_corpus: Corpus, tokenizer: WordPiece) -> MaskedText:
    return masked_text(sequences(tiny_corpus.test, tokenizer, 64), tokenizer, batch_size=8)
