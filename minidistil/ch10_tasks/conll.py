"""Chapter 10. Named entities: the format of CoNLL-2003, words and their pieces, and F1 of whole entities.

Tjong Kim Sang and De Meulder (2003), "Introduction to the CoNLL-2003 Shared Task: Language-Independent Named Entity
Recognition"; pieces as in Devlin et al. (2019), section 5.3: the label of a word belongs to its first piece.

Tags are IOB2: B-PER begins a person's name, I-PER continues it, O is outside of all names.

Letters in shapes: L tokens, C classes.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.classifiers import TokenClassifier
from minidistil.ch10_tasks import task_metrics
from minidistil.ch10_tasks.sources import first_file, read_text
from minidistil.ch10_tasks.tasks import Dataset, Feature

KINDS = ("PER", "ORG", "LOC", "MISC")  # persons, organisations, locations, other names
TAGS = ("O", *(f"{begin}-{kind}" for kind in KINDS for begin in "BI"))
FILES: dict[str, tuple[str, ...]] = {
    "train": ("train.txt", "eng.train"),
    "validation": ("valid.txt", "dev.txt", "eng.testa"),
}


class Sentence(NamedTuple):
    """Words, and a tag for each of them."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


class Entity(NamedTuple):
    """A name: its kind, its first word and its last word."""

    kind: str
    first: int
    last: int


def label_pieces(words: Sequence[str], labels: Sequence[int], tokenizer: WordPiece) -> tuple[list[int], list[int]]:
    """The pieces of all words, without [CLS] and [SEP], and a label for each piece.

    The first piece of a word has the word's label, the others have -100. A word without pieces (a control character,
    for instance) becomes [UNK], so that it keeps its label.

    Returns:
        input_ids and labels, which have the same length.

    >>> label_pieces(["Lindqvist", "sang"], [3, 0], WordPiece.from_pretrained("minilm"))[1]  # lin ##d ##qvist sang
    [3, -100, -100, 0]
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

    B- always begins one. I- begins one, too, if the tag before it is not of the same kind: a model may predict that.
    The official conlleval has the same rule.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [Entity(kind='PER', first=0, last=1), Entity(kind='LOC', first=3, last=3)]
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
    """f1, precision and recall of whole names, over all sentences: kind, first and last word must be right.

    Args:
        right, guessed: tags of the same sentences.

    Raises:
        ValueError: the numbers of sentences differ, or their lengths.

    >>> entity_scores([["B-PER", "I-PER", "B-LOC"]], [["B-PER", "O", "B-LOC"]])
    {'f1': 0.5, 'precision': 0.5, 'recall': 0.5}
    """
    if list(map(len, right)) != list(map(len, guessed)):
        raise ValueError(
            f"right has {len(right)} sentences with {sum(map(len, right))} tags, guessed has {len(guessed)} with "
            f"{sum(map(len, guessed))}: expected a tag for each word in both."
        )
    expected = {(number, *entity) for number, tags in enumerate(right) for entity in entities(tags)}
    found = {(number, *entity) for number, tags in enumerate(guessed) for entity in entities(tags)}
    hits = len(expected & found)
    return {
        "f1": 2 * hits / (len(expected) + len(found)) if hits else 0.0,
        "precision": hits / len(found) if found else 0.0,
        "recall": hits / len(expected) if expected else 0.0,
    }


class Conll:
    """The task: a tag for each word."""

    name = "conll"
    id2label = TAGS
    model_class: type[TokenClassifier] = TokenClassifier
    decisive: tuple[str, ...] = ("f1",)

    def features(self, examples: Sequence[Sentence], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """A feature for each sentence, or several: a sentence that is too long is cut between words."""
        room = max_length - 2
        if room < 1:
            raise ValueError(f"max_length must be 3 or more, for [CLS], a piece and [SEP], got {max_length}.")
        result = []
        for number, (words, tags) in enumerate(examples):
            lengths = [len(label_pieces([word], [0], tokenizer)[0]) for word in words]
            for first, stop in cuts(lengths, room):
                labels = [TAGS.index(tag) for tag in tags[first:stop]]
                ids, labels = label_pieces(words[first:stop], labels, tokenizer)
                input_ids = [tokenizer.cls_token_id, *ids[:room], tokenizer.sep_token_id]
                labels = [IGNORE, *labels[:room], IGNORE]
                result.append(Feature(input_ids, [0] * len(input_ids), labels, number, max(0, len(ids) - room)))
        return result

    def metrics(
        self, examples: Sequence[Sentence], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """f1, precision and recall of whole names; accuracy of the words' tags, which is high because most are O."""
        guessed = word_tags(features, predictions, len(examples))
        right = [sentence.tags for sentence in examples]
        flat = ([tag for tags in each for tag in tags] for each in (right, guessed))
        return {**entity_scores(right, guessed), "accuracy": task_metrics.accuracy(*flat)}


def cuts(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Groups [first, stop) of consecutive words, as many words in each as fit; a word that is too long is alone.

    Args:
        lengths: number of pieces of each word.
        room: number of pieces that fit.

    >>> cuts([1, 2, 1, 1, 5], room=3)
    [(0, 2), (2, 4), (4, 5)]
    """
    groups: list[tuple[int, int]] = []
    taken = 0
    for place, length in enumerate(lengths):
        if not groups or taken + length > room:
            groups.append((place, place))
            taken = 0
        groups[-1] = (groups[-1][0], place + 1)
        taken += length
    return groups


def word_tags(features: Sequence[Feature], predictions: Sequence[Tensor], sentences: int) -> list[list[str]]:
    """The tags of the words of each sentence, from scores of pieces: the first piece of a word decides.

    Args:
        features: of the sentences, in order; a long sentence may have several.
        predictions: (L, C) for each feature.
        sentences: how many there are.
    """
    result: list[list[str]] = [[] for _ in range(sentences)]
    for feature, logits in zip(features, predictions, strict=True):
        labelled = torch.tensor(feature.label) != IGNORE  # (L,)
        result[feature.example] += [TAGS[number] for number in logits[labelled].argmax(-1).tolist()]
    return result


# --- Files ---


def load_conll(place: str | Path | None = None) -> Dataset:
    """A corpus in CoNLL's format for fine-tuning.

    Args:
        place: a folder with train.txt and valid.txt (or dev.txt; or the original eng.train and eng.testa); or one file,
            every fifth sentence of which is then held out. There is no copy on the hub to rely on: the text belongs to
            Reuters.

    Raises:
        FileNotFoundError: there is no such folder or file, or none is given.
        ValueError: a file is not in CoNLL's format, or a single file has fewer than 5 sentences.
    """
    if place is None:
        raise FileNotFoundError("conll has no copy on the hub: give a folder or a file in CoNLL's format with --data.")
    place = Path(place)
    if place.is_dir():
        train, validation = (read_conll(first_file(place, names)) for names in FILES.values())
        return Dataset(Conll(), train, {"validation": validation})
    sentences = read_conll(place)
    if len(sentences) < 5:
        raise ValueError(f"{place} has {len(sentences)} sentences, and every fifth is held out: expected 5 or more.")
    train = [sentence for number, sentence in enumerate(sentences) if number % 5 != 4]
    return Dataset(Conll(), train, {"validation": sentences[4::5]})


def read_conll(path: Path) -> list[Sentence]:
    """The sentences of a file in CoNLL's format: a word in each line, its tag in the last column, blank lines between.

    Lines with -DOCSTART- are skipped. The older IOB1 tags, in which most names begin with I-, are changed to IOB2.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line has another number of columns than the first one, or an unknown tag; or there is no sentence.
    """
    lines = read_text(path, "a file in CoNLL-2003's format").split("\n")
    sentences: list[list[list[str]]] = [[]]
    columns = 0
    for number, line in enumerate(lines, 1):
        row = re.findall(r"[^ \t\r]+", line)  # a word may contain other white space, which separates nothing here
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
        raise ValueError(f"{path} has no sentence: expected lines with a word and its tag, and blank lines between.")
    return read


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Tags with the same names, each of which begins with B-."""
    result = ["O"] * len(tags)
    for kind, first, last in entities(tags):
        result[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first)]
    return result


def _require_row(row: list[str], columns: int, place: str) -> None:
    if len(row) != columns:
        raise ValueError(
            f"{place} has {len(row)} columns: expected {columns}, with the word in the first and its tag in the last."
        )
    if row[-1] not in TAGS:
        raise ValueError(f"{place} has the tag {row[-1]!r}: expected one of {', '.join(TAGS)}.")
