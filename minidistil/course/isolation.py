"""The process that a submission is checked in: its limits of time and output, and bubblewrap where it is installed.

Standard input brings the task, standard output the verdict; what runs in the process is `sandbox`.
"""

import contextlib
import functools
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from minidistil.course.chapters import course_folder
from minidistil.files import data_folder

ROOM_SIZE = 256 * 2**20  # bytes of all files that a submission may write, under bubblewrap
LARGEST = 2**20  # bytes of a submission or of a verdict
# What a submission's process sees of the environment: no passwords or keys.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "HF_HOME", "XDG_CACHE_HOME", "MINIDISTIL_CACHE")


def run_isolated(task: dict[str, Any], hidden: Path, seconds: float, tree: Path | None) -> tuple[str, bytes]:
    """Run the process with a time limit; returns how it ended, in case that it gave no verdict, and what it gave."""
    room, token = tempfile.mkdtemp(), secrets.token_hex(16)
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"TMPDIR": room, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    package, course = tree or Path(__file__).parents[2], tree or course_folder()
    environment |= {"PYTHONPATH": str(package), "MINIDISTIL_COURSE": str(course)}
    command = [*_isolated(Path(room), hidden, tree), sys.executable, "-m", "minidistil.course.sandbox"]
    task = task | {"room": room, "token": token, "replaces": tree is not None}
    process = subprocess.Popen(
        command, cwd=course, env=environment, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(task).encode())
        said = _listen(process.stdout.fileno(), seconds)
        if said is None:
            return f"stopped after {seconds:g} s: is there a loop that does not end?", b""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # its output has ended: so will it
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # the process and whatever it started
        process.wait()
        process.stdout.close()
        subprocess.run(["rm", "-rf", "--", room], check=False, stderr=subprocess.DEVNULL)  # however deep it is
    code = process.returncode
    if code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):  # bubblewrap adds 128
        return f"stopped after {seconds:g} s of processor time", b""
    number = -code if code < 0 else code - 128
    name = signal.Signals(number).name if number in set(signal.Signals) else f"exit code {code}"
    given = said.removeprefix(token.encode()) if said.startswith(token.encode()) else b""
    return f"ended before there was a verdict ({name})", given


def _listen(descriptor: int, seconds: float) -> bytes | None:
    """What comes through a pipe until it is closed, at most LARGEST bytes; None if that takes too long."""
    said, end = b"", time.monotonic() + seconds
    while len(said) <= LARGEST:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        if not (more := os.read(descriptor, 65536)):
            break
        said += more
    return said


def _isolated(room: Path, hidden: Path, tree: Path | None) -> list[str]:
    """The beginning of a command that runs under bubblewrap; empty where it is not at hand.

    All files can be read but those of the class and, if there is a `tree`, of the course that it stands for; only
    `room` can be written to, and it is gone afterwards.
    """
    package = Path(__file__).parents[1]
    if tree is not None and not (tree / "data").exists():
        (tree / "data").symlink_to(data_folder(), target_is_directory=True)
    if not bubblewrap():
        return []
    needed = [Path(sys.prefix), Path(sys.base_prefix), data_folder()]
    covered = {course_folder().resolve(), package.resolve()} if tree else set()
    if not any(each.resolve().is_relative_to(hidden.resolve()) for each in [*needed, package, course_folder()]):
        covered.add(hidden.resolve())
    elsewhere = [] if tree is None else [tree]
    kept = [each for each in [*needed, *elsewhere] if any(each.resolve().is_relative_to(place) for place in covered)]
    namespaces = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    files = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for place in sorted(covered):
        files += ["--tmpfs", str(place)]
    for place in kept:  # what is bound again is the original, not what covers it
        files += ["--ro-bind", str(place), str(place)]
    for place in [*sorted(covered), Path("/dev")]:  # in memory, /dev/shm too, but not for the submission
        files += ["--remount-ro", str(place)]
    return [*namespaces, *files, "--size", str(ROOM_SIZE), "--tmpfs", str(room)]


@functools.cache
def bubblewrap() -> bool:
    """Whether bubblewrap is installed and allowed to make namespaces here."""
    if shutil.which("bwrap") is None:
        return False
    trial = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def isolation() -> str:
    """One sentence for the person who grades: what keeps submissions from the rest of the machine."""
    if bubblewrap():
        return (
            "Submissions run under bubblewrap: no network, no other processes, and one folder of their own to write to."
        )
    return (
        "Submissions are NOT kept from your files, your processes (this one, too) and the network, because bubblewrap "
        "(bwrap) is not installed or not allowed here: grade in a container, or with an account to throw away."
    )
