"""Files: the cache folder, reading small files, writing a file as a whole or not at all, hashes, and free space."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Folder for what can be made again: MINIDISTIL_CACHE, or minidistil/ in XDG_CACHE_HOME or in ~/.cache."""
    if explicit := os.environ.get("MINIDISTIL_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minidistil"


def data_folder() -> Path:
    """The project's own data: beside the package in a checkout, inside the package if it is installed."""
    package = Path(__file__).parent
    return package / "data" if (package / "data").is_dir() else package.parent / "data"


def few(names: Iterable[str]) -> str:
    """The names in one line, at most ten of them: for an error.

    >>> few(map(str, range(12)))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'
    """
    every = list(names)
    more = f" and {len(every) - 10} more" if len(every) > 10 else ""
    return ", ".join(every[:10]) + more


def to_json(value: Any, **options: Any) -> str:
    """The value as JSON; numbers that are not finite become null, as JSON has no word for them (RFC 8259, section 6).

    Args:
        options: those of `json.dumps`.

    >>> to_json({"retention": float("nan"), "interval": [0.5, float("inf")]})
    '{"retention": null, "interval": [0.5, null]}'
    """
    finite = json.loads(json.dumps(value), parse_constant=lambda name: None)
    return json.dumps(finite, **options)


def read_small(path: Path, most: int = 2**26) -> str:
    """The text of a file in UTF-8 that ought to be small; one of more than `most` bytes is not read.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is too large, no regular file, or not UTF-8.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file: expected a text file.")
    if (size := path.stat().st_size) > most:
        raise ValueError(f"{path} has {size:,} bytes: expected a text file of {most:,} at most.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 (byte {error.start}: {error.reason}).") from error


def append(path: Path, text: str) -> None:
    """Write text at the end of a file.

    Raises:
        OSError: as `write_atomically`; a part may have been written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _not_written(path, error) from error


def write_atomically(path: Path, write: Callable[[Path], object], optional: bool = False) -> None:
    """Let `write` write a temporary file beside `path`, then move it to `path` in one step.

    A reader sees the old file or the new one, never a part of it; a failed write leaves no file.
    With `optional`, a failed write is not an error (for a cache).

    Raises:
        OSError: the file could not be written; the message has the path and the reason.
    """
    part = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        mode = part.stat().st_mode
        write(part)
        part.chmod(mode)  # that of any new file; safetensors lets only the owner read its files
        with part.open("r+b") as file:  # Windows syncs only what may be written
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        if not optional:
            raise _not_written(path, error) from error


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def require_space(folder: Path, needed: int) -> None:
    """Create the folder and raise OSError unless it is writable and has `needed` bytes free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OSError(f"The folder {folder} is not writable ({_reason(error)}): choose another with --out.") from error
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"Only {free / 2**20:.0f} MiB are free in {folder}, but this run needs {needed / 2**20:.0f} MiB: "
            "free some space, or choose another folder with --out."
        )


def _not_written(path: Path, error: Exception) -> OSError:
    return OSError(
        f"{path} could not be written: {_reason(error)}. Expected a folder that you may write to, with enough free "
        "space: free some space, or choose another folder."
    )


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
