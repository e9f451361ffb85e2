"""Chapter 10. Names in sentences: CoNLL-2003's format, words and their pieces, and scores of whole names.

Tjong Kim Sang and De Meulder (2003), "Introduction to the CoNLL-2003 Shared Task: Language-Independent Named Entity
Recognition"; pieces as in Devlin et al. (2019), section 5.3: the first piece of a word stands for all of it.

Tags are IOB2: B-PER begins a person's name, I-PER goes on with it, O is outside of all names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.classifiers import TaskModel, TokenClassifier
from minidistil.ch10_tasks import task_metrics
from minidistil.ch10_tasks.tasks import Dataset, Feature

KINDS = ("PER", "ORG", "LOC", "MISC")  # persons, organisations, locations, other names
TAGS = ("O", *(f"{begin}-{kind}" for kind in KINDS for begin in "BI"))
FILES = {"train": ("train.txt", "eng.train"), "validation": ("valid.txt", "dev.txt", "eng.testa")}


class Sentence(NamedTuple):
    """Words and their tags, as many."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


class Entity(NamedTuple):
    """A name: its kind, its first word and its last."""

    kind: str
    first: int
    last: int


def read_conll(path: Path) -> list[Sentence]:
    """The sentences of a file in CoNLL's format: a word a line, its tag in the last column, blank lines between.

    -DOCSTART- lines are passed over. The older IOB1 tags, in which most names begin with I-, become IOB2.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line has other columns than the first one, or a tag that there is not; or there is no sentence.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: expected one in CoNLL-2003's format.")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}): expected a text file in CoNLL-2003's format.") from error
    sentences: list[list[list[str]]] = [[]]
    columns = 0
    for number, line in enumerate(lines, 1):
        row = re.findall(r"[^ \t\r]+", line)  # a word may hold other white space, which is no frontier here
        if not row or row[0] == "-DOCSTART-":
            sentences.append([])
            continue
        columns = columns or max(len(row), 2)
        _require_row(row, columns, f"{path}, line {number}")
        sentences[-1].append(row)
    read = [
        Sentence(tuple(row[0] for row in rows), tuple(to_iob2([row[-1] for row in rows]))) for rows in sentences if rows
    ]
    if not read:
        raise ValueError(f"{path} has no sentence: expected a word and its tag a line, and blank lines between.")
    return read


def _require_row(row: list[str], columns: int, place: str) -> None:
    if len(row) != columns:
        raise ValueError(
            f"{place} has {len(row)} columns: expected {columns}, the word in the first and its tag in the last."
        )
    if row[-1] not in TAGS:
        raise ValueError(f"{place} has the tag {row[-1]!r}: expected one of {', '.join(TAGS)}.")


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Tags in which each name begins with B-, whatever its first tag was."""
    result = ["O"] * len(tags)
    for kind, first, last in entities(tags):
        result[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first)]
    return result


def label_pieces(words: Sequence[str], labels: Sequence[int], tokenizer: WordPiece) -> tuple[list[int], list[int]]:
    """The pieces of all words, without a frame, and a label for each: the word's at its first piece, -100 at the rest.

    A word of which nothing is left (control characters, for instance) becomes [UNK], so that it keeps its label.

    Args:
        words: W of them.
        labels: the W words' classes.

    Returns:
        input_ids and labels, one as long as the other.
    """
    input_ids: list[int] = []
    piece_labels: list[int] = []
    for word, label in zip(words, labels, strict=True):
        pieces = tokenizer.ids(word) or [tokenizer.unk_token_id]
        input_ids += pieces
        piece_labels += [label, *[IGNORE] * (len(pieces) - 1)]
    return input_ids, piece_labels


def entities(tags: Sequence[str]) -> list[Entity]:
    """The names in a sentence's tags.

    B- always begins one. So does an I- without the same kind right before it, as in the official conlleval: a
    model may well say such a thing.
    """
    found: list[Entity] = []
    before = "O"
    for place, tag in enumerate(tags):
        kind = tag[2:]
        if tag.startswith("I-") and before[2:] == kind:
            found[-1] = found[-1]._replace(last=place)
        elif tag != "O":
            found.append(Entity(kind, place, place))
        before = tag
    return found


def entity_scores(right: Sequence[Sequence[str]], guessed: Sequence[Sequence[str]]) -> dict[str, float]:
    """f1, precision and recall of whole names, over all sentences: kind, first and last word have to be right.

    Args:
        right, guessed: tags of the same sentences.

    Raises:
        ValueError: sentences of different lengths, or not as many of them.
    """
    if list(map(len, right)) != list(map(len, guessed)):
        raise ValueError(
            f"{len(right)} sentences of {sum(map(len, right))} tags are right, {len(guessed)} of "
            f"{sum(map(len, guessed))} were guessed: expected a tag for each word."
        )
    theirs = {(number, *entity) for number, tags in enumerate(right) for entity in entities(tags)}
    ours = {(number, *entity) for number, tags in enumerate(guessed) for entity in entities(tags)}
    hits = len(theirs & ours)
    return {
        "f1": 2 * hits / (len(theirs) + len(ours)) if hits else 0.0,
        "precision": hits / len(ours) if ours else 0.0,
        "recall": hits / len(theirs) if theirs else 0.0,
    }


def word_tags(features: Sequence[Feature], predictions: Sequence[Tensor], sentences: int) -> list[list[str]]:
    """Scores of pieces as tags of words, for each sentence: the first piece speaks for its word.

    Args:
        features: the sentences', in order; a long one may have several.
        predictions: (L, C) for each of them.
        sentences: how many there are.
    """
    result: list[list[str]] = [[] for _ in range(sentences)]
    for feature, logits in zip(features, predictions, strict=True):
        asked = torch.tensor(feature.label) != IGNORE  # (L,)
        result[feature.example] += [TAGS[number] for number in logits[asked].argmax(-1).tolist()]
    return result


def cuts(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Stretches [first, stop) of words, each as long as its pieces have room; a word that has none stands alone.

    Args:
        lengths: pieces of each word.
        room: for pieces.
    """
    stretches: list[tuple[int, int]] = []
    taken = 0
    for place, length in enumerate(lengths):
        if not stretches or taken + length > room:
            stretches.append((place, place))
            taken = 0
        stretches[-1] = (stretches[-1][0], place + 1)
        taken += length
    return stretches


@dataclass(frozen=True)
class Conll:
    """The task: a tag for each word."""

    name: str = "conll"
    id2label: tuple[str, ...] = TAGS
    model_class: type[TaskModel] = TokenClassifier
    decisive: tuple[str, ...] = ("f1",)

    def features(self, examples: Sequence[Sentence], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """A feature for each sentence; one that is too long is cut between words into several, and loses nothing."""
        room = max_length - 2
        if room < 1:
            raise ValueError(f"max_length={max_length} is too small: [CLS], a piece and [SEP] need 3.")
        result = []
        for number, (words, tags) in enumerate(examples):
            lengths = [len(label_pieces([word], [0], tokenizer)[0]) for word in words]
            for first, stop in cuts(lengths, room):
                labels = [TAGS.index(tag) for tag in tags[first:stop]]
                ids, labels = label_pieces(words[first:stop], labels, tokenizer)
                input_ids = [tokenizer.cls_token_id, *ids[:room], tokenizer.sep_token_id]
                framed = [IGNORE, *labels[:room], IGNORE]
                result.append(Feature(input_ids, [0] * len(input_ids), framed, number, max(0, len(ids) - room)))
        return result

    def metrics(
        self, examples: Sequence[Sentence], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """f1, precision and recall of whole names; accuracy of the words' tags, which is easily high: most are O."""
        guessed = word_tags(features, predictions, len(examples))
        right = [sentence.tags for sentence in examples]
        numbers = [[TAGS.index(tag) for tags in each for tag in tags] for each in (right, guessed)]
        return {**entity_scores(right, guessed), "accuracy": task_metrics.accuracy(*numbers)}


def load_conll(place: str | Path | None = None) -> Dataset:
    """A corpus in CoNLL's format for fine-tuning.

    Args:
        place: a folder with train.txt and valid.txt (or dev.txt; or the original eng.train and eng.testa), or one
            file, of which every fifth sentence is then held out. The hub has no copy that may be taken for
            granted: the text is Reuters'.

    Raises:
        FileNotFoundError: there is no such folder or file, or none is named.
        ValueError: a file is not in CoNLL's format, or a single one has less than five sentences.
    """
    if place is None:
        raise FileNotFoundError("Name a folder or a file in CoNLL-2003's format by --data: there is no other source.")
    place = Path(place)
    if place.is_dir():
        train, validation = (read_conll(_find(place, names)) for names in FILES.values())
        return Dataset(Conll(), train, {"validation": validation})
    sentences = read_conll(place)
    if len(sentences) < 5:
        raise ValueError(f"{place} has {len(sentences)} sentences, and every fifth is held out: expected 5 or more.")
    train = [sentence for number, sentence in enumerate(sentences) if number % 5 != 4]
    return Dataset(Conll(), train, {"validation": sentences[4::5]})


def _find(folder: Path, names: Sequence[str]) -> Path:
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise FileNotFoundError(f"{folder} has none of {', '.join(names)}: expected a file in CoNLL-2003's format.")
    return found
