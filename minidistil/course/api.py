"""The page of the public names, made from the code and its docstrings.

`python -m minidistil.course.api` writes it anew into minidistil/API.md. Signatures are taken from the source, so that they are
the same on every Python.
"""

import ast
import inspect
import re
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import minidistil
from minidistil.ch01_wordpiece.wordpiece import Encoding
from minidistil.ch02_masking.sequences import SentencePair
from minidistil.ch04_encoder.encoder import ModelOutput
from minidistil.ch05_weights.fillmask import Guess
from minidistil.ch05_weights.question_answering import AnswerOutput
from minidistil.ch06_losses.losses import DistillationLoss
from minidistil.ch09_evaluation.evaluation import Comparison, MaskedText, Scores

RETURNED = (
    AnswerOutput, Comparison, DistillationLoss, Encoding, Guess, MaskedText, ModelOutput, Scores, SentencePair,
)  # fmt: skip  # what public functions give back, without being public names themselves
PAGE = Path(__file__).with_name("API.md")
_SECTION = re.compile(r"^(Args|Returns|Raises):$")


def page() -> str:
    """The whole page, in Markdown."""
    lines = [
        "# The public names of minidistil",
        "",
        f"Version {minidistil.__version__}. Made from docstrings by `python -m minidistil.course.api`; `help(md.NAME)` says "
        "the same. What is not named here may change from one version to the next.",
        "",
        ", ".join(f"[{name}](#{name.lower()})" for name in minidistil.__all__),
    ]
    for name in minidistil.__all__:
        lines += ["", *_entry(name, getattr(minidistil, name), "##")]
    lines += ["", "## What they return", "", "Not to be made by hand; their fields may be relied on."]
    for thing in RETURNED:
        lines += ["", *_entry(thing.__name__, thing, "###")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _entry(name: str, thing: Any, heading: str) -> Iterator[str]:
    """Heading, signature and docstring of a name, then its methods or, of a module, its functions."""
    yield f"{heading} {name}"
    yield ""
    if not isinstance(thing, ModuleType):
        yield from ["```python", *_signature(name, thing), "```", ""]
    yield from _documentation(inspect.getdoc(_function(thing)) or "")
    for inner, member in _members(thing):
        yield ""
        yield from _entry(f"{name}.{inner}", member, heading + "#")


def _members(thing: Any) -> list[tuple[str, Any]]:
    """What a module offers, or the public methods and properties of a class, those of its bases here among them."""
    if isinstance(thing, ModuleType):
        return [(name, getattr(thing, name)) for name in thing.__all__]
    if not isinstance(thing, type):
        return []
    bases = [base for base in thing.__mro__ if base.__module__.startswith("minidistil.")]
    members = {name: getattr(thing, name) for base in reversed(bases) for name in vars(base) if name[0] != "_"}
    return [(name, each) for name, each in members.items() if isinstance(each, _KINDS)]


_KINDS = (FunctionType, MethodType, property)


def _function(thing: Any) -> Any:
    """The function behind a property; anything else as it is."""
    return thing.fget if isinstance(thing, property) else thing


def _signature(name: str, thing: Any) -> Iterator[str]:
    """A function's arguments and result; a class's arguments, or its fields if it has such; a property's type."""
    if hasattr(thing, "__dataclass_fields__") or typing.is_typeddict(thing):
        yield f"class {name}:"
        bases = [base for base in reversed(thing.__mro__) if base.__module__.startswith("minidistil.")]
        yield from {field: line for base in bases for field, line in _fields(base)}.values()
        return
    node = _parsed(getattr(thing, "__init__") if isinstance(thing, type) else _function(thing))  # noqa: B009
    node.args.args = [each for each in node.args.args if each.arg not in ("self", "cls")]
    arguments = "" if isinstance(thing, property) else f"({ast.unparse(node.args)})"
    result = "" if isinstance(thing, type) or not node.returns else f" -> {ast.unparse(node.returns)}"
    yield f"{name}{arguments}{result}"


def _parsed(thing: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _fields(kind: type) -> Iterator[tuple[str, str]]:
    """The public fields, each with its lines of the source, comment included."""
    lines = textwrap.dedent(inspect.getsource(kind)).split("\n")
    for part in _parsed(kind).body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id[0] != "_":
            yield part.target.id, "\n".join(lines[part.lineno - 1 : part.end_lineno])


def _documentation(text: str) -> Iterator[str]:
    """A docstring in Markdown: sections as lists, tables as they are, the rest as prose."""
    for paragraph in text.split("\n\n"):
        first, *rest = paragraph.split("\n")
        if match := _SECTION.match(first):
            yield f"**{match[1]}**"
            yield ""
            yield from [" ".join(map(str.strip, rest))] if match[1] == "Returns" else _items(rest)
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
