"""Chapter 2, streams: split between processes without loss or repetition, resumed exactly, from the hub too."""

import gzip
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
from minidistil.ch02_masking.hub_text import HubCorpus
from minidistil.ch02_masking.streams import DocumentStream, split_of

TEXTS = [f"Document {number} of the hub, a short text about nothing much at all." for number in range(200)]
TRAIN = [text for text in TEXTS if split_of(text) == "train"]


def write_text(folder: Path, texts: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_text("\n".join(texts))
    return folder


def write_parquet(folder: Path, files: list[list], kind: pyarrow.DataType, **columns: object) -> Path:
    folder.mkdir(parents=True)
    for number, texts in enumerate(files):
        table = {"text": pyarrow.array(texts, kind)} | {name: [value] * len(texts) for name, value in columns.items()}
        path = folder / f"train-{number:05d}-of-{len(files):05d}.parquet"
        pyarrow.parquet.write_table(pyarrow.table(table), path, row_group_size=8)
    return folder


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset as on the hub: several Parquet files, a column beside the text, rows without text."""
    files = [[*TEXTS[start : start + 50], "", " \n", None] for start in range(0, 200, 50)]
    return write_parquet(tmp_path_factory.mktemp("hub") / "dataset", files, pyarrow.string(), id=1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[HubCorpus]:
    """The same documents in three datasets that differ in length, files, columns and the type of their text."""
    folder = tmp_path_factory.mktemp("parts")
    encyclopedia, books = [TEXTS[:41], TEXTS[41:81], TEXTS[81:123]], [TEXTS[123:155], TEXTS[155:190]]
    return [
        hub(write_parquet(folder / "encyclopedia", encyclopedia, pyarrow.string(), id=1)),
        hub(write_parquet(folder / "books", books, pyarrow.large_string())),
        hub(write_text(folder / "letters", TEXTS[190:])),
    ]


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
def test_the_ranks_divide_all_documents(corpus: Corpus | HubCorpus, world_size: int) -> None:
    ranks = [list(corpus.stream("train", rank, world_size)) for rank in range(world_size)]
    assert all(ranks)
    assert sorted(chain(*ranks)) == sorted(TRAIN)


@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)])
def test_a_saved_position_resumes_exactly_twice_at_every_document(
    corpus: Corpus | HubCorpus, rank: int, world_size: int
) -> None:
    stream = corpus.stream("train", rank, world_size)
    states, whole = [json.dumps(stream.state_dict())], []
    for document in stream:
        whole.append(document)
        states.append(json.dumps(stream.state_dict()))
    for place, state in enumerate(states):
        once, twice = (corpus.stream("train", rank, world_size) for _ in range(2))
        once.load_state_dict(json.loads(state))
        between = list(islice(once, min(place % 3, len(whole) - place)))  # 0: saved again before anything was read
        twice.load_state_dict(json.loads(json.dumps(once.state_dict())))
        assert [*whole[:place], *between, *twice] == whole
    assert list(twice) == whole, "after its end a stream begins again"


def test_a_stream_continues_where_it_was(corpus: Corpus | HubCorpus) -> None:
    stream = corpus.stream()
    assert [*islice(stream, 7), *stream] == list(corpus.stream())


@pytest.mark.parametrize("world_size", [2, 3])  # 2 processes divide the four files of "hub", 3 their documents
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
@pytest.mark.parametrize("split", ["train", "validation"])  # in the latter, some process has no document of a dataset
def test_every_rank_reads_all_datasets_in_turn(parts: list[HubCorpus], split: str, world_size: int) -> None:
    for rank in range(world_size):
        each = [list(part.stream(split, rank, world_size)) for part in parts]
        assert all(each) == (split == "train")
        in_turn = [document for row in zip_longest(*each) for document in row if document is not None]
        assert list(together(parts).stream(split, rank, world_size)) == in_turn


def test_all_documents_of_several_datasets_come_in_turn(parts: list[HubCorpus]) -> None:
    everything = list(together(parts))
    assert everything[:6] == [TEXTS[place] for place in (0, 123, 190, 1, 124, 191)]
    assert sorted(everything) == sorted(TEXTS)
    assert list(together([together(parts[:2]), parts[2]])) == everything


def test_name_and_fingerprint_of_several_datasets_come_from_each(tmp_path: Path) -> None:
    folders = [write_text(tmp_path / name, TEXTS) for name in ("one", "two", "three")]
    before = together([hub(folder) for folder in folders])
    assert before.name == " + ".join(map(str, folders))
    assert together([hub(folder) for folder in folders]).fingerprint() == before.fingerprint()
    seen = {before.fingerprint()}
    for folder in folders:
        write_text(folder, TEXTS[1:])
        seen.add(together([hub(folder) for folder in folders]).fingerprint())
    assert len(seen) == 4


def test_a_dataset_alone_is_itself(parts: list[HubCorpus]) -> None:
    alone = together(parts[:1])
    assert (alone.name, alone.fingerprint()) == (parts[0].name, parts[0].fingerprint())
    assert type(alone.stream()) is DocumentStream  # its positions are those of one dataset
    assert list(alone.train) == list(parts[0].train)


def test_no_file_is_read_twice(tmp_path: Path) -> None:
    write_text(tmp_path / "en", TEXTS[:50])
    write_text(tmp_path / "de", TEXTS[50:])
    configs = [{"config_name": name, "data_files": files} for name, files in (("en", "en/*"), ("all", "*/*"))]
    (tmp_path / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    english, german, both = hub(tmp_path, "en"), hub(tmp_path / "de"), hub(tmp_path, "all")
    assert sorted(together([english, german])) == sorted(TEXTS)
    again = hub(tmp_path / "en" / "..", "all")
    for same in ([both, again], [english, both], [german, both], [english, german, german]):
        with pytest.raises(ValueError, match=r"have files in common, such as .*/train\.txt"):
            together(same)


def test_what_is_no_list_of_datasets_is_explained(parts: list[HubCorpus]) -> None:
    with pytest.raises(ValueError, match="at least one dataset"):
        together([])
    with pytest.raises(TypeError, match=r"encyclopedia: wrap it in a list"):
        together(parts[0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"from `hub`, got a Corpus"):
        together([parts[0], from_documents("memory", TEXTS)])  # type: ignore[list-item]


@pytest.fixture(scope="module")
def batches(corpus: Corpus | HubCorpus, tokenizer: WordPiece) -> Callable[[], WindowedBatches]:
    return lambda: WindowedBatches(corpus.stream("train", 1, 2), tokenizer, batch_size=4, max_length=12, window=10)


def ids(batch: list) -> list[list[int]]:
    return [sequence.tolist() for sequence in batch]


def test_every_pass_has_the_same_sequences_in_another_order(batches: Callable[[], WindowedBatches]) -> None:
    stream = batches()
    first, second = ([ids(batch) for batch in stream] for _ in range(2))
    assert sorted(chain(*first)) == sorted(chain(*second))
    assert first != second


def test_batches_resume_exactly_twice_across_windows_and_passes(batches: Callable[[], WindowedBatches]) -> None:
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
    ranks = [WindowedBatches(corpus.stream("train", rank, 3), tokenizer, 4, window=10) for rank in range(3)]
    seen = [sequence for rank in ranks for batch in rank for sequence in ids(batch)]
    assert sorted(seen) == sorted(tokenizer.encode(text).ids for text in TRAIN)


def test_a_window_without_a_sequence_does_not_end_the_pass(tokenizer: WordPiece) -> None:
    documents = ["short"] * 20 + [" ".join(["long"] * 20)]
    stream = Corpus("mixed", documents, [], []).stream()
    assert [len(batch) for batch in WindowedBatches(stream, tokenizer, 4, window=5)] == [1]


@pytest.mark.parametrize("documents", [[], ["short", "also short"]])
def test_a_stream_without_a_sequence_is_an_empty_corpus(documents: list[str], tokenizer: WordPiece) -> None:
    stream = Corpus("poor", documents, [], []).stream()
    with pytest.raises(ValueError, match="The corpus is empty"):
        list(WindowedBatches(stream, tokenizer, 4, window=1))


def test_a_folder_of_text_files_has_a_document_a_line(tmp_path: Path) -> None:
    write_text(tmp_path, [text + "\n" for text in TEXTS])
    assert sorted(hub(str(tmp_path))) == sorted(TEXTS)


def test_a_folder_with_the_name_of_a_format_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("In the current folder.\n")
    with pytest.raises(FileNotFoundError, match="no folder text, and text is a format"):
        hub("text")
    write_text(tmp_path / "text", TEXTS)
    for name in ("text", Path("text")):
        assert sorted(hub(name)) == sorted(TEXTS)


def test_the_fingerprint_changes_with_the_files(hub_folder: Path, tmp_path: Path) -> None:
    for path in hub_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before, again = hub(str(tmp_path)).fingerprint(), hub(str(tmp_path)).fingerprint()
    assert before == again
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Another text."]}), tmp_path / "train-00000-of-00004.parquet")
    assert hub(str(tmp_path)).fingerprint() != before


def test_bad_input_is_explained(corpus: Corpus | HubCorpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'valid': expected one of train, validation, test"):
        corpus.stream("valid")
    with pytest.raises(ValueError, match=r"got rank=2 and world_size=2"):
        corpus.stream("train", 2, 2)
    (tmp_path / "train.jsonl").write_text('{"content": "a"}\n')
    with pytest.raises(ValueError, match=r'no column "text", only content'):
        hub(str(tmp_path))
    with pytest.raises(ValueError, match="is empty"):
        hub(write_text(tmp_path / "empty", []))
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "program.py").write_text("import datasets\n")
    with pytest.raises(ValueError, match="no loading script"):
        hub(tmp_path / "program")
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent"):
        hub(str(tmp_path / "absent"))


def test_a_configuration_revision_or_split_that_is_not_there_is_answered_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder ''"):
        hub("")
    folder = tmp_path / "letters"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match="letters has no text, JSON or Parquet files"):
        hub(folder)
    (folder / "test.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(ValueError, match="no train split, only test"):
        hub(folder)
    with pytest.raises(ValueError, match="letters is a folder and has no revision 'main': leave it out"):
        hub(folder, revision="main")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- {config_name: en, data_files: test.jsonl}\n- {config_name: de, data_files: test.jsonl}\n---\n"
    )
    assert next(iter(hub(folder, "de"))) == "a"
    for given in (None, "fr"):
        with pytest.raises(ValueError, match=f"config is {given!r}, the dataset .*letters has en, de: give one"):
            hub(folder, given)
    (folder / "README.md").write_text("---\nconfigs: 3\n---\n")
    with pytest.raises(ValueError, match=r"letters.* cannot be read \(.*configs.*\): expected"):
        hub(folder)


def jsonl(values: list[object]) -> bytes:
    return "\n".join(json.dumps({"text": value}) for value in values).encode()


LINES = "\n".join(TEXTS).encode()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.jsonl": jsonl([["one"], ["two"]])}, r"holds List.*: expected a text in each row"),
        ({"a.jsonl": jsonl([1, 2])}, r"holds Value\('int64'\): expected a text"),
        ({"a.jsonl": jsonl(["one", 2])}, r"holds Json.*: expected a text"),
        ({"a.csv": b"text\n1\n2\n"}, r"holds 1: expected a text"),
        ({"a.txt.gz": gzip.compress(LINES)[:-40]}, r"a\.txt\.gz cannot be read \(Compressed file ended"),
        ({"a.txt": LINES, "b.txt.gz": gzip.compress(LINES)[:-40]}, r"[^:]*b\.txt\.gz cannot be read \(Compressed"),
        ({"a.txt.gz": LINES}, r"a\.txt\.gz cannot be read \(Not a gzipped file"),
        ({"a.txt": LINES, "b.txt": LINES + b"\xff"}, r"b\.txt cannot be read \('utf-8' codec"),
        ({"a.jsonl": jsonl([*TEXTS]), "b.jsonl": b'{"text":\n'}, r"b\.jsonl cannot be read \(JSON parse error"),
        ({"a.parquet": b"PAR1 and more"}, r"a\.parquet cannot be read \(Parquet"),
        ({"a.jsonl": jsonl([*TEXTS]), "b.jsonl": jsonl([["one"]])}, r"b\.jsonl cannot be read \(Couldn't cast"),
        ({"a.jsonl": b'{"text": "\xff"}\n'}, r"a\.jsonl cannot be read \('utf-8' codec"),
        (
            {"a.jsonl": jsonl([*TEXTS]), "b.jsonl.gz": gzip.compress(b'{"text": "\xff"}\n')},
            r"b\.jsonl\.gz cannot be read",
        ),
        ({"a.txt.xz": LINES}, r"a\.txt\.xz cannot be read"),
        ({"a.txt.zst": LINES}, r"a\.txt\.zst cannot be read"),
        ({"a.txt": LINES, "b.zip": LINES}, r"zip file of .* cannot be read"),
    ],
)
def test_a_file_of_a_folder_that_cannot_be_read_is_named(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(hub(tmp_path))


def test_a_path_is_a_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.load_dataset_builder", lambda *_, **__: pytest.fail("the hub is asked"))
    with pytest.raises(FileNotFoundError, match=r"no folder some.one"):
        hub(Path("some/one"))


def test_a_dataset_of_the_hub_without_a_network_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"someone/something, .* the network, or use `text_files`"):
        hub("someone/something")
