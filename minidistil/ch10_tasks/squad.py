"""Chapter 10. SQuAD v1.1 as a task: its files, the hub's copy of it, and what is measured.

Rajpurkar, Zhang, Lopyrev and Liang (2016), "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import TaskModel
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch10_tasks.question_answers import best_answers, squad_scores
from minidistil.ch10_tasks.question_windows import STRIDE, Answer, Question, Window, windows
from minidistil.ch10_tasks.tasks import Dataset, Feature

HUB_ID = "rajpurkar/squad"


@dataclass(frozen=True)
class Squad:
    """The task: mark the answer to a question in a text."""

    name: str = "squad"
    id2label: tuple[str, ...] = ("start", "end")
    model_class: type[TaskModel] = QuestionAnswering
    decisive: tuple[str, ...] = ("f1",)
    stride: int = STRIDE  # tokens from one window to the next

    def features(self, examples: Sequence[Question], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """Windows of the questions; 384 tokens each in the published settings."""
        return [*windows(examples, tokenizer, max_length, self.stride)]

    def metrics(
        self, examples: Sequence[Question], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """exact_match and f1, from 0 to 1."""
        parts = [feature for feature in features if isinstance(feature, Window)]
        return squad_scores(best_answers(examples, parts, predictions), examples)


def load_squad(place: str | Path | None = None) -> Dataset:
    """SQuAD for fine-tuning.

    Args:
        place: a folder with train*.json and dev*.json (or the folder around it); or one JSON file, alone in its folder
            or named, whose last articles are then held out (`by_article`); None for the hub's copy.

    Raises:
        FileNotFoundError: there is no such folder or file, or the hub cannot be asked.
        ValueError: a file is not in SQuAD's format, or has too few articles to be split.
    """
    if place is None:
        train, validation = _from_hub("train"), _from_hub("validation")
    else:
        files = _files(Path(place))
        splits = [read_squad(path) for path in files]
        train, validation = splits if len(splits) == 2 else by_article(splits[0])
    return Dataset(Squad(), train, {"validation": validation})


def _files(place: Path) -> list[Path]:
    """One file, or two: for training and for validation."""
    if not place.is_dir():
        return [place]
    place = place / "squad" if (place / "squad").is_dir() else place
    named = [sorted(place.glob(f"{name}*.json")) for name in ("train", "dev")]
    if all(len(found) == 1 for found in named):
        return [found[0] for found in named]
    files = sorted(place.glob("*.json"))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise FileNotFoundError(
            f"{place} should hold SQuAD's train-v1.1.json and dev-v1.1.json, or one JSON file alone; its JSON files: "
            f"{names}. Name the file itself if it is one of several."
        )
    return files


def _from_hub(split: str, name: str = HUB_ID) -> list[Question]:
    """A split of the hub's copy, or of a folder of Parquet files laid out like there."""
    from datasets import load_dataset

    try:
        return from_rows(load_dataset(name, split=split))
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"The dataset {name} could not be had from the hub ({error}). Check the network, or name a folder with "
            "SQuAD's train-v1.1.json and dev-v1.1.json by --data."
        ) from error


def by_article(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """Split in two, for training and validation: the last fifth of the articles, one at least, is held out.

    Raises:
        ValueError: all questions are about one article.
    """
    titles = list(dict.fromkeys(question.title for question in questions))
    if len(titles) < 2:
        raise ValueError(f"All {len(questions)} questions are about {titles[0]!r}: a split needs two articles or more.")
    held_out = set(titles[-max(1, len(titles) // 5) :])
    train = [question for question in questions if question.title not in held_out]
    return train, [question for question in questions if question.title in held_out]


def read_squad(path: Path) -> list[Question]:
    """The questions of a file in SQuAD's JSON format, in the file's order.

    Version 2.0 has questions that the text does not answer, marked is_impossible: they are left out, which makes
    a file of version 1.1 of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not in that format; the message names article, paragraph and question.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: expected a JSON file of SQuAD v1.1, such as dev-v1.1.json.")
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON in UTF-8 ({error}): expected a file of SQuAD v1.1.") from error
    articles = _entry(raw, "data", list, str(path))
    questions = [question for number, article in enumerate(articles, 1) for question in _article(article, path, number)]
    return _distinct(questions, str(path))


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Question]:
    """The questions of rows as the hub has them: id, title, context, question, answers (lists text, answer_start).

    Raises:
        ValueError: an answer does not stand where its row says, or two rows have one id.
    """
    questions = []
    for row in rows:
        answers = tuple(map(Answer, row["answers"]["text"], row["answers"]["answer_start"]))
        question = Question(row["id"], row["title"], row["question"], row["context"], answers)
        questions.append(_checked(question, f"{HUB_ID}, question {question.id}"))
    return _distinct(questions, HUB_ID)


def _article(article: Any, path: Path, number: int) -> Iterable[Question]:
    title = _entry(article, "title", str, f"{path}, article {number}")
    place = f"{path}, article {title!r}"
    for count, paragraph in enumerate(_entry(article, "paragraphs", list, place), 1):
        where = f"{place}, paragraph {count}"
        context = _entry(paragraph, "context", str, where)
        for row in _entry(paragraph, "qas", list, where):
            key = _entry(row, "id", str, where)
            if row.get("is_impossible"):
                continue
            which = f"{where}, question {key}"
            answers = [
                Answer(_entry(each, "text", str, which), _entry(each, "answer_start", int, which))
                for each in _entry(row, "answers", list, which)
            ]
            yield _checked(Question(key, title, _entry(row, "question", str, which), context, tuple(answers)), which)


def _entry(record: Any, name: str, kind: type, place: str) -> Any:
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        kinds = {list: "a list", str: "a text", int: "a whole number"}
        raise ValueError(f'{place}: expected "{name}" to be {kinds[kind]}, as in SQuAD v1.1, got {value!r:.60}.')
    return value


def _checked(question: Question, place: str) -> Question:
    if not question.answers:
        raise ValueError(
            f'{place} has no answer: expected one, or "is_impossible": true, as in version 2.0, to leave it out.'
        )
    for text, start in question.answers:
        found = question.context[start : start + len(text)] if start >= 0 else ""
        if not text.strip() or found != text:
            raise ValueError(
                f"{place}: the answer {text!r} should begin at character {start} of the context, but there stands "
                f"{found!r}. Expected answer_start in characters, counted from 0."
            )
    return question


def _distinct(questions: list[Question], place: str) -> list[Question]:
    if not questions:
        raise ValueError(f"{place} has no question: expected one at least.")
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise ValueError(f"{place} has two questions with the id {question.id}: predictions are kept by id.")
        seen.add(question.id)
    return questions
