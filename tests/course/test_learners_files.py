"""Learners' files as they come: byte-order marks, a left-over raise, code that works in place, free names."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minidistil.course.chapters import read_chapter
from minidistil.course.check import check
from minidistil.course.misconceptions import misconceptions
from minidistil.course.stubs import leftovers

SOLUTION = (read_chapter("ch03").tests / "correct" / "base.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", ["ch3", "03", "3", "CH03", "ch03_attention", "ch03_attention.py"])
def test_a_chapter_is_found_as_people_write_it(key: str) -> None:
    assert read_chapter(key).key == "ch03"


@pytest.mark.parametrize("key", ["ch99", "0", "attention", "ch003x", ""])
def test_what_names_no_chapter_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="ch01, ch02"):
        read_chapter(key)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + SOLUTION.encode(), b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + SOLUTION.encode("latin-1")],
    ids=["byte-order mark", "encoding line"],
)
def test_a_file_in_another_encoding_is_read_as_python_reads_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    assert check("ch03", path).passed


def test_a_raise_that_was_left_behind_is_named_with_its_line(tmp_path: Path) -> None:
    code = "\n\ndef join_heads(heads):\n    return heads.transpose(1, 2).flatten(2)\n    raise NotImplementedError\n"
    path = tmp_path / "mine.py"
    path.write_text(SOLUTION + code, encoding="utf-8")
    line = len((SOLUTION + code).splitlines())
    (result,) = [each for each in check("ch03", path).results if each.name == "join_heads"]
    assert result.state == "not written"
    assert f"line {line} " in " ".join(result.lines("ch03"))


@pytest.mark.parametrize(
    ("init", "forward", "said"),
    [
        ("self.a = 1", "raise NotImplementedError", ["line 5 still raises NotImplementedError: write forward"]),
        ("raise NotImplementedError", "return x", ["line 3 still raises NotImplementedError: write __init__"]),
        ("self.a = 1; raise NotImplementedError", "return x", ["line 3 still raises NotImplementedError: delete it"]),
        ("raise NotImplementedError", "raise NotImplementedError", []),
    ],
)
def test_of_a_class_that_is_begun_it_is_said_what_is_left(
    init: str, forward: str, said: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"class A:\n  def __init__(self):\n    {init}\n  def forward(self, x):\n    {forward}\n")
    found = leftovers(path, "A")
    assert len(found) == len(said)
    assert all(mine.startswith(each) for mine, each in zip(found, said, strict=True)), found


def test_code_that_works_in_place_is_not_taken_for_a_misconception() -> None:
    """It changes what it is given: were the wrong one given the same, both would divide by the root."""

    def in_place(query, key, visible=None):  # type: ignore[no-untyped-def]
        query /= math.sqrt(query.shape[-1])
        scores = query @ key.transpose(-2, -1)
        return (scores if visible is None else scores.masked_fill(~visible, -torch.inf)).softmax(-1)

    known = [each for each in misconceptions("ch03") if each.exercise == "attention_weights"]
    assert len(known) > 5
    assert not [each.name for each in known if each.shows_in(in_place)]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_pipe_that_cannot_show_every_character_stops_no_command(encoding: str) -> None:
    command = [sys.executable, "-m", "minidistil", "tokenize", "\u4e2d \u2026 caf\u00e9"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert b"\\u4e2d" in result.stdout
