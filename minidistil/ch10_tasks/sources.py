"""Chapter 10. Where examples come from: text files and datasets on the hub, with an error that says what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_text(path: Path, expected: str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Args:
        expected: what the file should be, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: expected {expected}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}): expected {expected}.") from error


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match, sorted; without hidden ones, such as the ._a.txt that macOS adds to a.txt."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def first_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of several files that exists in a folder; the first name if none of them does."""
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


def from_hub(name: str, expected: str, config: str | None = None) -> Any:
    """The splits, by name, of a dataset on the hub; or of a folder of Parquet files with the same layout.

    Args:
        expected: which local files can take its place, for the error.
        config: which of the dataset's configurations.

    Raises:
        FileNotFoundError: it cannot be downloaded.
    """
    from datasets import load_dataset

    try:
        return load_dataset(name, config)
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"The dataset {name} could not be loaded from the hub ({error}). Check the network, or give {expected} "
            "with --data."
        ) from error
