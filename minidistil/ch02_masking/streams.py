"""Chapter 2. Text that does not fit in memory: streamed, shared out to processes, with a position.

Streaming, sharing out and the position are those of the `datasets` library (Lhoest et al., 2021,
"Datasets: A Community Library for Natural Language Processing"). A corpus in memory is streamed
through it as well, so that there is one behaviour to know.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import IterableDataset

SPLITS = ("train", "validation", "test")


def digest(document: str) -> bytes:
    """sha256 of a document; white space does not count."""
    return hashlib.sha256(" ".join(document.split()).encode("utf-8", "surrogatepass")).digest()


def split_of(document: str) -> str:
    """The split that a document belongs to, whatever else is in the corpus: 96 % train, 2 % each of the others."""
    percent = int.from_bytes(digest(document)[:4], "big") * 100 >> 32  # uniform in 0..99
    return SPLITS[0 if percent < 96 else 1 if percent < 98 else 2]


class DocumentStream:
    """One process's share of documents, one after another, with a position.

    Every document goes to exactly one rank. Iterating goes on from the position and moves it; at the end of
    the share it is back at the beginning. Shares differ in length by a document or, where each process
    reads files of its own, by more: a trainer has to count steps, not documents.

    Args:
        dataset: rows with a column "text".

    Raises:
        ValueError: no such rank.
    """

    def __init__(self, dataset: "IterableDataset", rank: int = 0, world_size: int = 1):
        if not 0 <= rank < world_size:
            raise ValueError(f"rank={rank} of world_size={world_size}: expected a rank from 0 to world_size - 1.")
        from datasets.distributed import split_dataset_by_node

        # One shard of one is all of it, with readers of its own: else two streams of a dataset moved each other's.
        self._dataset = split_dataset_by_node(dataset.shard(1, 0), rank, world_size)
        self._start = self._dataset.state_dict()
        self._loaded: dict[str, Any] | None = self._start  # until the first row: the dataset itself tells only then

    def __iter__(self) -> Iterator[str]:
        self._dataset.load_state_dict(self.state_dict())
        for row in self._dataset:
            self._loaded = None
            yield row["text"]
        self._loaded = self._start

    def state_dict(self) -> dict[str, Any]:
        """The position as plain JSON values: behind the last document that was handed out."""
        return self._loaded or self._dataset.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position that `state_dict()` gave for the same share of the same documents."""
        self._loaded = state


class AlternatingStream(DocumentStream):
    """Several streams as one, with a position: a document of each in turn, the others alone where one is at its end.

    Each of the streams is one process's share already, so that every process reads all datasets in turn.
    """

    # `interleave_datasets` of the library has the same order and resumes as exactly. But it is shared out afterwards:
    # where that goes by documents, the first of two processes gets one of two datasets and the second the other. It
    # also refuses strings beside large strings, fails on text files without a row of the split, and sleeps for five
    # seconds whenever the reading of Parquet files ends.
    def __init__(self, streams: Sequence[DocumentStream]):
        self._streams = streams
        self._turns = list(range(len(streams)))  # which streams are not at their end, and in which order they come

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

    Nothing is kept in memory, so repeated documents stay. `train`, `validation` and `test` each start a
    new pass; `validation` and `test` read past all the rest: take from them what is needed
    (`itertools.islice`) and keep it.
    """

    def __init__(self, name: str, datasets: Sequence["IterableDataset"], version: str, files: frozenset[str]):
        self.name = name
        self._datasets = datasets
        self._version = version
        self._files = files

    def stream(self, split: str = "train", rank: int = 0, world_size: int = 1) -> DocumentStream:
        """As `Corpus.stream`. A dataset's files are shared out where their number allows it, else its documents."""
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
        """The documents to report figures on."""
        return self.stream("test")

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream(SPLITS))

    def fingerprint(self) -> str:
        """A value that changes with the datasets' files: their revision on the hub, their dates in a folder."""
        return self._version

    def _stream(self, splits: Sequence[str], rank: int = 0, world_size: int = 1) -> DocumentStream:
        wanted = {"input_columns": "text", "fn_kwargs": {"splits": splits}}
        mine = [DocumentStream(dataset.filter(_belongs, **wanted), rank, world_size) for dataset in self._datasets]
        return mine[0] if len(mine) == 1 else AlternatingStream(mine)


def hub(name: str | Path, config: str | None = None, revision: str | None = None) -> HubCorpus:
    """The train split of a dataset on the hub, or of a folder of text, JSON or Parquet files.

    Args:
        name: such as "wikimedia/wikipedia", or a folder.
        config: which of the dataset's configurations, such as "20231101.en".
        revision: commit to read. A run that is to be resumed weeks later should name one.

    Raises:
        FileNotFoundError: the dataset cannot be reached or does not exist.
        ValueError: it has no such configuration, no train split, no column "text" or no row, or it is a program.
    """
    from datasets import load_dataset_builder

    folder = Path(name).is_dir()
    source = str(Path(name).resolve()) if folder else str(name)
    try:
        builder = load_dataset_builder(source, config, revision=revision)
    except RuntimeError as error:
        raise ValueError(
            f"The dataset {name} cannot be read ({error}). A dataset that is a program is no longer run: expected "
            "Parquet, JSON or text, or take such a copy with `text_files`."
        ) from error
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"The dataset {name} is no folder here and could not be had from the hub ({error}). Check its name and the "
            "network, or take `text_files` or the docs corpus, which need none."
        ) from error
    if not folder and builder.repo_id is None:  # "text" and "json" mean a format, and the files of the current folder
        raise FileNotFoundError(
            f"{name} is the name of a format, and no folder here: expected a dataset's or a folder's."
        )
    dataset = builder.as_streaming_dataset("train")
    columns = dataset.column_names or list(next(iter(dataset), {}))  # some formats do not say beforehand
    if not columns:
        raise ValueError(f"The dataset {name} is empty: expected rows with text.")
    if "text" not in columns:
        raise ValueError(f'The dataset {name} has no column "text", only {", ".join(columns)}.')
    title = " ".join(part for part in (str(name), config, revision) if part)
    files = frozenset(map(str, builder.config.data_files["train"]))
    return HubCorpus(title, [dataset.select_columns(["text"])], str(builder.hash), files)


def together(corpora: Sequence[HubCorpus]) -> HubCorpus:
    """Several datasets as one corpus, such as Wikipedia and books: a document of each in turn.

    Nothing is repeated and nothing left out: where one dataset is at its end, the others go on.

    Args:
        corpora: what `hub` gave for each dataset.

    Raises:
        TypeError: corpora is one dataset, or some of it does not come from `hub`.
        ValueError: the list is empty, or two datasets have a file in common.
    """
    if isinstance(corpora, HubCorpus):
        raise TypeError(f"Expected several datasets, got one, {corpora.name}: wrap it in a list.")
    for corpus in corpora:
        if not isinstance(corpus, HubCorpus):
            raise TypeError(
                f"Expected datasets as `hub` gives them, got a {type(corpus).__name__}: a corpus in memory is added to "
                "another with +."
            )
    if not corpora:
        raise ValueError("Expected at least one dataset, got an empty list.")
    for one, other in combinations(corpora, 2):
        if common := one._files & other._files:
            raise ValueError(
                f"The datasets {one.name} and {other.name} have files in common, such as {min(common)}: expected "
                "different ones. Leave one out, or its documents come twice."
            )
    return HubCorpus(
        " + ".join(corpus.name for corpus in corpora),
        [dataset for corpus in corpora for dataset in corpus._datasets],
        " + ".join(corpus.fingerprint() for corpus in corpora),
        frozenset().union(*(corpus._files for corpus in corpora)),
    )


def require_split(split: str) -> None:
    """Raise ValueError unless there is such a split."""
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: expected one of {', '.join(SPLITS)}.")


def _belongs(text: str | None, splits: Sequence[str]) -> bool:
    return bool(text and text.strip() and split_of(text) in splits)  # some rows of web text have none
