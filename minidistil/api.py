"""The page of the public names, made from the code and its docstrings.

`python -m minidistil.api` writes it anew into minidistil/API.md. Signatures are taken from the source, so that they are
the same on every Python.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import minidistil

PAGE = Path(__file__).with_name("API.md")
_SECTION = re.compile(r"^(Args|Returns|Raises):$")


def page() -> str:
    """The whole page, in Markdown."""
    lines = [
        "# The public names of minidistil",
        "",
        f"Version {minidistil.__version__}. Made from docstrings by `python -m minidistil.api`; `help(md.NAME)` says "
        "the same. What is not named here may change from one version to the next.",
        "",
        ", ".join(f"[{name}](#{name.lower()})" for name in minidistil.__all__),
    ]
    for name in minidistil.__all__:
        lines += ["", *_entry(name, getattr(minidistil, name), "##")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _entry(name: str, thing: Any, heading: str) -> Iterator[str]:
    """Heading, signature and docstring of a name, then its methods or, of a module, its functions."""
    yield f"{heading} {name}"
    yield ""
    if not isinstance(thing, ModuleType):
        yield from ["```python", *_signature(name, thing), "```", ""]
    yield from _documentation(inspect.getdoc(thing) or "")
    for inner, member in _members(thing):
        yield ""
        yield from _entry(f"{name}.{inner}", member, heading + "#")


def _members(thing: Any) -> list[tuple[str, Any]]:
    """What a module defines, or the public methods of a class, those of its bases in this package among them."""
    if isinstance(thing, ModuleType):
        return [(name, each) for name, each in vars(thing).items() if _is_own(name, each, thing.__name__)]
    if not isinstance(thing, type):
        return []
    bases = [base for base in thing.__mro__ if base.__module__.startswith("minidistil.")]
    methods = {name: getattr(thing, name) for base in reversed(bases) for name in vars(base) if name[0] != "_"}
    return [(name, each) for name, each in methods.items() if inspect.isfunction(each) or inspect.ismethod(each)]


def _is_own(name: str, thing: Any, module: str) -> bool:
    return name[0] != "_" and inspect.isroutine(thing) | inspect.isclass(thing) and thing.__module__ == module


def _signature(name: str, thing: Any) -> Iterator[str]:
    """A function's arguments and result; a class's arguments, or its fields if it is a dataclass."""
    if hasattr(thing, "__dataclass_fields__"):
        yield f"class {name}:"
        for base in reversed([base for base in thing.__mro__ if hasattr(base, "__dataclass_fields__")]):
            yield from _fields(base)
        return
    node = _parsed(getattr(thing, "__init__") if isinstance(thing, type) else thing)  # noqa: B009
    node.args.args = [each for each in node.args.args if each.arg not in ("self", "cls")]
    result = "" if isinstance(thing, type) or not node.returns else f" -> {ast.unparse(node.returns)}"
    yield f"{name}({ast.unparse(node.args)}){result}"


def _parsed(thing: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _fields(dataclass: type) -> Iterator[str]:
    """The fields' lines of the source, with their comments."""
    lines = textwrap.dedent(inspect.getsource(dataclass)).split("\n")
    for part in _parsed(dataclass).body:
        if isinstance(part, ast.AnnAssign):
            yield from lines[part.lineno - 1 : part.end_lineno]


def _documentation(text: str) -> Iterator[str]:
    """A docstring in Markdown: sections as lists, tables as they are, the rest as prose."""
    for paragraph in text.split("\n\n"):
        first, *rest = paragraph.split("\n")
        if match := _SECTION.match(first):
            yield f"**{match[1]}**"
            yield ""
            yield from _items(rest)
        elif "====" in paragraph or first.startswith(">>>"):
            yield from ["```text", *paragraph.split("\n"), "```"]
        else:
            yield " ".join(line.strip() for line in paragraph.split("\n"))
        yield ""


def _items(lines: list[str]) -> Iterator[str]:
    """The entries of a section, each on a line; what is indented more belongs to the entry before."""
    entries: list[str] = []
    for line in textwrap.dedent("\n".join(lines)).split("\n"):
        if line.startswith(" ") and entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    for entry in entries:
        names, colon, told = entry.partition(": ")
        is_name = colon and re.fullmatch(r"[\w, ]+", names)
        yield f"* `{names}`: {told}" if is_name else f"* {entry}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
