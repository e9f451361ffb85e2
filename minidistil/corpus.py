"""Chapter 2. Text: documents, their splits, and the sequences and batches cut from them.

`docs()` is the English prose that anyone who installed the requirements has on disk:
the docstrings of the standard library and of seven installed packages, and the language
reference in `pydoc_data.topics`. Sources are parsed (`ast`), never imported or run.

A document becomes one or several sequences [CLS] … [SEP] as in DistilBERT's own data
preparation (huggingface/transformers, research_projects/distillation, lm_seqs_dataset.py):
chunks at the length limit, each with its own frame; short ones and those that are
half [UNK] are dropped; batches hold sequences of similar length.

Letters in shapes: B sequences of a batch, L tokens of its longest one.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from minidistil.files import cache_folder, write_atomically
from minidistil.wordpiece import WordPiece

PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "datasets", "pandas", "sklearn")
_SKIPPED_FOLDERS = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "pydoc_data"}
_FORMAT = 1  # of the cached extract; a new number makes old caches stale

MIN_TOKENS = 12  # shorter sequences are dropped (11 tokens or fewer in the official code)
MAX_UNKNOWN = 0.5  # as are those with this share of [UNK] or more
LENGTH_BIN = 4  # lengths that count as alike in a batch


@dataclass(frozen=True)
class Corpus:
    """Documents in three splits that never share one.

    A document's split hangs on its own sha256 alone, so it stays where it is whatever else
    is added: 96 % train, 2 % validation, 2 % test.
    """

    name: str
    train: list[str]
    validation: list[str]
    test: list[str]

    def __add__(self, other: "Corpus") -> "Corpus":
        documents = [*self, *other]
        return from_documents(f"{self.name} + {other.name}", documents)

    def fingerprint(self) -> str:
        """sha256 over all documents, to tell whether two corpora are the same."""
        digest = hashlib.sha256()
        for document in self:
            digest.update(document.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()

    def __iter__(self) -> Iterator[str]:
        yield from self.train
        yield from self.validation
        yield from self.test


def from_documents(name: str, documents: Iterable[str]) -> Corpus:
    """Split documents by their hash, dropping repetitions.

    Raises:
        ValueError: there is no text.
    """
    splits: tuple[list[str], list[str], list[str]] = ([], [], [])
    seen = set()
    for document in documents:
        digest = hashlib.sha256(" ".join(document.split()).encode("utf-8", "surrogatepass")).digest()
        if document.strip() and digest not in seen:
            seen.add(digest)
            percent = int.from_bytes(digest[:4], "big") * 100 >> 32  # uniform in 0..99
            splits[0 if percent < 96 else 1 if percent < 98 else 2].append(document)
    if not seen:
        raise ValueError(f"The corpus {name} is empty: expected at least one document with text in it.")
    return Corpus(name, *splits)


def docs() -> Corpus:
    """The docstrings on this machine: 17 MB of technical English, the same for the same versions.

    The first call parses the sources (about half a minute); the extract is then kept in the cache.
    """
    cached, packages = _docs_cache()
    try:
        documents = json.loads(cached.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, unreadable or cut short: made anew
        documents = list(_docs_documents(packages))
        text = json.dumps(documents)
        write_atomically(cached, lambda part: part.write_text(text, encoding="utf-8"), optional=True)
    return from_documents("docs", documents)


def docs_are_cached() -> bool:
    """Whether `docs()` will answer at once."""
    return _docs_cache()[0].is_file()


def _docs_cache() -> tuple[Path, list[str]]:
    """Path of the extract for the installed versions, and the packages that are installed."""
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    key = hashlib.sha256(json.dumps([_FORMAT, sys.version_info[:3], versions]).encode()).hexdigest()[:16]
    return cache_folder() / f"docs-{key}.json", list(versions)


def text_files(paths: Sequence[str | Path]) -> Corpus:
    """Text files, one document a line.

    WikiText's escapes are undone (" @-@ " is "-", <unk> is [UNK]).

    Raises:
        FileNotFoundError: a path is no file.
        ValueError: a file is not UTF-8, or there is no text in any.
    """
    documents: list[str] = []
    for path in map(Path, paths):
        if not path.is_file():
            raise FileNotFoundError(f"There is no text file {path}: expected a UTF-8 file, one document a line.")
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start}. "
                "Convert it to UTF-8 first."
            ) from error
        for mark in "-,.":
            text = text.replace(f" @{mark}@ ", mark)
        documents += text.replace("<unk>", "[UNK]").splitlines()
    return from_documents(", ".join(Path(path).name for path in paths), documents)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version({"sklearn": "scikit-learn"}.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return None


def _docs_documents(packages: list[str]) -> Iterator[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    roots = [library]
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            roots.append(Path(spec.origin).parent)
    for root in roots:
        for path in _python_files(root):
            yield from filter(None, map(prose, _docstrings(path)))
    topics = library / "pydoc_data" / "topics.py"
    if topics.is_file():
        yield from filter(None, map(prose, _topics(topics)))


def _python_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - _SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _parse(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's sources
            return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # sources for other Pythons lie in some packages
        return ast.Module([], [])


def _docstrings(path: Path) -> Iterator[str]:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    stack: list[ast.AST] = [_parse(path)]
    while stack:  # statements only: no docstring hides in an expression
        node = stack.pop()
        if isinstance(node, documented) and (docstring := ast.get_docstring(node)):
            yield docstring
        for block in ("finalbody", "orelse", "handlers", "body"):
            stack.extend(reversed(getattr(node, block, [])))


def _topics(path: Path) -> Iterator[str]:
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Dict):
            for value in node.values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield inspect.cleandoc(value.value)


def prose(docstring: str) -> str:
    """The lines of a docstring that are prose: no examples to run, no tables, no printed arrays."""

    def is_prose(line: str) -> bool:
        letters = sum(char.isalpha() or char == " " for char in line)
        return letters >= 0.8 * len(line) and not line.startswith((">>>", "..."))

    lines = (" ".join(line.split()) for line in docstring.splitlines())
    return "\n".join(line for line in lines if line and is_prose(line))


def sequences(documents: Iterable[str], tokenizer: WordPiece, max_length: int = 128) -> list[Tensor]:
    """Documents as int64 tensors of ids [CLS] … [SEP], each at most max_length long.

    Raises:
        ValueError: max_length is below 3, or nothing is left after the drop rules.
    """
    if max_length < 3:
        raise ValueError(f"max_length={max_length} is too small: [CLS], one token and [SEP] need 3.")
    result = []
    room = max_length - 2
    for document in documents:
        ids = tokenizer.ids(document)
        for start in range(0, len(ids), room):
            chunk = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
            unknown = chunk.count(tokenizer.unk_token_id)
            if len(chunk) >= min(MIN_TOKENS, max_length) and unknown < MAX_UNKNOWN * len(chunk):
                result.append(torch.tensor(chunk))
    if not result:
        raise ValueError(
            f"The corpus is empty: no sequence of {MIN_TOKENS} tokens or more, less than half of them [UNK], is in it."
        )
    return result


def pad(batch: Sequence[Tensor], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """input_ids and attention_mask (1 = real token), both (B, L), of sequences padded right."""
    input_ids = torch.nn.utils.rnn.pad_sequence(list(batch), batch_first=True, padding_value=pad_token_id)
    lengths = torch.tensor([len(sequence) for sequence in batch])
    attention_mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
    return input_ids, attention_mask


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int) -> list[list[int]]:
    """Indices of one epoch's batches: every sequence once, neighbours in length together.

    Sequences are shuffled, grouped by length in bins of 4 (the shuffle decides within a bin) and
    cut into batches, whose order is shuffled again. The same seed gives the same epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(lengths), generator=generator).tolist()
    shuffled.sort(key=lambda index: lengths[index] // LENGTH_BIN)  # a stable sort
    batches = [shuffled[start : start + batch_size] for start in range(0, len(shuffled), batch_size)]
    return [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]
