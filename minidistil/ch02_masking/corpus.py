"""Chapter 2. Where text comes from: corpora of documents, each in three splits without a common document.

Three sources, one interface: `docs()`, the docstrings on this machine; `text_files(...)`; and `hub(name)`, which
streams what is too large for memory (`together([...])` makes one corpus of several). Each has a name, the splits
`train`, `validation` and `test` to iterate over, and `stream(split, rank, world_size)`: the part of a split that one
process reads, with a position that can be saved.

Sequences and sentence pairs are made from the documents in `sequences`, batches in `batching`.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minidistil.arguments import listed, one_text, require_kind, several
from minidistil.ch02_masking import docstrings
from minidistil.ch02_masking.batching import epoch_batches, pad
from minidistil.ch02_masking.hub_text import HubCorpus, hub, together
from minidistil.ch02_masking.sequences import sentence_pairs, sequences
from minidistil.ch02_masking.streams import SPLITS, DocumentStream, digest, in_memory, require_split, split_of

__all__ = [
    "Corpus",
    "DocumentStream",
    "HubCorpus",
    "docs",
    "docs_are_cached",
    "epoch_batches",
    "from_documents",
    "hub",
    "pad",
    "sentence_pairs",
    "sequences",
    "text_files",
    "together",
]


@dataclass(frozen=True)
class Corpus:
    """Documents in memory. The split of a document depends on its own sha256 only."""

    name: str
    train: list[str]
    validation: list[str]
    test: list[str]

    def __add__(self, other: "Corpus | HubCorpus") -> "Corpus":
        return from_documents(f"{self.name} + {other.name}", [*self, *other])

    def fingerprint(self) -> str:
        """sha256 of all documents: two corpora with the same one are equal."""
        whole = hashlib.sha256()
        for document in self:
            whole.update(document.encode("utf-8", "surrogatepass") + b"\0")
        return whole.hexdigest()

    def __iter__(self) -> Iterator[str]:
        for split in SPLITS:
            yield from getattr(self, split)

    def stream(self, split: str = "train", rank: int = 0, world_size: int = 1) -> DocumentStream:
        """The documents of a split that process `rank` of `world_size` reads, with a position.

        Raises:
            ValueError: no such split or rank.
        """
        require_split(split)
        return DocumentStream(in_memory(getattr(self, split)), rank, world_size)


def from_documents(name: str, documents: Iterable[str]) -> Corpus:
    """A corpus of these documents, split by their hash; repetitions and documents without text are dropped.

    Raises:
        TypeError: documents is one string or no texts.
        ValueError: there is no text.
    """
    require_kind(str, name=name)
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    seen = set()
    for document in map(one_text, several(documents)):
        if document.strip() and (key := digest(document)) not in seen:
            seen.add(key)
            splits[split_of(document)].append(document)
    if not seen:
        raise ValueError(f"The corpus {name} is empty: expected at least one document with text in it.")
    return Corpus(name, **splits)


def docs() -> Corpus:
    """The docstrings on this machine: 17 MB of technical English, the same for the same versions.

    The first call parses the sources (about half a minute); the extract is then kept in the cache.
    """
    return from_documents("docs", docstrings.documents())


docs_are_cached: Callable[[], bool] = docstrings.are_cached


def text_files(paths: Sequence[str | Path], whole: bool = False) -> Corpus:
    """UTF-8 text files, also compressed ones (.gz): each line is a document, or with `whole` each file.

    Lines end as in `datasets`: at a line feed, a carriage return or both. WikiText's escapes are undone (" @-@ " is
    "-", <unk> is [UNK]).

    Raises:
        TypeError: paths is one path, not several.
        FileNotFoundError: a path is not a file.
        ValueError: no path was given, a file is not UTF-8 or a damaged .gz, or there is no text in any.
        MemoryError: a file is too large to be held in memory.
    """
    paths = listed(paths, "several paths")
    require_kind(bool, whole=whole)
    if not paths:
        raise ValueError("Expected at least one text file, got an empty list.")
    documents: list[str] = []
    for path in paths:
        require_kind(str, Path, path=path)
        text = _read(Path(path))
        for mark in "-,.":
            text = text.replace(f" @{mark}@ ", mark)
        text = text.replace("<unk>", "[UNK]")
        documents += [text] if whole else text.split("\n")
    return from_documents(", ".join(Path(path).name for path in paths), documents)


def _read(path: Path) -> str:
    """Text of a file, decompressed if its name ends in .gz; without a byte order mark, lines end in a line feed."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no text file {path}: expected a UTF-8 file, plain or .gz.")
    of_content = " of its decompressed content" if path.suffix == ".gz" else ""
    try:
        data = path.read_bytes()
        if of_content:
            data = gzip.decompress(data)
        text = data.decode("utf-8").removeprefix("\ufeff")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except MemoryError as error:
        raise MemoryError(f"{path} is too large: stream the folder with `corpus.hub` (--hub), or give less.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a gzip file or is damaged ({error}): compress it again.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}{of_content}. "
            "Convert it to UTF-8 first."
        ) from error
