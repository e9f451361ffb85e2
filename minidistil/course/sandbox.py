"""One submission checked in a process of its own: `python -m minidistil.course.sandbox`, started by `minidistil grade`.

What is promised: limits on processor time, memory and file size that the system enforces, and an audit hook
that cannot be taken off again, which refuses network, other processes, signals to others and what Python itself
would change in files outside the submission's own folder, which is also the current one. What is not: the
learner's code runs in the process that judges it, and native code, such as what writes a model's weights, gets
around an audit hook. This stops accidents and pranks, not an attacker.
"""

import contextlib
import json
import multiprocessing.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

FILE_SIZE = 64 * 2**20  # bytes that one file may grow to
UNKNOWN_PROCESS_SIZE = 8 * 2**30  # bytes of addresses granted to Python and torch where the system does not tell

_REFUSED = {
    "subprocess.Popen": "starting programs",
    **dict.fromkeys(
        (f"os.{name}" for name in ("exec", "fork", "forkpty", "posix_spawn", "spawn", "system")), "forking"
    ),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), "sending signals"),
}
# Events that change files: which of their arguments are paths, and which the folders that these start from (dir_fd).
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
    "os.link": ((0, 2), (1, 3)),
    "os.rename": ((0, 2), (1, 3)),
    "os.symlink": ((0, None), (1, 2)),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def limit_resources(seconds: float, memory: int) -> None:
    """Processor time in all, and `memory` bytes beyond what this process has by now; enforced by the system."""
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


def close_doors(room: Path) -> None:
    """From here on refuse network, processes, signals, and changes of files outside the folder `room`."""
    allowed = (os.path.realpath(room) + os.sep, os.devnull)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith("socket."):
            raise PermissionError("The network is closed while a submission is graded.")
        if event in _REFUSED:
            raise PermissionError(f"Not while a submission is graded: {_REFUSED[event]}.")
        paths = _changed_paths(event, arguments)
        if any(not (os.path.realpath(path) + os.sep).startswith(allowed) for path in paths):
            raise PermissionError(f"Not while a submission is graded: changing files elsewhere ({paths[0]}).")

    sys.addaudithook(refuse)
    os.open = sys.modules["posix"].open = _opener()  # type: ignore[attr-defined]  # the hook gets no dir_fd
    multiprocessing.util.spawnv_passfds = _no_processes  # type: ignore[assignment]  # it tells no hook


def _opener() -> Callable[..., int]:
    """os.open, for reading only where a name starts from an open folder."""
    opened = os.open

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None and flags & _WRITING:
            raise PermissionError(f"Not while a submission is graded: changing files elsewhere ({path}).")
        return opened(path, flags, mode, dir_fd=dir_fd)

    return open_


def _no_processes(*arguments: Any) -> NoReturn:
    raise PermissionError("Not while a submission is graded: starting processes.")


def _changed_paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    if event == "open":
        path, mode, flags = arguments
        writes = set(mode) & set("wax+") if isinstance(mode, str) else flags & _WRITING
        found = [(path, -1)] if writes else []
    else:
        places = _CHANGES.get(event, ())
        found = [(arguments[path], -1 if start is None else arguments[start]) for path, start in places]
    return [
        os.path.join(_folder_of(start), os.fsdecode(path))  # noqa: PTH118  an absolute path stays what it is
        for path, start in found
        if isinstance(path, str | bytes | os.PathLike)
    ]


def _folder_of(descriptor: int) -> str:
    """The path of an open folder; -1 stands for the current one."""
    if descriptor < 0:
        return ""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115


def judge(key: str, path: Path) -> dict[str, Any]:
    """The verdict on a file in words that JSON has."""
    from minidistil.course.check import check
    from minidistil.course.learner import STILL_RUNNING

    try:
        verdict = check(key, path)
    except (ValueError, OSError) as error:
        return {"passed": 0, "failed": [], "misconceptions": [], "error": str(error)}
    states = [(result.name, result.state) for result in verdict.results if result.state != "passed"]
    failed = [name if state == "failed" else f"{name} ({state})" for name, state in states]
    endless = [each.name for each in verdict.results if any(STILL_RUNNING in failure for failure in each.failures)]
    return {
        "passed": len(verdict.results) - len(failed),
        "failed": failed + ["together"] * bool(verdict.together),
        "misconceptions": [each.name for result in verdict.results for each in result.misconceptions],
        "error": f"does not come to an end: {', '.join(endless)}" if endless else "",
    }


def main() -> None:
    """Read the task from standard input, as JSON; leave the verdict in the room, under the name that the task gives."""
    task = json.load(sys.stdin)
    import pytest  # noqa: F401  # what Python and torch take counts before the limits

    import minidistil.course.check  # noqa: F401

    room = Path(task["room"])
    os.chdir(room)  # what has no folder in its name is written here; no sooner, or the file could pose as a library
    limit_resources(task["seconds"], task["memory"])
    close_doors(room)
    try:
        verdict = judge(task["key"], room / task["file"])
    except BaseException as error:  # whatever the learner's code does
        verdict = {
            "passed": 0,
            "failed": [],
            "misconceptions": [],
            "error": f"the check ended in {type(error).__name__}",
        }
    (room / task["verdict"]).write_text(json.dumps(verdict), encoding="utf-8")
    os._exit(0)  # without waiting for threads that the learner's code may have started


if __name__ == "__main__":
    main()
