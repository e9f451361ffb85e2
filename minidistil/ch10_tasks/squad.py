"""Chapter 10. SQuAD v1.1 as a task: its files, its copy on the hub, and its metrics.

Rajpurkar, Zhang, Lopyrev and Liang (2016), "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch10_tasks.question_answers import best_answers, squad_scores
from minidistil.ch10_tasks.question_windows import Answer, Question, Window, windows
from minidistil.ch10_tasks.sources import from_hub, read_text, visible_files
from minidistil.ch10_tasks.tasks import Dataset, Feature
from minidistil.files import few

HUB = "rajpurkar/squad"


class Squad:
    """The task: mark the answer to a question in a text."""

    name = "squad"
    id2label: tuple[str, ...] = ("start", "end")
    model_class: type[QuestionAnswering] = QuestionAnswering
    decisive: tuple[str, ...] = ("f1",)

    def features(self, examples: Sequence[Question], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """Windows of the questions; of at most 384 tokens in the published settings."""
        return [*windows(examples, tokenizer, max_length)]

    def metrics(
        self, examples: Sequence[Question], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """exact_match and f1, from 0 to 1."""
        parts = [feature for feature in features if isinstance(feature, Window)]
        return squad_scores(best_answers(examples, parts, predictions), examples)


def load_squad(place: str | Path | None = None) -> Dataset:
    """SQuAD for fine-tuning.

    Args:
        place: a folder with train*.json and dev*.json (or the folder around it); or a JSON file, or a folder with only
            one, which is then split in two by `by_article`; None for the copy on the hub.

    Raises:
        FileNotFoundError: there is no such folder or file, or the hub cannot be reached.
        ValueError: a file is not in SQuAD's format, or has too few articles to be split.
    """
    if place is None:
        splits = from_hub(HUB, "a folder with SQuAD's train-v1.1.json and dev-v1.1.json")
        train, validation = from_rows(splits["train"]), from_rows(splits["validation"])
    else:
        files = [read_squad(path) for path in _files(Path(place))]
        train, validation = files if len(files) == 2 else by_article(files[0])
    return Dataset(Squad(), train, {"validation": validation})


def by_article(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """Split the questions in two, for training and validation: the last fifth of the articles (at least 1) is held out.

    Raises:
        ValueError: all questions are about one article.
    """
    titles = list(dict.fromkeys(question.title for question in questions))
    if len(titles) < 2:
        raise ValueError(f"All {len(questions)} questions are about {titles[0]!r}: a split needs 2 articles or more.")
    held_out = set(titles[-max(1, len(titles) // 5) :])
    train = [question for question in questions if question.title not in held_out]
    return train, [question for question in questions if question.title in held_out]


def read_squad(path: Path) -> list[Question]:
    """The questions of a file in SQuAD's JSON format, in the order of the file.

    Questions that the text does not answer (is_impossible, in version 2.0) are left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not in that format (the message names the place in the file or the question).
    """
    text = read_text(path, "a JSON file of SQuAD v1.1, such as dev-v1.1.json")
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): expected a file of SQuAD v1.1.") from error
    _require_format(content, FORMAT, path)
    questions = [
        Question(
            id=row["id"],
            title=article["title"],
            question=row["question"],
            context=paragraph["context"],
            answers=tuple(Answer(each["text"], each["answer_start"]) for each in row["answers"]),
        )
        for article in content["data"]
        for paragraph in article["paragraphs"]
        for row in paragraph["qas"]
        if not row.get("is_impossible")
    ]
    return _checked(questions, str(path))


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Question]:
    """The questions of rows as on the hub: id, title, context, question, answers (lists text and answer_start).

    Raises:
        ValueError: an answer is not where its row says, or two rows have the same id.
    """
    questions = [
        Question(
            id=row["id"],
            title=row["title"],
            question=row["question"],
            context=row["context"],
            answers=tuple(map(Answer, row["answers"]["text"], row["answers"]["answer_start"])),
        )
        for row in rows
    ]
    return _checked(questions, HUB)


# --- Files and questions that are not as expected ---


def _files(place: Path) -> list[Path]:
    """One file, or two: for training and for validation."""
    if not place.is_dir():
        return [place]
    place = place / "squad" if (place / "squad").is_dir() else place
    named = [visible_files(place, f"{name}*.json") for name in ("train", "dev")]
    if all(len(found) == 1 for found in named):
        return [found[0] for found in named]
    files = visible_files(place, "*.json")
    if len(files) != 1:
        names = few(path.name for path in files) or "none"
        raise FileNotFoundError(
            f"{place} should have SQuAD's train-v1.1.json and dev-v1.1.json, or a single JSON file; its JSON files: "
            f"{names}. Give the file itself if it is one of several."
        )
    return files


# Names and types of a file in JSON; [x] is a list of x. In version 2.0 a question may have no answer.
_QUESTION = {"id": str, "question": str, "answers": [{"text": str, "answer_start": int}]}
_UNANSWERED = {"id": str, "question": str, "is_impossible": bool}
FORMAT: dict[str, Any] = {"data": [{"title": str, "paragraphs": [{"context": str, "qas": [_QUESTION]}]}]}
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "true or false",
}


def _require_format(value: Any, expected: Any, path: Path, place: str = "") -> None:
    """Raise ValueError unless a value from JSON is as FORMAT says; `place` is such as data[0].title."""
    kind: type = expected if isinstance(expected, type) else type(expected)
    if expected is _QUESTION and isinstance(value, dict) and value.get("is_impossible", False) is not False:
        expected = _UNANSWERED
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        where = place or "the content"
        raise ValueError(f"{path}: expected {where} to be {_KINDS[kind]}, as in SQuAD v1.1, got {value!r:.60}.")
    if isinstance(value, list):
        for number, each in enumerate(value):
            _require_format(each, expected[0], path, f"{place}[{number}]")
    elif isinstance(value, dict):
        for name, inner in expected.items():
            _require_format(value.get(name), inner, path, f"{place}.{name}".lstrip("."))


def _checked(questions: list[Question], source: str) -> list[Question]:
    """The questions, if each has an id of its own, and answers that are where they are said to be."""
    if not questions:
        raise ValueError(f"{source} has no question: expected at least 1.")
    seen: set[str] = set()
    for question in questions:
        place = f"{source}, question {question.id}"
        if question.id in seen:
            raise ValueError(f"{place}: another question has the same id, and predictions are stored by id.")
        seen.add(question.id)
        if not question.answers:
            raise ValueError(f'{place} has no answer: expected one, or "is_impossible": true, as in version 2.0.')
        for text, start in question.answers:
            found = question.context[start : start + len(text)] if start >= 0 else ""
            if not text.strip() or found != text:
                raise ValueError(
                    f"{place}: the answer {text!r} should begin at character {start} of the context, which has "
                    f"{found!r} there. Expected answer_start to count characters from 0."
                )
    return questions
