"""Chapter 2. Text that does not fit in memory: streamed, split between processes, with a position that can be saved.

The `datasets` library does all three (Lhoest et al., 2021, "Datasets: A Community Library for Natural Language
Processing"). A corpus in memory is streamed through it as well, so that both behave alike.
"""

import gzip
import hashlib
import lzma
import traceback
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any

from minidistil.arguments import require_kind

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
        TypeError, ValueError: no such rank.
    """

    def __init__(self, dataset: "IterableDataset", rank: int = 0, world_size: int = 1, files: Iterable[str] = ()):
        require_kind(Integral, rank=rank, world_size=world_size)
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
        with naming_the_file(self._files):
            for row in self._dataset:
                self._loaded = None
                yield text_of(row)
        self._loaded = self._start

    def state_dict(self) -> dict[str, Any]:
        """The position after the last document that was given out, as plain JSON values."""
        return self._loaded or self._dataset.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict()` gave for the same documents, rank and world_size."""
        self._loaded = state


@contextmanager
def naming_the_file(files: Iterable[str]) -> Iterator[None]:
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


def text_of(row: dict[str, str | None]) -> str:
    """Without a byte order mark; some rows of web text have none at all."""
    return (row["text"] or "").removeprefix("\ufeff")
