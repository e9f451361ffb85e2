"""Names of a package that are imported when they are first used (PEP 562)."""

import ast
import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def on_demand(package: str, file: str, names: Sequence[str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose `__init__.py` imports these names for type checkers alone."""

    @functools.cache
    def origins() -> dict[str, tuple[str, str]]:
        """Module and original name of everything that the file imports from a module."""
        nodes = ast.walk(ast.parse(Path(file).read_text(encoding="utf-8")))
        found = [(node.module, alias) for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
        return {alias.asname or alias.name: (module or "", alias.name) for module, alias in found}

    def get(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = origins()[name]
        found = importlib.import_module(module)
        return getattr(found, original) if hasattr(found, original) else importlib.import_module(f"{module}.{original}")

    return get, lambda: sorted({*vars(sys.modules[package]), *names})
