"""Chapter 2, streams: sharing out without loss or repetition, positions that restore exactly, the hub."""

import json
from collections.abc import Callable
from itertools import chain, islice, zip_longest
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import WindowedBatches
from minidistil.ch02_masking.corpus import Corpus, from_documents, hub, together
from minidistil.ch02_masking.streams import DocumentStream, HubCorpus, split_of

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


def write_parquet(folder: Path, files: list[list[str]], kind: pyarrow.DataType, **columns: object) -> None:
    folder.mkdir(parents=True)
    for number, texts in enumerate(files):
        table = {"text": pyarrow.array(texts, kind)} | {name: [value] * len(texts) for name, value in columns.items()}
        path = folder / f"train-{number:05d}-of-{len(files):05d}.parquet"
        pyarrow.parquet.write_table(pyarrow.table(table), path, row_group_size=8)


@pytest.fixture(scope="module")
def part_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same documents in three datasets that differ in length, files, columns and the type of their text."""
    folder = tmp_path_factory.mktemp("parts")
    write_parquet(folder / "encyclopedia", [TEXTS[:41], TEXTS[41:81], TEXTS[81:123]], pyarrow.string(), id=1)
    write_parquet(folder / "books", [TEXTS[123:155], TEXTS[155:190]], pyarrow.large_string())
    (folder / "letters").mkdir()
    (folder / "letters" / "train.txt").write_text("\n".join(TEXTS[190:]))
    return [folder / name for name in ("encyclopedia", "books", "letters")]


@pytest.fixture(scope="module")
def parts(part_folders: list[Path]) -> list[HubCorpus]:
    return [hub(folder) for folder in part_folders]


@pytest.fixture(scope="module", params=["memory", "hub", "together"])
def corpus(request: pytest.FixtureRequest, hub_folder: Path, parts: list[HubCorpus]) -> Corpus | HubCorpus:
    if request.param == "memory":
        return from_documents("memory", TEXTS)
    return hub(str(hub_folder)) if request.param == "hub" else together(parts)


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
    everything = [document for share in shares for document in share]
    assert sorted(everything) == sorted(text for text in TEXTS if split_of(text) == "train")


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


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("split", ["train", "validation"])  # in the latter, shares without a document
def test_every_rank_reads_all_datasets_in_turn(parts: list[HubCorpus], split: str, world_size: int) -> None:
    for rank in range(world_size):
        shares = [list(part.stream(split, rank, world_size)) for part in parts]
        assert all(shares) == (split == "train")
        in_turn = [document for row in zip_longest(*shares) for document in row if document is not None]
        assert list(together(parts).stream(split, rank, world_size)) == in_turn


@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)])
def test_several_datasets_go_on_behind_every_document(parts: list[HubCorpus], rank: int, world_size: int) -> None:
    stream = together(parts).stream("train", rank, world_size)
    whole, positions = [], [json.dumps(stream.state_dict())]
    for document in stream:
        whole.append(document)
        positions.append(json.dumps(stream.state_dict()))
    for place, position in enumerate(positions):
        resumed = together(parts).stream("train", rank, world_size)
        resumed.load_state_dict(json.loads(position))
        assert list(resumed) == whole[place:]
    assert list(resumed) == whole


def test_all_documents_of_several_datasets_come_in_turn(parts: list[HubCorpus]) -> None:
    everything = list(together(parts))
    assert everything[:6] == [TEXTS[place] for place in (0, 123, 190, 1, 124, 191)]
    assert sorted(everything) == sorted(TEXTS)
    assert list(together([together(parts[:2]), parts[2]])) == everything


def test_several_datasets_have_all_names_and_another_fingerprint_with_each_change(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
        (folder / "train.txt").write_text("\n".join(TEXTS))
    seen = [together([hub(folder) for folder in folders])]
    assert seen[0].name == " + ".join(map(str, folders))
    assert together([hub(folder) for folder in folders]).fingerprint() == seen[0].fingerprint()
    for folder in folders:
        (folder / "train.txt").write_text("\n".join(TEXTS[1:]))
        seen.append(together([hub(folder) for folder in folders]))
    assert len({corpus.fingerprint() for corpus in seen}) == 4


def test_a_dataset_alone_is_itself(parts: list[HubCorpus]) -> None:
    alone = together(parts[:1])
    assert (alone.name, alone.fingerprint()) == (parts[0].name, parts[0].fingerprint())
    assert type(alone.stream()) is DocumentStream  # its positions are those of one dataset
    assert list(alone.train) == list(parts[0].train)


def test_no_file_is_read_twice(tmp_path: Path) -> None:
    for name, texts in (("en", TEXTS[:50]), ("de", TEXTS[50:])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text("\n".join(texts))
    configs = [{"config_name": name, "data_files": files} for name, files in (("en", "en/*"), ("all", "*/*"))]
    (tmp_path / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    english, german, both = hub(tmp_path, "en"), hub(tmp_path / "de"), hub(tmp_path, "all")
    assert sorted(together([english, german])) == sorted(TEXTS)
    again = hub(tmp_path / "en" / "..", "all")
    for same in ([both, again], [english, both], [german, both], [english, german, german]):
        with pytest.raises(ValueError, match=r"have files in common, such as .*/text\.txt: expected different ones"):
            together(same)


def test_what_is_no_list_of_datasets_is_explained(parts: list[HubCorpus]) -> None:
    with pytest.raises(ValueError, match="Expected at least one dataset, got an empty list"):
        together([])
    with pytest.raises(TypeError, match=r"Expected several datasets, got one, .*encyclopedia: wrap it in a list"):
        together(parts[0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"as `hub` gives them, got a Corpus: a corpus in memory is added to another"):
        together([parts[0], from_documents("memory", TEXTS)])  # type: ignore[list-item]


@pytest.fixture(scope="module")
def batches(corpus: Corpus | HubCorpus, tokenizer: WordPiece) -> Callable[[], WindowedBatches]:
    return lambda: WindowedBatches(corpus.stream("train", 1, 2), tokenizer, batch_size=4, max_length=12, window=10)


def ids(batch: list) -> list[list[int]]:
    return [sequence.tolist() for sequence in batch]


def test_every_pass_holds_the_same_sequences_shuffled_anew(batches: Callable[[], WindowedBatches]) -> None:
    stream = batches()
    first, second = ([ids(batch) for batch in stream] for _ in range(2))
    assert sorted(chain(*first)) == sorted(chain(*second))
    assert first != second


def test_batches_restore_exactly_twice_across_windows_and_passes(batches: Callable[[], WindowedBatches]) -> None:
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
        for batch in WindowedBatches(corpus.stream("train", rank, 3), tokenizer, 4, window=10):
            seen += ids(batch)
    texts = [text for text in TEXTS if split_of(text) == "train"]
    assert sorted(seen) == sorted(tokenizer.encode(text).ids for text in texts)


def test_a_window_without_a_sequence_does_not_end_the_pass(tokenizer: WordPiece) -> None:
    documents = ["short"] * 20 + [" ".join(["long"] * 20)]
    stream = Corpus("mixed", documents, [], []).stream()
    assert [len(batch) for batch in WindowedBatches(stream, tokenizer, 4, window=5)] == [1]


@pytest.mark.parametrize("documents", [[], ["short", "also short"]])
def test_a_stream_without_a_sequence_is_an_empty_corpus(documents: list[str], tokenizer: WordPiece) -> None:
    stream = Corpus("poor", documents, [], []).stream()
    with pytest.raises(ValueError, match="The corpus is empty: no sequence of 12 tokens or more"):
        list(WindowedBatches(stream, tokenizer, 4, window=1))


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
