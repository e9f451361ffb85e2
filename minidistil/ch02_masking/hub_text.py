"""Chapter 2. Datasets of the hub, and folders of files, as a corpus that is read while it is used."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from minidistil.arguments import listed, require_kind
from minidistil.ch02_masking.streams import (
    SPLITS,
    AlternatingStream,
    DocumentStream,
    naming_the_file,
    require_split,
    split_of,
    text_of,
)
from minidistil.files import few

if TYPE_CHECKING:
    from datasets import IterableDataset


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
    text = text_of(row)
    return bool(text.strip() and split_of(text) in splits)


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
            cannot be read; it needs a loading script; or a folder was given with a revision.
    """
    from datasets import load_dataset_builder

    require_kind(str, Path, name=name)
    require_kind(str, NoneType, config=config, revision=revision)
    folder = name != "" and Path(name).is_dir()
    if folder and revision:
        raise ValueError(f"{name} is a folder and has no revision {revision!r}: leave it out.")
    if not folder and (isinstance(name, Path) or not name):
        raise FileNotFoundError(
            f"There is no folder {name or repr(name)}: expected one with text, JSON or Parquet files."
        )
    source = str(Path(name).resolve()) if folder else str(name)
    try:
        builder = load_dataset_builder(source, config, revision=revision)
    except (RuntimeError, ValueError) as error:
        names = _configurations(source, revision)
        if names and config not in names:
            raise ValueError(f"config is {config!r}, the dataset {name} has {few(names)}: give one.") from error
        raise ValueError(
            f"The dataset {name!r} cannot be read ({error}): expected the name of a dataset of Parquet, JSON or text "
            "files, with no loading script."
        ) from error
    except BadZipFile as error:
        raise ValueError(f"A zip file of {name} cannot be read ({error}): repair it, or leave it out.") from error
    except (FileNotFoundError, ConnectionError) as error:
        if folder:
            found = textwrap.shorten(str(error), 300)
            raise FileNotFoundError(f"{name} has no text, JSON or Parquet files that can be read ({found}).") from error
        raise FileNotFoundError(
            f"There is no folder {name}, and no such dataset could be loaded from the hub ({error}). Check the name "
            "and the network, or use `text_files` or `docs`, which need none."
        ) from error
    if not folder and builder.repo_id is None:  # "text" and "json" name a format: all such files of the current folder
        raise FileNotFoundError(f"There is no folder {name}, and {name} is a format: expected a dataset or a folder.")
    if "train" not in (splits := builder.config.data_files):
        raise ValueError(
            f"The dataset {name} has no train split, only {few(map(str, splits))}: expected text to train on in it."
        )
    files = frozenset(map(str, splits["train"]))
    with naming_the_file(files):
        dataset = builder.as_streaming_dataset("train")
        columns: Mapping[str, Any] = dataset.features or next(iter(dataset), {})  # some formats do not say beforehand
    if not columns:
        raise ValueError(f"The dataset {name} is empty: expected rows with text.")
    if "text" not in columns:
        raise ValueError(f'The dataset {name} has no column "text", only {few(columns)}: rename the one with the text.')
    kind = columns["text"]
    if not isinstance(kind, str | None) and getattr(kind, "dtype", "") not in ("string", "large_string"):
        raise ValueError(f'The column "text" of the dataset {name} holds {kind}: expected a text in each row.')
    title = " ".join(part for part in (str(name), config, revision) if part)
    return HubCorpus(title, [dataset.select_columns(["text"])], str(builder.hash), files)


def _configurations(source: str, revision: str | None) -> list[str]:
    from datasets import get_dataset_config_names

    try:
        return get_dataset_config_names(source, revision=revision)
    except (RuntimeError, ValueError):
        return []


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
