"""A waiting process that checks exercise cells: `ask` starts it once, then it answers one question after another.

It has imported torch, pytest and the chapter's tests when the question comes, and forks for each of them, so that an
endless loop, an exit or a crash in the learner's code costs that child only. Without a safe fork (macOS, Windows) a
process answers once, and the next one is started at once to wait.
"""

import contextlib
import doctest
import functools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from minidistil.course.chapters import course_folder, read_chapter

SECONDS = 12  # processor time for one exercise; a single test has less
PATIENCE = 5  # times as long by the clock, for code that sleeps, or on a busy machine
FORKS = sys.platform == "linux"
Answer = dict[str, Any]  # "state", "lines"; of an exercise that passes, "example"


def ask(question: dict[str, Any]) -> Answer:
    """Have an exercise of a file checked.

    Args:
        question: "key" and "path"; "name", the exercise, and "use", the others that are the learner's own; without a
            name all exercises are checked, and the answer is their states.
    """
    process = _waiting()
    timer = threading.Timer(2 * PATIENCE * SECONDS, process.kill)
    timer.start()
    try:
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
    except BaseException as error:  # also an interrupted kernel: the next question must not get this one's answer
        process.kill()
        said = ""
        if not isinstance(error, BrokenPipeError):
            raise
    finally:
        timer.cancel()
    if not FORKS or not said:
        _waiting.cache_clear()
        if said:
            _waiting()
    return json.loads(said) if said else _failed("The check ended before there was a verdict: run the cell again.")


@functools.cache
def _waiting() -> Any:
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]), "MINIDISTIL_COURSE": str(course_folder()),
        "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "minidistil.course.judging"], env=environment, cwd=course_folder(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


# --- In the waiting process ---


def main() -> None:
    """Answer questions, one JSON line each, until the kernel is gone."""
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for descriptor in (0, 1):  # what the learner's code reads and prints is no part of this
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    import torch

    torch.set_num_threads(1)
    for line in questions:
        question = json.loads(line)
        _load_tests(question["key"])
        answer = _in_fork(question) if FORKS else json.dumps(answer_of(question))
        print(answer, file=answers, flush=True)
        if not FORKS:
            os._exit(0)


@functools.cache
def _load_tests(key: str) -> None:
    """Import what a chapter's tests import, some of which takes seconds."""
    import pytest

    from minidistil.course.check import pytest_arguments

    chapter = read_chapter(key)
    with contextlib.suppress(SystemExit):
        pytest.main(["--collect-only", *pytest_arguments(chapter, chapter.path)])


def _in_fork(question: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        import resource

        seconds = SECONDS if question.get("name") else 5 * SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(answer_of(question)))
        os._exit(0)
    os.close(writing)
    said, end = b"", time.monotonic() + PATIENCE * SECONDS
    while select.select([reading], [], [], max(0, end - time.monotonic()))[0] and (more := os.read(reading, 65536)):
        said += more
    late = time.monotonic() >= end
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(reading)
    try:
        return json.dumps(json.loads(said))
    except ValueError:
        pass
    if late or code in (-signal.SIGXCPU, -signal.SIGKILL):
        return json.dumps(_failed("It was stopped: is there a loop that does not end?"))
    return json.dumps(_failed(f"The code ended its process with exit code {code}: does it call exit() or os._exit()?"))


def answer_of(question: dict[str, Any]) -> Answer:
    """The answer to a question, whatever the learner's code does."""
    try:
        return _states(question) if question.get("name") is None else _answer(question)
    except BaseException as error:
        told = str(error) if isinstance(error, ValueError | FileNotFoundError) else f"{type(error).__name__}: {error}"
        return _failed(told)


def _answer(question: dict[str, Any]) -> Answer:
    """One exercise beside the others in use, and the package's where they are not."""
    from minidistil.course.check import Recorder, judge, run_tests
    from minidistil.course.learner import Learner

    name, use = question["name"], question["use"]
    learner = Learner(read_chapter(question["key"]), Path(question["path"]))
    for other in learner.own.keys() - {name, *use}:
        learner.functions[other] = learner.namespace[other] = learner.own[other]
        learner.unsolved.pop(other, None)
    verdict = judge(learner, run_tests(Recorder(learner)))
    result = next(each for each in verdict.results if each.name == name)
    _, *lines = (line.strip() for line in result.lines(question["key"]))
    if result.state == "passed" and verdict.together:  # all others are right
        return {"state": "failed", "lines": verdict.together[:3]}
    example = _example(learner, name) if result.state == "passed" else []
    return {"state": result.state, "lines": lines, "example": example}


def _states(question: dict[str, Any]) -> Answer:
    from minidistil.course.check import check
    from minidistil.course.progress import remember

    verdict = check(question["key"], Path(question["path"]))
    remember(verdict)
    return {"state": "checked", "lines": [], "states": {result.name: result.state for result in verdict.results}}


def _example(learner: Any, name: str) -> list[str]:
    """The worked example of the docstring, with what the learner's code answers."""
    told: list[str] = []

    class Told(doctest.DocTestRunner):
        def report_start(self, out: Any, test: Any, example: Any) -> None:
            pass

        def report_success(self, out: Any, test: Any, example: Any, got: str) -> None:
            told.extend([f">>> {example.source}".rstrip(), got.rstrip()])

    function = learner.functions[name]
    helpers = vars(sys.modules[learner.own[name].__module__]) | learner.namespace
    text = function.__doc__ or learner.own[name].__doc__ or ""
    Told(verbose=False).run(doctest.DocTestParser().get_doctest(text, dict(helpers), name, None, None), out=len)
    return told


def _failed(line: str) -> Answer:
    return {"state": "failed", "lines": [line]}


if __name__ == "__main__":
    main()
