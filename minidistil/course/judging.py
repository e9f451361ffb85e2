"""A waiting process in which exercise cells are checked: started with the first of them, it answers one after another.

Torch, pytest and what the chapter's tests import are loaded there once. `check` then copies that process for each
answer, so that endless loops, exits and crashes in the learner's code cost the copy only.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from minidistil.course.chapters import course_folder, read_chapter


def ask(key: str, path: Path, packages: list[str] | None = None) -> dict[str, Any]:
    """Have a file checked, the exercises `packages` with the package's code in place of the file's; without them, all.

    Returns:
        The "states" of the exercises, for each the "lines" of its verdict, and "together", the failures of tests that
        call several; {"error": …} if there is no verdict. A verdict on all exercises is stored for `progress`.
    """
    process = _waiting()
    try:
        process.stdin.write(json.dumps({"key": key, "path": str(path), "packages": packages}) + "\n")
        process.stdin.flush()
        if said := process.stdout.readline():
            return json.loads(said)
    except BrokenPipeError:
        pass
    except BaseException:  # an interrupted kernel: the next question must not get this one's answer
        process.kill()
        _waiting.cache_clear()
        raise
    _waiting.cache_clear()
    return {"error": "The process that checks was ended from outside: run the cell again."}


@functools.cache
def _waiting() -> Any:
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]), "MINIDISTIL_COURSE": str(course_folder()),
        "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "minidistil.course.judging"], env=environment, cwd=course_folder(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


# --- In the waiting process ---


def main() -> None:
    """Answer questions, a line of JSON each, until the kernel is gone."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what pytest prints is no answer
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_answer(**question)), file=answers, flush=True)


@functools.cache
def _load_tests(key: str) -> None:
    """Import what a chapter's tests import, some of which takes seconds."""
    from minidistil.course.session import pytest_arguments, pytest_main

    chapter = read_chapter(key)
    pytest_main(["--collect-only", *pytest_arguments(chapter, chapter.path)])


def _answer(key: str, path: str, packages: list[str] | None) -> dict[str, Any]:
    from minidistil.course.check import check
    from minidistil.course.progress import remember

    try:
        _load_tests(key)
        verdict = check(key, Path(path), packages or ())
    except (ValueError, OSError) as error:
        return {"error": str(error)}
    if packages is None:
        remember(verdict)
    return {
        "states": {each.name: each.state for each in verdict.results},
        "lines": {each.name: [line.strip() for line in each.lines(key)][1:] for each in verdict.results},
        "together": verdict.together[:3],
    }


if __name__ == "__main__":
    main()
