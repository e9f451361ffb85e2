"""Chapter 10. The nine tasks of GLUE, from its files or from the hub.

Wang et al. (2019), "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding". The files
are tab-separated without quoting: a quotation mark is a character like any other. The answers of the test sets are not
public, so scores are reported on the development sets, here as in the DistilBERT paper.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import SequenceClassifier
from minidistil.ch10_tasks import task_metrics
from minidistil.ch10_tasks.sources import first_file, from_hub, read_text
from minidistil.ch10_tasks.tasks import Dataset, Feature
from minidistil.files import few

HUB = "nyu-mll/glue"
HIGHEST = 5  # of STS-B's scores: the two texts mean the same


@dataclass(frozen=True)
class Example:
    """A text, or a pair of texts, and the right answer: the number of a class, or a number to predict."""

    text: str
    pair: str | None
    label: int | float


class TextTask:
    """A task whose examples are texts or pairs of texts, each with a class or a number."""

    decisive: tuple[str, ...]
    model_class: type[SequenceClassifier] = SequenceClassifier

    def features(self, examples: Sequence[Example], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """[CLS] text [SEP] or [CLS] text [SEP] pair [SEP]; if it is too long, the longer of the two is cut."""
        result = []
        for number, example in enumerate(examples):
            encoding = tokenizer.encode(example.text, example.pair, max_length)
            cut = 0
            if len(encoding.ids) == max_length:
                cut = len(tokenizer.encode(example.text, example.pair).ids) - max_length
            result.append(Feature(encoding.ids, encoding.type_ids, example.label, number, cut))
        return result

    def metrics(
        self, examples: Sequence[Example], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """The metrics named by `decisive`, from the scores of each text: (C,), or (1,) for a number."""
        right: list[Any] = [feature.label for feature in features]
        guessed = [scores.argmax().item() if len(scores) > 1 else scores.item() for scores in predictions]
        return {name: getattr(task_metrics, name)(right, guessed) for name in self.decisive}


@dataclass(frozen=True, kw_only=True)
class GlueTask(TextTask):
    """One of the nine tasks: where its texts and labels are found, and its metrics."""

    name: str
    folder: str  # of GLUE's files
    config: str  # on the hub
    texts: tuple[str, ...]  # columns of train.tsv with the text, or with the two
    label: str = "label"  # column of train.tsv with the answer
    hub_texts: tuple[str, ...]  # columns on the hub
    id2label: tuple[str, ...]
    written: tuple[str, ...] = ()  # the classes as train.tsv writes them, if not by name
    decisive: tuple[str, ...] = ("accuracy",)  # GLUE's score of the task is their mean
    header: tuple[str, ...] = ()  # the columns, if the first line does not name them
    # The name of each validation set, and its files, of which the first that exists is read.
    validation: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"validation": ("dev.tsv",)})
    short_lines: bool = False  # whether lines that lack columns are skipped: the published file has some


_SENTENCE, _PAIR, _QUESTIONS = ("sentence",), ("sentence1", "sentence2"), ("question1", "question2")
_NUMBERS = ("0", "1")
_TASKS = (
    GlueTask(
        name="cola", folder="CoLA", config="cola", texts=_SENTENCE, hub_texts=_SENTENCE,
        header=("source", "label", "star", "sentence"),
        id2label=("unacceptable", "acceptable"), written=_NUMBERS, decisive=("matthews",),
    ),
    GlueTask(
        name="sst-2", folder="SST-2", config="sst2", texts=_SENTENCE, hub_texts=_SENTENCE,
        id2label=("negative", "positive"), written=_NUMBERS,
    ),
    GlueTask(
        name="mrpc", folder="MRPC", config="mrpc", texts=("#1 String", "#2 String"), label="Quality", hub_texts=_PAIR,
        id2label=("not_equivalent", "equivalent"), written=_NUMBERS, decisive=("accuracy", "f1"),
        validation={"validation": ("dev.tsv", "test.tsv")},  # the corpus' own test set has answers
    ),
    GlueTask(
        name="sts-b", folder="STS-B", config="stsb", texts=_PAIR, label="score", hub_texts=_PAIR,
        id2label=("similarity",), decisive=("pearson", "spearman"),
    ),
    GlueTask(
        name="qqp", folder="QQP", config="qqp", texts=_QUESTIONS, label="is_duplicate", hub_texts=_QUESTIONS,
        id2label=("not_duplicate", "duplicate"), written=_NUMBERS, decisive=("accuracy", "f1"), short_lines=True,
    ),
    GlueTask(
        name="mnli", folder="MNLI", config="mnli", texts=_PAIR, label="gold_label", hub_texts=("premise", "hypothesis"),
        id2label=("entailment", "neutral", "contradiction"),
        validation={"matched": ("dev_matched.tsv",), "mismatched": ("dev_mismatched.tsv",)},
    ),
    GlueTask(
        name="qnli", folder="QNLI", config="qnli", texts=("question", "sentence"), hub_texts=("question", "sentence"),
        id2label=("entailment", "not_entailment"),
    ),
    GlueTask(
        name="rte", folder="RTE", config="rte", texts=_PAIR, hub_texts=_PAIR,
        id2label=("entailment", "not_entailment"),
    ),
    GlueTask(
        name="wnli", folder="WNLI", config="wnli", texts=_PAIR, hub_texts=_PAIR,
        id2label=("not_entailment", "entailment"), written=_NUMBERS,
    ),
)  # fmt: skip
GLUE = {task.name: task for task in _TASKS}


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
        data: folder with GLUE's files, such as CoLA/train.tsv; None for the copy on the hub.

    Raises:
        FileNotFoundError: there is no such folder or file, or the hub cannot be reached.
        ValueError: there is no such task; or a file lacks examples or columns, or has a label that is no class of the
            task (the message names file and line).
    """
    if name not in GLUE:
        raise ValueError(f"There is no GLUE task {name!r}: expected one of {', '.join(GLUE)}.")
    task = GLUE[name]
    if data is None:
        return _from_hub(task)
    folder = _find(Path(data), task)
    train = read_tsv(folder / "train.tsv", task)
    validation = {split: read_tsv(first_file(folder, files), task) for split, files in task.validation.items()}
    return Dataset(task, train, validation)


def read_tsv(path: Path, task: GlueTask) -> list[Example]:
    """The examples of one file.

    Raises:
        FileNotFoundError, ValueError: as `load_glue`.
    """
    lines = read_text(path, f"GLUE's file of {task.folder}").split("\n")  # a text may contain other line separators
    rows = ((number, line.rstrip("\r").split("\t")) for number, line in enumerate(lines, start=1) if line.strip())
    columns = list(task.header) or next(rows, (0, []))[1]
    if missing := [name for name in (*task.texts, task.label) if name not in columns]:
        raise ValueError(
            f"{path}, line 1: there is no column {', '.join(missing)} among {few(columns) or 'none at all'}. "
            f"Expected GLUE's file of {task.folder}."
        )
    examples = []
    for number, cells in rows:
        if len(cells) == len(columns):
            row = dict(zip(columns, cells, strict=True))
            text, *pair = [row[name] for name in task.texts]
            label = _label(row[task.label], task, f"{path}, line {number}")
            examples.append(Example(text, pair[0] if pair else None, label))
        elif not task.short_lines:
            raise ValueError(f"{path}, line {number}: expected {len(columns)} columns, found {len(cells)}.")
    if not examples:
        raise ValueError(f"{path} has no example: expected one in each line, as in GLUE's file of {task.folder}.")
    return examples


def _label(cell: str, task: GlueTask, place: str) -> int | float:
    if len(task.id2label) == 1:
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not 0 <= number <= HIGHEST:  # true of NaN, too
            raise ValueError(f"{place}: the {task.label} is {cell!r}, expected a number from 0 to {HIGHEST}.")
        return number
    classes = task.written or task.id2label
    if cell not in classes:
        raise ValueError(f"{place}: the {task.label} is {cell!r}, expected one of {', '.join(classes)}.")
    return classes.index(cell)


def _find(data: Path, task: GlueTask) -> Path:
    """The folder of the task's files: `data` itself, or in it."""
    for folder in (data / task.folder, data / "glue" / task.folder, data):
        if (folder / "train.tsv").is_file():
            return folder
    raise FileNotFoundError(
        f"There is no {Path(task.folder, 'train.tsv')} in {data}: expected a folder in GLUE's layout, "
        f"DIR/{task.folder}/train.tsv. Without --data the task is loaded from the hub."
    )


def _from_hub(task: GlueTask) -> Dataset:
    """The task from the hub, where the classes are numbers already."""
    splits = from_hub(HUB, "a folder in GLUE's layout", task.config)
    names = {split: "validation" if split == "validation" else f"validation_{split}" for split in task.validation}

    def examples(split: str) -> list[Example]:
        rows = splits[split]
        first, *second = [rows[name] for name in task.hub_texts]
        pairs = second[0] if second else [None] * len(rows)
        return [Example(*row) for row in zip(first, pairs, rows["label"], strict=True)]

    return Dataset(task, examples("train"), {split: examples(there) for split, there in names.items()})
