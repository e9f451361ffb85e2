"""Chapter 2, streams: sharing out without loss or repetition, positions that restore exactly, the hub."""

import json
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from minidistil.batches import StreamBatches
from minidistil.corpus import Corpus, from_documents, hub
from minidistil.streams import HubCorpus, split_of
from minidistil.wordpiece import WordPiece

FILES, ROWS = 4, 50
TEXTS = [f"Document {number} of the hub, a short text about nothing much at all." for number in range(FILES * ROWS)]


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset as it lies on the hub: several Parquet files, a column beside the text, rows without text."""
    folder = tmp_path_factory.mktemp("dataset")
    for file in range(FILES):
        texts = [*TEXTS[file * ROWS : (file + 1) * ROWS], "", " \n", None]
        table = pyarrow.table({"id": list(range(len(texts))), "text": texts})
        pyarrow.parquet.write_table(table, folder / f"train-{file:05d}-of-{FILES:05d}.parquet", row_group_size=8)
    return folder


@pytest.fixture(scope="module", params=["memory", "hub"])
def corpus(request: pytest.FixtureRequest, hub_folder: Path) -> Corpus | HubCorpus:
    return from_documents("memory", TEXTS) if request.param == "memory" else hub(str(hub_folder))


def test_the_hub_gives_the_same_splits_as_memory(hub_folder: Path) -> None:
    streamed, loaded = hub(str(hub_folder)), from_documents("loaded", TEXTS)
    for split in ("train", "validation", "test"):
        assert list(getattr(streamed, split)) == getattr(loaded, split)
        assert len(getattr(loaded, split)) > 0
    assert sorted(streamed) == sorted(TEXTS)
    assert list(from_documents("from the hub", streamed)) == list(loaded)


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 5])
def test_the_ranks_share_out_all_documents_once(corpus: Corpus | HubCorpus, world_size: int) -> None:
    shares = [list(corpus.stream("train", rank, world_size)) for rank in range(world_size)]
    assert all(shares)
    together = [document for share in shares for document in share]
    assert sorted(together) == sorted(text for text in TEXTS if split_of(text) == "train")


@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (1, 2), (2, 3)])
def test_a_position_restores_exactly_twice_at_every_document(
    corpus: Corpus | HubCorpus, rank: int, world_size: int
) -> None:
    whole = list(corpus.stream("train", rank, world_size))
    for first in range(0, len(whole) + 1, 5):
        seen: list[str] = []
        state = None
        for count in (first, 0, 3, len(whole)):  # 0: saved again before anything was read
            stream = corpus.stream("train", rank, world_size)
            if state is not None:
                stream.load_state_dict(state)
            seen += islice(stream, min(count, len(whole) - len(seen)))
            state = json.loads(json.dumps(stream.state_dict()))
        assert seen == whole


def test_a_stream_goes_on_where_it_was_and_begins_again_at_the_end(corpus: Corpus | HubCorpus) -> None:
    whole = list(corpus.stream())
    stream = corpus.stream()
    assert [*islice(stream, 7), *stream] == whole
    assert list(stream) == whole


@pytest.mark.parametrize("world_size", [2, 3])  # the four files of "hub" are shared out to 2 processes, not to 3
def test_streams_of_one_corpus_do_not_disturb_each_other(corpus: Corpus | HubCorpus, world_size: int) -> None:
    wholes = [list(corpus.stream("train", rank, world_size)) for rank in range(world_size)]
    streams = [corpus.stream("train", rank, world_size) for rank in range(world_size)]
    readers = [iter(stream) for stream in streams]
    for place in range(7):
        assert [next(reader) for reader in readers] == [whole[place] for whole in wholes]
    for rank, whole in enumerate(wholes):
        resumed = corpus.stream("train", rank, world_size)
        resumed.load_state_dict(streams[rank].state_dict())
        assert list(resumed) == whole[7:]


@pytest.fixture(scope="module")
def batches(corpus: Corpus | HubCorpus, tokenizer: WordPiece) -> Callable[[], StreamBatches]:
    return lambda: StreamBatches(corpus.stream("train", 1, 2), tokenizer, batch_size=4, max_length=12, window=10)


def ids(batch: list) -> list[list[int]]:
    return [sequence.tolist() for sequence in batch]


def test_every_pass_holds_the_same_sequences_shuffled_anew(batches: Callable[[], StreamBatches]) -> None:
    stream = batches()
    first, second = ([ids(batch) for batch in stream] for _ in range(2))
    assert sorted(chain(*first)) == sorted(chain(*second))
    assert first != second


def test_batches_restore_exactly_twice_across_windows_and_passes(batches: Callable[[], StreamBatches]) -> None:
    stream = batches()
    uninterrupted = [ids(batch) for _ in range(3) for batch in stream]
    one_pass = len(list(batches()))
    for stop in range(one_pass + 1):
        seen: list[list[list[int]]] = []
        state = None
        for count in (stop, 0, 2, one_pass):  # 0: saved again before a batch was taken
            resumed = batches()
            if state is not None:
                resumed.load_state_dict(state)
            seen += map(ids, islice(resumed, count))
            state = json.loads(json.dumps(resumed.state_dict()))
        assert len(seen) >= one_pass
        assert seen == uninterrupted[: len(seen)]


def test_batches_of_all_ranks_hold_every_sequence_once(corpus: Corpus | HubCorpus, tokenizer: WordPiece) -> None:
    seen = []
    for rank in range(3):
        for batch in StreamBatches(corpus.stream("train", rank, 3), tokenizer, 4, window=10):
            seen += ids(batch)
    texts = [text for text in TEXTS if split_of(text) == "train"]
    assert sorted(seen) == sorted(tokenizer.encode(text).ids for text in texts)


def test_a_window_without_a_sequence_does_not_end_the_pass(tokenizer: WordPiece) -> None:
    documents = ["short"] * 20 + [" ".join(["long"] * 20)]
    stream = Corpus("mixed", documents, [], []).stream()
    assert [len(batch) for batch in StreamBatches(stream, tokenizer, 4, window=5)] == [1]


@pytest.mark.parametrize("documents", [[], ["short", "also short"]])
def test_a_stream_without_a_sequence_is_an_empty_corpus(documents: list[str], tokenizer: WordPiece) -> None:
    stream = Corpus("poor", documents, [], []).stream()
    with pytest.raises(ValueError, match="The corpus is empty: no sequence of 12 tokens or more"):
        list(StreamBatches(stream, tokenizer, 4, window=1))


def test_a_folder_of_text_files_has_a_document_a_line(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("\n\n".join(TEXTS) + "\n")
    assert sorted(hub(str(tmp_path))) == sorted(TEXTS)


def test_a_folder_with_the_name_of_a_format_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("Not asked for.\n")
    with pytest.raises(FileNotFoundError, match="text is the name of a format, and no folder here"):
        hub("text")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "train.txt").write_text("\n".join(TEXTS))
    for name in ("text", Path("text")):
        assert sorted(hub(name)) == sorted(TEXTS)
    before = hub("text").fingerprint()
    (tmp_path / "text" / "train.txt").write_text("\n".join(TEXTS[1:]))
    assert hub("text").fingerprint() != before


def test_the_fingerprint_changes_with_the_files(hub_folder: Path, tmp_path: Path) -> None:
    for path in hub_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before, again = hub(str(tmp_path)).fingerprint(), hub(str(tmp_path)).fingerprint()
    assert before == again
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Another text."]}), tmp_path / "train-00000-of-00004.parquet")
    assert hub(str(tmp_path)).fingerprint() != before


def test_bad_input_is_explained(corpus: Corpus | HubCorpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no split 'valid': expected one of train, validation, test"):
        corpus.stream("valid")
    with pytest.raises(ValueError, match=r"rank=2 of world_size=2: expected a rank from 0"):
        corpus.stream("train", 2, 2)
    (tmp_path / "train.jsonl").write_text('{"content": "a"}\n')
    with pytest.raises(ValueError, match=r'no column "text", only content'):
        hub(str(tmp_path))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "train.txt").write_text("")
    with pytest.raises(ValueError, match="is empty"):
        hub(tmp_path / "empty")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "program.py").write_text("import datasets\n")
    with pytest.raises(ValueError, match="A dataset that is a program is no longer run"):
        hub(tmp_path / "program")
    with pytest.raises(FileNotFoundError, match=r"absent is no folder here and could not be had from the hub"):
        hub(str(tmp_path / "absent"))


def test_a_dataset_of_the_hub_without_a_network_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"someone/something .*network, or take `text_files`"):
        hub("someone/something")
