"""`minidistil check`: a chapter's own tests on the learner's file, with a verdict on each exercise.

The learner's code runs in a process of its own (see `child`): whatever it does there to its streams, to Python's
functions or to the process itself, there is a verdict, or one sentence that says why there is none.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Collection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from minidistil.course.cells import copy_of, notebook_as_file
from minidistil.course.chapters import read_chapter
from minidistil.course.child import judge_and_tell
from minidistil.course.verdict import Result, Verdict

__all__ = ["Result", "Verdict", "check"]

SILENCE = 90.0  # seconds without a new test; each test has a time limit of its own, which code may ignore
LARGEST = 2**24  # bytes of a message


def check(key: str, path: Path | None = None, packages: Collection[str] = ()) -> Verdict:
    """Run the chapter's tests on the learner's file (by default the one in exercises/), in a process of its own.

    Args:
        key: the chapter.
        path: the file, or a notebook, whose exercise cells count.
        packages: exercises for which the package's code takes the place of the file's.

    Raises:
        ValueError, FileNotFoundError: no such chapter, the file cannot be loaded, or its code ends the process.
    """
    chapter = read_chapter(key)
    path = (path or chapter.path).resolve()
    if path.suffix == ".ipynb":
        path = copy_of(chapter, notebook_as_file(chapter, path))
    # A copy of this process has everything loaded; where that is not safe, a new one takes some seconds to start.
    copied = sys.platform == "linux" and not torch.cuda.is_initialized()
    context = multiprocessing.get_context("fork" if copied else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=judge_and_tell, args=(sender, chapter.key, path, packages))  # type: ignore[attr-defined]
    process.start()
    sender.close()
    try:
        said, test = _listen(receiver)
    finally:
        receiver.close()
        ended = _end(process)
    where = f" in the test {test!r}" if test else " while it was loaded"
    if said == {}:
        raise ValueError(f"{path.name} does not come to an end{where}: is there a loop that catches every exception?")
    if said is None:
        raise ValueError(f"{path.name} ended Python{where} ({ended}), so there is no verdict: what does it call there?")
    if "error" in said:
        raise (FileNotFoundError if said["error"] == "FileNotFoundError" else ValueError)(said["text"])
    return Verdict.from_json(chapter, path, said["verdict"])


def _listen(receiver: Connection) -> tuple[dict[str, Any] | None, str]:
    """What a process says in the end (None if it ended before, {} if it took too long), and the last test it began."""
    test = ""
    with contextlib.suppress(EOFError, OSError, ValueError):  # it ended, or something else was written to the pipe
        while receiver.poll(SILENCE):
            said = json.loads(receiver.recv_bytes(LARGEST))
            if "test" not in said:
                return said, test
            test = said["test"]
        return {}, test
    return None, test


def _end(process: BaseProcess) -> str:
    """End a process and whatever it started; returns how it ended."""
    process.join(1)
    if hasattr(os, "killpg") and process.pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    code = process.exitcode or 0
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
