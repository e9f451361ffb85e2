"""Chapter 10. The nine tasks of GLUE, from its files or from the hub.

Wang et al. (2019), "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding". The files
are tab-separated without quoting: a quotation mark is a character like any other. The test sets' answers are not
public; what is reported, here as in the DistilBERT paper, are figures on the development sets.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import SequenceClassifier
from minidistil.ch10_tasks import task_metrics
from minidistil.ch10_tasks.tasks import Dataset, Feature

HUB = "nyu-mll/glue"
HIGHEST = 5  # of STS-B's scores: the two texts say the same

DEV = MappingProxyType({"validation": ("dev.tsv",)})


@dataclass(frozen=True)
class Example:
    """A text, or two, and the right answer: the number of a class, or a number to predict."""

    text: str
    pair: str | None
    label: int | float


@dataclass(frozen=True)
class GlueTask:
    """One of the nine: where its texts and answers stand, and how it is scored."""

    name: str
    folder: str  # in GLUE's layout
    config: str  # on the hub
    texts: tuple[str, ...]  # columns of train.tsv
    label: str  # likewise
    hub_texts: tuple[str, ...]  # columns on the hub
    id2label: tuple[str, ...]
    decisive: tuple[str, ...]  # its metrics; GLUE's score of the task is their mean
    written: tuple[str, ...] = ()  # the classes as train.tsv writes them, if not by name
    header: tuple[str, ...] = ()  # columns of files without a first line that names them
    validation: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEV)  # name -> files, the first there is
    short_lines: bool = False  # whether the published file has broken lines, which lack columns: they are left out
    model_class: type[SequenceClassifier] = SequenceClassifier

    def features(self, examples: Sequence[Example], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], the longer one cut where the room is too small."""
        return text_features(examples, tokenizer, max_length)

    def metrics(
        self, examples: Sequence[Example], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """The task's metrics by name, from scores (C,) of each text."""
        right: list[Any] = [feature.label for feature in features]
        guessed = [scores.argmax().item() if len(scores) > 1 else scores.item() for scores in predictions]
        return {name: getattr(task_metrics, name)(right, guessed) for name in self.decisive}


def text_features(examples: Sequence[Example], tokenizer: WordPiece, max_length: int) -> list[Feature]:
    """A feature for each text or pair of texts."""
    result = []
    for number, example in enumerate(examples):
        encoding = tokenizer.encode(example.text, example.pair, max_length)
        cut = 0
        if len(encoding.ids) == max_length:
            cut = len(tokenizer.encode(example.text, example.pair).ids) - max_length
        result.append(Feature(encoding.ids, encoding.type_ids, example.label, number, cut))
    return result


TWO, THREE = ("sentence1", "sentence2"), ("entailment", "neutral", "contradiction")
ENTAILMENT = ("entailment", "not_entailment")

COLA = GlueTask(
    *("cola", "CoLA", "cola", ("sentence",), "label", ("sentence",)),
    id2label=("unacceptable", "acceptable"),
    decisive=("matthews",),
    written=("0", "1"),
    header=("source", "label", "star", "sentence"),
)
SST2 = GlueTask(
    *("sst-2", "SST-2", "sst2", ("sentence",), "label", ("sentence",)),
    id2label=("negative", "positive"),
    decisive=("accuracy",),
    written=("0", "1"),
)
MRPC = GlueTask(
    *("mrpc", "MRPC", "mrpc", ("#1 String", "#2 String"), "Quality", TWO),
    id2label=("not_equivalent", "equivalent"),
    decisive=("accuracy", "f1"),
    written=("0", "1"),
    validation=MappingProxyType({"validation": ("dev.tsv", "test.tsv")}),  # the corpus' own test set has answers
)
STSB = GlueTask(
    *("sts-b", "STS-B", "stsb", TWO, "score", TWO),
    id2label=("similarity",),
    decisive=("pearson", "spearman"),
)
QQP = GlueTask(
    *("qqp", "QQP", "qqp", ("question1", "question2"), "is_duplicate", ("question1", "question2")),
    id2label=("not_duplicate", "duplicate"),
    decisive=("accuracy", "f1"),
    written=("0", "1"),
    short_lines=True,
)
MNLI = GlueTask(
    *("mnli", "MNLI", "mnli", TWO, "gold_label", ("premise", "hypothesis")),
    id2label=THREE,
    decisive=("accuracy",),
    validation=MappingProxyType({"matched": ("dev_matched.tsv",), "mismatched": ("dev_mismatched.tsv",)}),
)
QNLI = GlueTask(
    *("qnli", "QNLI", "qnli", ("question", "sentence"), "label", ("question", "sentence")),
    id2label=ENTAILMENT,
    decisive=("accuracy",),
)
RTE = GlueTask(
    *("rte", "RTE", "rte", TWO, "label", TWO),
    id2label=ENTAILMENT,
    decisive=("accuracy",),
)
WNLI = GlueTask(
    *("wnli", "WNLI", "wnli", TWO, "label", TWO),
    id2label=("not_entailment", "entailment"),
    decisive=("accuracy",),
    written=("0", "1"),
)

GLUE = {task.name: task for task in (COLA, SST2, MRPC, STSB, QQP, MNLI, QNLI, RTE, WNLI)}


# Development sets, per cent: BERT-base and DistilBERT (huggingface/transformers, research_projects/distillation).
PUBLISHED = {
    "cola": (56.3, 51.3),
    "mnli": (84.7, 82.1),
    "mrpc": (88.6, 87.5),
    "qnli": (91.8, 89.2),
    "qqp": (89.6, 88.5),
    "rte": (69.3, 59.9),
    "sst-2": (92.7, 91.3),
    "sts-b": (89.0, 86.9),
    "wnli": (53.5, 56.3),
}


def load_glue(name: str, data: str | Path | None = None) -> Dataset:
    """A GLUE task with its training and development examples.

    Args:
        name: "cola", "sst-2" …
        data: folder with CoLA/train.tsv … in GLUE's layout; None: the hub, through `datasets`.

    Raises:
        FileNotFoundError: no such folder or file, or the hub cannot be reached.
        ValueError: no such task; a file without rows, without the columns it should have, or with an answer that is
            no class of the task (file and line are named).
    """
    if name not in GLUE:
        raise ValueError(f"There is no GLUE task {name!r}: expected one of {', '.join(GLUE)}.")
    task = GLUE[name]
    if data is None:
        return _from_hub(task)
    folder = _folder(Path(data), task)
    train = read_tsv(folder / "train.tsv", task)
    return Dataset(task, train, {split: _first(folder, files, task) for split, files in task.validation.items()})


def _folder(data: Path, task: GlueTask) -> Path:
    for folder in (data / task.folder, data / "glue" / task.folder, data):
        if (folder / "train.tsv").is_file():
            return folder
    raise FileNotFoundError(
        f"There is no {Path(task.folder, 'train.tsv')} in {data}: expected a folder in GLUE's layout, "
        f"DIR/{task.folder}/train.tsv. Without --data the task comes from the hub."
    )


def _first(folder: Path, files: Sequence[str], task: GlueTask) -> list[Example]:
    for name in files:
        if (folder / name).is_file():
            return read_tsv(folder / name, task)
    raise FileNotFoundError(f"There is no {' or '.join(files)} in {folder}: expected one beside train.tsv.")


def read_tsv(path: Path, task: GlueTask) -> list[Example]:
    """The examples of one file.

    Raises:
        ValueError: as `load_glue`.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # a text may hold other characters that end a line
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}): expected GLUE's file as published.") from error
    numbered = ((number, line.rstrip("\r").split("\t")) for number, line in enumerate(lines, start=1) if line.strip())
    columns = list(task.header) or next(numbered, (0, []))[1]
    if missing := [name for name in (*task.texts, task.label) if name not in columns]:
        raise ValueError(
            f"{path}, line 1: there is no column {', '.join(missing)} among {', '.join(columns) or 'none at all'}. "
            f"Expected GLUE's {task.folder}."
        )
    examples = list(_examples(numbered, columns, path, task))
    if not examples:
        raise ValueError(f"{path} holds no example: expected a line for each, as in GLUE's {task.folder}.")
    return examples


def _examples(
    rows: Iterator[tuple[int, list[str]]], columns: Sequence[str], path: Path, task: GlueTask
) -> Iterator[Example]:
    places = [columns.index(name) for name in task.texts]
    label = columns.index(task.label)
    for number, cells in rows:
        if len(cells) != len(columns):
            if task.short_lines:
                continue
            raise ValueError(f"{path}, line {number}: expected {len(columns)} columns, found {len(cells)}.")
        texts = [cells[place] for place in places]
        try:
            answer = _answer(cells[label], task)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        yield Example(texts[0], texts[1] if len(texts) > 1 else None, answer)


def _answer(cell: str, task: GlueTask) -> int | float:
    if len(task.id2label) == 1:
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not 0 <= number <= HIGHEST:  # NaN is not either
            raise ValueError(f"the {task.label} is {cell!r}, expected a number from 0 to {HIGHEST}.")
        return number
    written = task.written or task.id2label
    if cell not in written:
        raise ValueError(f"the {task.label} is {cell!r}, expected one of {', '.join(written)}.")
    return written.index(cell)


def _from_hub(task: GlueTask) -> Dataset:
    """The same from the hub."""
    from datasets import load_dataset

    try:
        splits = load_dataset(HUB, task.config)
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"{HUB} could not be had from the hub ({error}): check the network, or give a folder in GLUE's layout "
            "with --data."
        ) from error
    names = {split: "validation" if split == "validation" else f"validation_{split}" for split in task.validation}
    validation = {split: _hub_examples(splits[there], task) for split, there in names.items()}
    return Dataset(task, _hub_examples(splits["train"], task), validation)


def _hub_examples(rows: Any, task: GlueTask) -> list[Example]:
    """The rows of a split on the hub, where classes have numbers already."""
    if missing := [name for name in (*task.hub_texts, "label") if name not in rows.column_names]:
        raise ValueError(f"GLUE's {task.config} has no column {', '.join(missing)} on the hub.")
    if not len(rows):
        raise ValueError(f"A split of {task.config} on the hub is empty.")
    texts = [rows[name] for name in task.hub_texts]
    pairs = texts[1] if len(texts) > 1 else [None] * len(rows)
    return [Example(*row) for row in zip(texts[0], pairs, rows["label"], strict=True)]
