"""The example in an exercise's docstring, run with the learner's function."""

import ast
import doctest
import sys
import types
from typing import Any

import torch

from minidistil.course.diagnosis import SECONDS, without_addresses
from minidistil.course.learner import Learner
from minidistil.course.stubs import definitions
from minidistil.course.watch import is_users, put_right, time_limit


def example(name: str, learner: Learner) -> str:
    """What the docstring's first wrong example gives, beside what it should give; "" if all are right.

    The docstring is the one that the learner reads: in the file or, where it is gone from there, in the chapter's file.
    """
    runner = _FirstFailure(verbose=False)
    stubs = learner.chapter.path.read_bytes()
    files = [definitions(each).get(name) for each in (learner.path.read_bytes(), stubs)]
    texts = [ast.get_docstring(each) or "" for each in files if each is not None]
    text = next((each for each in texts if ">>>" in each), learner.own[name].__doc__ or "")
    try:
        names = _imported(stubs) | vars(sys.modules.get(learner.own[name].__module__, types)) | learner.functions
        with time_limit(SECONDS), torch.random.fork_rng(devices=[]):
            try:
                runner.run(doctest.DocTestParser().get_doctest(text, names, name, None, None), out=lambda text: None)
            finally:
                put_right()
    except BaseException as error:
        if is_users(error):
            raise
    return runner.said


def _imported(source: bytes) -> dict[str, Any]:
    """The names that a file imports."""
    names: dict[str, Any] = {}
    imports: list[ast.stmt] = [each for each in ast.parse(source).body if isinstance(each, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "imports", "exec"), names)
    return names


class _FirstFailure(doctest.DocTestRunner):
    said = ""

    def report_failure(self, out: Any, test: Any, example: doctest.Example, got: str) -> None:
        self._say(example, f"gives {without_addresses(_one_line(got)) or 'None'}")

    def report_unexpected_exception(self, out: Any, test: Any, example: doctest.Example, exc_info: Any) -> None:
        self._say(example, f"raises {exc_info[0].__name__}: {_one_line(str(exc_info[1]))}".removesuffix(": "))

    def _say(self, example: doctest.Example, what: str) -> None:
        want = f", expected {_one_line(example.want)}" if example.want else ""
        self.said = self.said or f"in its example, {_one_line(example.source)} {what}{want}"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:159] + "…"
