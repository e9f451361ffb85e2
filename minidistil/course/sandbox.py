"""One submission checked in its own process: `python -m minidistil.course.sandbox`, started by `minidistil grade`.

The operating system limits the processor time, the memory and the size of files. Where bubblewrap is installed, `grade`
starts the process under it: without network, without other processes, and with a single small folder to write into.
The learner's code runs in the process that judges it, so a determined forger can forge a verdict.
"""

import base64
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

FILE_SIZE = 64 * 2**20  # bytes that one file may grow to
UNKNOWN_PROCESS_SIZE = 8 * 2**30  # bytes of addresses granted to Python and torch where the system does not say


def main() -> None:
    """Read the task from standard input, as JSON; write the verdict to standard output, after the task's token."""
    task = json.load(sys.stdin)
    answer = os.dup(1)
    import pytest  # noqa: F401  # what Python and torch need is loaded before the limits

    from minidistil.course.child import be_alone, protect

    be_alone()
    room = Path(task["room"])
    path = room / task["file"]
    path.write_bytes(base64.b64decode(task["content"]))
    os.chdir(room)  # only now: a submission must not be imported in the place of a library
    limit_resources(task["seconds"], task["memory"])
    end = os._exit
    protect()
    try:
        verdict = judge(task["key"], path, task["replaces"])
    except BaseException as error:  # whatever the learner's code does
        verdict = _failed(f"the check ended in {type(error).__name__}")
    with open(answer, "wb") as file:  # noqa: PTH123  a descriptor
        file.write((task["token"] + json.dumps(verdict)).encode())
    end(0)  # without waiting for threads that the learner's code may have started


def limit_resources(seconds: float, memory: int) -> None:
    """Limit the processor time in all, and the memory to `memory` bytes more than this process has now."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (_size() + memory,) * 2)


def _size() -> int:
    """Bytes of addresses that this process uses now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return UNKNOWN_PROCESS_SIZE
    return pages * os.sysconf("SC_PAGE_SIZE")


def judge(key: str, path: Path, replaces: bool) -> dict[str, Any]:
    """The verdict on a file as JSON values; with `replaces` it first takes the place of the package's stubs."""
    from minidistil.course.chapters import read_chapter
    from minidistil.course.child import open_streams
    from minidistil.course.learner import Learner, take_place
    from minidistil.course.session import judge_learner
    from minidistil.course.watch import STILL_RUNNING

    try:
        learner = Learner(read_chapter(key), path.resolve())
        if replaces:
            take_place(learner)
        verdict = judge_learner(learner, lambda test: open_streams())
    except (ValueError, OSError) as error:
        return _failed(str(error))
    states = [(result.name, result.state) for result in verdict.results if result.state != "passed"]
    failed = [name if state == "failed" else f"{name} ({state})" for name, state in states]
    endless = [each.name for each in verdict.results if any(STILL_RUNNING in failure for failure in each.failures)]
    return {
        "passed": len(verdict.results) - len(failed),
        "failed": failed + ["together"] * bool(verdict.together),
        "misconceptions": [each.name for result in verdict.results for each in result.misconceptions],
        "error": f"does not come to an end: {', '.join(endless)}" if endless else "",
    }


def _failed(error: str) -> dict[str, Any]:
    return {"passed": 0, "failed": [], "misconceptions": [], "error": error}


if __name__ == "__main__":
    main()
