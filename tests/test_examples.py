"""The examples in docstrings are true, and every exercise has one in the package too."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import minidistil
from minidistil.course.chapters import chapter_keys, read_chapter

PACKAGE = Path(minidistil.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.glob("ch*/*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0, "pytest shows above what was expected and what came"


@pytest.mark.parametrize("key", chapter_keys())
def test_every_exercise_has_an_example(key: str) -> None:
    solutions = read_chapter(key).solutions()
    assert not [name for name, own in solutions.items() if ">>> " not in (inspect.getdoc(own) or "")]
