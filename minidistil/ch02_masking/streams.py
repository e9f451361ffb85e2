"""Chapter 2. Text that does not fit in memory: streamed, split between processes, with a position that can be saved.

The `datasets` library does all three (Lhoest et al., 2021, "Datasets: A Community Library for Natural Language
Processing"). A corpus in memory is streamed through it as well, so that both behave alike.
"""

import gzip
import hashlib
import lzma
import traceback
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from minidistil.arguments import listed, require_kind
from minidistil.files import few

if TYPE_CHECKING:
    from datasets import IterableDataset

SPLITS = ("train", "validation", "test")


def digest(document: str) -> bytes:
    """sha256 of a document; how its words are separated makes no difference."""
    return hashlib.sha256(" ".join(document.split()).encode("utf-8", "surrogatepass")).digest()


def split_of(document: str) -> str:
    """The split of a document, which depends on its text only: 96 % train, 2 % validation, 2 % test.

    >>> split_of("the cat")
    'train'
    """
    percent = int.from_bytes(digest(document)[:4], "big") * 100 >> 32  # uniform in 0..99
    return SPLITS[0 if percent < 96 else 1 if percent < 98 else 2]


def require_split(split: str) -> None:
    """Raise ValueError unless there is such a split."""
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: expected one of {', '.join(SPLITS)}.")


class DocumentStream:
    """The documents that one process reads, one after another, with a position.

    Every document goes to exactly one rank. Iterating continues from the position and moves it; at the end the
    position is at the beginning again. The ranks differ in the number of their documents by one or, where each reads
    files of its own, by more: a trainer must count steps, not documents.

    Args:
        dataset: rows with a column "text".
        files: what the rows are read from, for an error.

    Raises:
        ValueError: no such rank.
    """

    def __init__(self, dataset: "IterableDataset", rank: int = 0, world_size: int = 1, files: Iterable[str] = ()):
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to world_size - 1, got rank={rank} and world_size={world_size}.")
        from datasets.distributed import split_dataset_by_node

        # The one shard of one is a copy of the dataset: else two streams of a dataset moved each other's position.
        self._dataset = split_dataset_by_node(dataset.shard(1, 0), rank, world_size)
        self._files = files
        self._start = self._dataset.state_dict()
        self._loaded: dict[str, Any] | None = self._start  # until the first row is read; then the dataset knows

    def __iter__(self) -> Iterator[str]:
        self._dataset.load_state_dict(self.state_dict())
        with _naming_the_file(self._files):
            for row in self._dataset:
                self._loaded = None
                yield _text(row)
        self._loaded = self._start

    def state_dict(self) -> dict[str, Any]:
        """The position after the last document that was given out, as plain JSON values."""
        return self._loaded or self._dataset.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict()` gave for the same documents, rank and world_size."""
        self._loaded = state


@contextmanager
def _naming_the_file(files: Iterable[str]) -> Iterator[None]:
    """Where a file cannot be read, say which: the readers of `datasets` have it in a variable, not in their errors."""
    try:
        yield
    except (OSError, EOFError, ValueError, TypeError, zlib.error, lzma.LZMAError) as error:
        variables = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
        names = [each[key] for each in variables for key in ("file", "urlpath") if isinstance(each.get(key), str)]
        if not names and not isinstance(error, UnicodeDecodeError):
            raise
        path = names[-1].rpartition("::")[2] if names else _not_utf8(files)  # gzip://a.txt::/folder/a.txt.gz
        raise ValueError(f"{path} cannot be read ({error}): repair it, or leave it out.") from error


def _not_utf8(files: Iterable[str]) -> str:
    """The first such file: JSON lines are decoded when the readers of `datasets` have gone on to another one."""
    for name in sorted(files):
        try:
            with (gzip.open if name.endswith(".gz") else open)(name, "rt", encoding="utf-8") as file:
                while file.read(2**20):
                    pass
        except UnicodeDecodeError:
            return name
        except OSError:
            continue  # it is on the hub
    return "A file"


class AlternatingStream(DocumentStream):
    """Several streams as one, with a position: a document of each in turn; when one ends, the others go on.

    The streams are those of one process, so that every process reads all datasets in turn.
    """

    # `datasets.interleave_datasets` resumes as exactly, but is split between processes afterwards, so that each of two
    # may get one of two datasets. It also fails on mixed string types and on text files without a row of the split.
    def __init__(self, streams: Sequence[DocumentStream]):
        self._streams = streams
        self._turns = list(range(len(streams)))  # the streams that have not ended, in the order of their turns

    def __iter__(self) -> Iterator[str]:
        readers = {place: iter(self._streams[place]) for place in self._turns}
        while self._turns:
            place, *others = self._turns
            document = next(readers[place], None)
            self._turns = others if document is None else [*others, place]
            if document is not None:
                yield document
        self._turns = list(range(len(self._streams)))

    def state_dict(self) -> dict[str, Any]:
        """As `DocumentStream.state_dict`."""
        return {"turns": self._turns, "streams": [stream.state_dict() for stream in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `DocumentStream.load_state_dict`."""
        self._turns = state["turns"]
        for stream, position in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(position)


def in_memory(documents: Sequence[str]) -> "IterableDataset":
    """A list of documents as a streamed dataset."""
    from datasets import IterableDataset

    # A tuple is passed on as it is; a list would be taken for a list of shards.
    return IterableDataset.from_generator(_rows, gen_kwargs={"documents": tuple(documents)})


def _rows(documents: Sequence[str]) -> Iterator[dict[str, str]]:
    for document in documents:
        yield {"text": document}


class HubCorpus:
    """One dataset of the hub or several, read while used; split by `split_of` like any other corpus.

    Nothing is kept in memory, so repeated documents stay. Each use of `train`, `validation` and `test` starts a new
    pass, and the last two read all the documents to find their own: take what you need with `itertools.islice`, and
    keep it.
    """

    def __init__(self, name: str, datasets: Sequence["IterableDataset"], version: str, files: frozenset[str]):
        self.name = name
        self._datasets = datasets
        self._version = version
        self._files = files

    def stream(self, split: str = "train", rank: int = 0, world_size: int = 1) -> DocumentStream:
        """As `Corpus.stream`. The processes divide a dataset's files if their number allows it, else its documents."""
        require_split(split)
        return self._stream((split,), rank, world_size)

    @property
    def train(self) -> DocumentStream:
        """The documents to train on."""
        return self.stream("train")

    @property
    def validation(self) -> DocumentStream:
        """The documents to choose settings on."""
        return self.stream("validation")

    @property
    def test(self) -> DocumentStream:
        """The documents to report results on."""
        return self.stream("test")

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream(SPLITS))

    def fingerprint(self) -> str:
        """A value that changes with the datasets' files: their revision on the hub, their dates in a folder."""
        return self._version

    def _stream(self, splits: Sequence[str], rank: int = 0, world_size: int = 1) -> DocumentStream:
        kept = [dataset.filter(_belongs, fn_kwargs={"splits": splits}) for dataset in self._datasets]
        streams = [DocumentStream(dataset, rank, world_size, self._files) for dataset in kept]
        return streams[0] if len(streams) == 1 else AlternatingStream(streams)


def _belongs(row: dict[str, str | None], splits: Sequence[str]) -> bool:
    text = _text(row)
    return bool(text.strip() and split_of(text) in splits)


def _text(row: dict[str, str | None]) -> str:
    """Without a byte order mark; some rows of web text have none at all."""
    return (row["text"] or "").removeprefix("\ufeff")


def hub(name: str | Path, config: str | None = None, revision: str | None = None) -> HubCorpus:
    """The train split of a dataset on the hub, or of a folder of text, JSON or Parquet files.

    Args:
        name: such as "wikimedia/wikipedia", or a folder; a Path is always a folder.
        config: which of the dataset's configurations, such as "20231101.en".
        revision: commit to read. A run that will be resumed weeks later should name one.

    Raises:
        TypeError: an argument is something else.
        FileNotFoundError: the dataset cannot be reached or does not exist.
        ValueError: it has no such configuration, no train split, no column "text" with text, no row, or a file that
            cannot be read; or it needs a loading script.
    """
    from datasets import load_dataset_builder

    require_kind(str, Path, name=name)
    require_kind(str, NoneType, config=config, revision=revision)
    folder = Path(name).is_dir()
    if isinstance(name, Path) and not folder:
        raise FileNotFoundError(f"There is no folder {name}: expected one with text, JSON or Parquet files.")
    source = str(Path(name).resolve()) if folder else str(name)
    try:
        builder = load_dataset_builder(source, config, revision=revision)
    except RuntimeError as error:
        raise ValueError(
            f"The dataset {name} cannot be read ({error}): expected Parquet, JSON or text files, no loading script."
        ) from error
    except BadZipFile as error:
        raise ValueError(f"A zip file of {name} cannot be read ({error}): repair it, or leave it out.") from error
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"There is no folder {name}, and no such dataset could be loaded from the hub ({error}). Check the name "
            "and the network, or use `text_files` or `docs`, which need none."
        ) from error
    if not folder and builder.repo_id is None:  # "text" and "json" name a format: all such files of the current folder
        raise FileNotFoundError(f"There is no folder {name}, and {name} is a format: expected a dataset or a folder.")
    files = frozenset(map(str, builder.config.data_files["train"]))
    with _naming_the_file(files):
        dataset = builder.as_streaming_dataset("train")
        columns: Mapping[str, Any] = dataset.features or next(iter(dataset), {})  # some formats do not say beforehand
    if not columns:
        raise ValueError(f"The dataset {name} is empty: expected rows with text.")
    if "text" not in columns:
        raise ValueError(f'The dataset {name} has no column "text", only {few(columns)}.')
    kind = columns["text"]
    if not isinstance(kind, str | None) and getattr(kind, "dtype", "") not in ("string", "large_string"):
        raise ValueError(f'The column "text" of the dataset {name} holds {kind}: expected a text in each row.')
    title = " ".join(part for part in (str(name), config, revision) if part)
    return HubCorpus(title, [dataset.select_columns(["text"])], str(builder.hash), files)


def together(corpora: Sequence[HubCorpus]) -> HubCorpus:
    """Several datasets as one corpus, such as Wikipedia and books: a document of each in turn.

    Every document comes once: when one dataset ends, the others go on.

    Args:
        corpora: what `hub` gave for each dataset.

    Raises:
        TypeError: corpora is one dataset, or some of it does not come from `hub`.
        ValueError: the list is empty, or two datasets have a file in common.
    """
    if isinstance(corpora, HubCorpus):  # it can be iterated over, too
        raise TypeError(f"Expected several datasets, got one, {corpora.name}: wrap it in a list.")
    corpora = listed(corpora, "several datasets")
    if not corpora:
        raise ValueError("Expected at least one dataset, got an empty list.")
    for corpus in corpora:
        if not isinstance(corpus, HubCorpus):
            raise TypeError(f"Expected datasets from `hub`, got a {type(corpus).__name__}; + adds corpora in memory.")
    for one, other in combinations(corpora, 2):
        if common := one._files & other._files:
            raise ValueError(
                f"The datasets {one.name} and {other.name} have files in common, such as {min(common)}: leave one out."
            )
    return HubCorpus(
        " + ".join(corpus.name for corpus in corpora),
        [dataset for corpus in corpora for dataset in corpus._datasets],
        " + ".join(corpus.fingerprint() for corpus in corpora),
        frozenset().union(*(corpus._files for corpus in corpora)),
    )
