"""Showing the package's own code."""

import subprocess
import sys

import pytest

from minidistil.ch01_wordpiece.vocabulary import Merger, first_pieces
from minidistil.source import show


def test_it_prints_a_function_as_it_stands_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    show(first_pieces, Merger.best)
    printed = capsys.readouterr().out
    assert printed.startswith("def first_pieces(word: str) -> list[str]:\n")
    assert "\ndef best(self)" in printed, "a method is moved to the left edge"


def test_in_a_notebook_it_is_shown_as_code() -> None:
    code = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
from minidistil.source import show
from minidistil.ch01_wordpiece.vocabulary import first_pieces
with capture_output() as captured:
    show(first_pieces)
assert captured.outputs[0].data["text/markdown"].startswith("```python\\ndef first_pieces"), captured.outputs
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(TypeError, match=r"int.*expected a function"):
        show(3)
