"""The process in which a learner's file is judged: what it may spoil is put right before each test.

`check` starts it for the learner, the module `sandbox` is the same for a submission.
"""

import faulthandler
import json
import os
import signal
import sys
import warnings
from collections.abc import Collection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from minidistil.course.chapters import read_chapter
from minidistil.course.learner import Learner
from minidistil.course.session import judge_learner
from minidistil.course.watch import put_right, python_before


def judge_and_tell(sender: Connection, key: str, path: Path, packages: Collection[str]) -> None:
    """Judge a file and send the verdict, or the error, as JSON; before it the name of each test. Ends the process."""
    tell = sender.send_bytes
    dumps = json.dumps
    end = os._exit
    be_alone()
    protect()

    def before_each(test: str) -> None:
        open_streams()
        tell(dumps({"test": test}).encode())

    try:
        learner = Learner(read_chapter(key), path)
        learner.leave_out(packages)
        said: dict[str, Any] = {"verdict": judge_learner(learner, before_each).to_json()}
    except BaseException as error:  # whatever the learner's code does
        said = {"error": type(error).__name__, "text": f"{error}"}
    put_right()
    try:
        # What a person reads can be written anywhere: a lone surrogate is a question mark.
        tell(dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    finally:
        end(0)  # without waiting for threads that the learner's code may have started


def be_alone() -> None:
    """Leave the terminal: no input, no output, no Ctrl-C; what is started here can be ended together."""
    if hasattr(os, "setsid") and os.getpid() != os.getsid(0):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    faulthandler.disable()
    warnings.simplefilter("ignore")


def protect() -> None:
    """Let no code end this process or wait for someone to type."""
    python_before.update(input=_refused("input()", "no one can type here"))
    python_before.update(breakpoint=_refused("breakpoint()", "no one is here to debug"))
    os._exit = _refused("os._exit()", "a function returns its result")
    open_streams()


def open_streams() -> None:
    """Python's own functions and streams, whatever was done to them."""
    put_right()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115, PTH123


def _refused(name: str, why: str) -> Any:
    def refused(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError(f"{name} is called, but {why}")

    return refused
