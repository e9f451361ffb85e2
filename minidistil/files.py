"""Files: the cache folder, writes that are whole or not at all, and hashes."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Folder for what can be made anew: MINIDISTIL_CACHE, else XDG_CACHE_HOME, else ~/.cache."""
    if explicit := os.environ.get("MINIDISTIL_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minidistil"


def data_folder() -> Path:
    """The project's own data: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parent
    return package / "data" if (package / "data").is_dir() else package.parent / "data"


def write_atomically(path: Path, write: Callable[[Path], object], optional: bool = False) -> None:
    """Let `write` make a file beside `path`, then move it there in one step.

    A reader sees the old file or the new one, never a half; a failed write leaves no trace.
    With `optional`, a failed write is no error (a cache that cannot be kept).

    Raises:
        OSError: the file could not be written (naming the path and the reason).
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        mode = part.stat().st_mode
        write(part)
        part.chmod(mode)  # as any new file's: safetensors makes its own for their owner alone
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except Exception as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if not optional:
            raise OSError(
                f"{path} could not be written: {_reason(error)}. Expected a folder that you may write to, with space "
                "left: free some, or choose another."
            ) from error


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
            f"Only {free / 2**20:.0f} MiB are free in {folder}, this run needs {needed / 2**20:.0f} MiB: "
            "free some space or choose another folder with --out."
        )


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
