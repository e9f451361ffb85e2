"""CoNLL's format, good and broken; pieces against those of `tokenizers`; scores of names against sets of spans."""

import random
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tokenizers import Tokenizer

import minidistil as md
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch10_tasks.conll import (
    TAGS,
    Conll,
    Sentence,
    cuts,
    entity_scores,
    load_conll,
    read_conll,
    to_iob2,
    word_tags,
)
from minidistil.ch10_tasks.tasks import Dataset
from minidistil.cli.main import main
from minidistil.files import data_folder
from minidistil.runs.finetuning import finetune
from tests.ch10_tasks.command import finetuned

SAMPLE = data_folder() / "samples" / "names.conll"


def file(folder: Path, text: str, name: str = "names.txt") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


# The exercises


def test_the_first_piece_of_a_word_has_its_label(impl: ModuleType, tokenizer: WordPiece) -> None:
    ids, labels = impl.label_pieces(["Marta", "lindqvist", "sang"], [1, 2, 0], tokenizer)
    assert [tokenizer.tokens[index] for index in ids] == ["marta", "lin", "##d", "##qvist", "sang"]
    assert list(labels) == [1, 2, -100, -100, 0], "a label at the first piece of each word, -100 after it"


def test_a_word_without_pieces_is_unknown_and_keeps_its_label(impl: ModuleType, tokenizer: WordPiece) -> None:
    ids, labels = impl.label_pieces(["one", "\x00", "two"], [3, 4, 5], tokenizer)
    assert list(labels) == [3, 4, 5], "every word has a label, also one for which the tokenizer gives nothing"
    assert ids[1] == tokenizer.unk_token_id


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O O O", []),
        ("B-PER", [("PER", 0, 0)]),
        ("O B-PER I-PER O B-LOC", [("PER", 1, 2), ("LOC", 4, 4)]),
        ("B-ORG I-ORG I-ORG", [("ORG", 0, 2)]),  # up to the very end
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),  # two names side by side
        ("B-PER I-LOC", [("PER", 0, 0), ("LOC", 1, 1)]),  # another kind is another name
        ("O I-MISC I-MISC O", [("MISC", 1, 2)]),  # I- begins a name if nothing else does
        ("I-PER O I-PER", [("PER", 0, 0), ("PER", 2, 2)]),  # O ends a name
        ("", []),
    ],
)
def test_names_in_tags(tags: str, expected: list[tuple[str, int, int]], impl: ModuleType) -> None:
    assert [tuple(entity) for entity in impl.entities(tags.split())] == expected


def by_regular_expression(tags: list[str]) -> set[tuple[str, int, int]]:
    """Names found another way: each tag becomes a letter, and each kind has a regular expression."""
    found = set()
    for kind in {tag[2:] for tag in tags if tag != "O"}:
        line = "".join({f"B-{kind}": "b", f"I-{kind}": "i"}.get(tag, "o") for tag in tags)
        found |= {(kind, match.start(), match.end() - 1) for match in re.finditer("bi*|i+", line)}
    return found


def test_names_are_those_found_another_way(impl: ModuleType) -> None:
    draw = random.Random(1)
    for _ in range(300):
        tags = draw.choices(TAGS[:5], k=draw.randint(0, 9))
        assert {tuple(entity) for entity in impl.entities(tags)} == by_regular_expression(tags)


# Scores


def test_scores_are_those_of_sets_of_names() -> None:
    draw = random.Random(2)
    for _ in range(100):
        right = [draw.choices(TAGS[:5], k=draw.randint(1, 9)) for _ in range(4)]
        guessed = [[tag if draw.random() < 0.7 else draw.choice(TAGS[:5]) for tag in tags] for tags in right]
        real = {(place, name) for place, tags in enumerate(right) for name in by_regular_expression(tags)}
        found = {(place, name) for place, tags in enumerate(guessed) for name in by_regular_expression(tags)}
        precision = len(real & found) / len(found) if found else 0
        recall = len(real & found) / len(real) if real else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        expected = {"precision": precision, "recall": recall, "f1": f1}
        assert entity_scores(right, guessed) == pytest.approx(expected)


def test_scores_are_zero_if_there_is_no_name_and_need_a_tag_for_each_word() -> None:
    assert entity_scores([["O", "O"]], [["O", "O"]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    with pytest.raises(ValueError, match=r"1 sentences with 2 tags, .* 1 with 1"):
        entity_scores([["O", "O"]], [["O"]])


# Files


def test_a_file_in_the_published_format_is_read(tmp_path: Path) -> None:
    """Four columns, a document's first line, and IOB1 tags, as in the original files."""
    text = (
        "-DOCSTART- -X- O O\n\nU.N. NNP I-NP I-ORG\nofficial NN I-NP O\nEkeus NNP I-NP I-PER\n\n\n"
        "Rome NNP B-NP I-LOC\nParis NNP I-NP B-LOC\n"
    )
    assert read_conll(file(tmp_path, text)) == [
        Sentence(("U.N.", "official", "Ekeus"), ("B-ORG", "O", "B-PER")),
        Sentence(("Rome", "Paris"), ("B-LOC", "B-LOC")),
    ]


def test_tags_become_iob2() -> None:
    assert to_iob2(["I-PER", "I-PER", "B-PER", "O", "I-LOC"]) == ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]
    assert to_iob2(["B-PER", "I-PER", "O"]) == ["B-PER", "I-PER", "O"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one O\ntwo\n", "line 2 has 1 columns: expected 2"),
        ("one O\n\ntwo X O\n", "line 3 has 3 columns: expected 2"),
        ("one\n", "line 1 has 1 columns: expected 2"),
        ("one O\ntwo B-FOOD\n", "line 2 has the tag 'B-FOOD': expected one of O, B-PER, I-PER"),
        ("", "has no sentence"),
        ("-DOCSTART- -X- O O\n\n \n", "has no sentence"),
    ],
)
def test_a_broken_file_is_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"names\.txt.* {message}"):
        read_conll(file(tmp_path, text))


def test_a_byte_order_mark_and_white_space_within_a_word_change_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, "\ufeff-DOCSTART- O\r\n\r\n10\xa0000\tO\r\nMar\u2028ta B-PER\r\n")
    assert read_conll(path) == [Sentence(("10\xa0000", "Mar\u2028ta"), ("O", "B-PER"))]


def test_splits_from_a_folder_and_from_one_file(tmp_path: Path) -> None:
    one = file(tmp_path, "\n\n".join(f"word{number} O" for number in range(11)))
    dataset = load_conll(one)
    assert [sentence.words[0] for sentence in dataset.validation["validation"]] == ["word4", "word9"]
    assert len(dataset.train) == 9
    with pytest.raises(FileNotFoundError, match=r"no file .*train\.txt"):
        load_conll(tmp_path)
    file(tmp_path, "a O\n", "eng.train")
    file(tmp_path, "b O\n", "eng.testa")
    assert load_conll(tmp_path).validation["validation"] == [Sentence(("b",), ("O",))]
    with pytest.raises(FileNotFoundError, match="--data"):
        load_conll()
    with pytest.raises(ValueError, match=r"has 1 sentences, .* expected 5 or more"):
        load_conll(tmp_path / "eng.train")


def test_the_sample_has_every_tag() -> None:
    sentences = read_conll(SAMPLE)
    assert len(sentences) == 60
    assert {tag for sentence in sentences for tag in sentence.tags} == set(TAGS)


# Features, and the way back to words


def test_pieces_and_words_are_those_of_tokenizers(tokenizer: WordPiece, official_tokenizer: Tokenizer) -> None:
    sentences = read_conll(SAMPLE)
    for sentence, feature in zip(sentences, Conll().features(sentences, tokenizer, 128), strict=True):
        official = official_tokenizer.encode(list(sentence.words), is_pretokenized=True)
        assert feature.input_ids == official.ids
        first = {word: place for place, word in reversed(list(enumerate(official.word_ids))) if word is not None}
        expected = [-100] * len(official.ids)
        for word, place in first.items():
            expected[place] = TAGS.index(sentence.tags[word])
        assert feature.label == expected


@pytest.mark.parametrize("max_length", [3, 6, 8, 40])
def test_long_sentences_are_cut_between_words_and_every_word_comes_back(max_length: int, tokenizer: WordPiece) -> None:
    sentences = read_conll(SAMPLE)[:20]
    task = Conll()
    features = task.features(sentences, tokenizer, max_length)
    assert max(len(feature.input_ids) for feature in features) <= max_length
    assert (len(features) > len(sentences)) == (max_length < 40)
    assert (sum(feature.cut for feature in features) > 0) == (max_length == 3)  # a word of two pieces has no room
    predictions = [torch.zeros(len(feature.input_ids), len(TAGS)) for feature in features]
    for feature, logits in zip(features, predictions, strict=True):
        assert isinstance(feature.label, list)
        for place, label in enumerate(feature.label):
            logits[place, label if label >= 0 else 3] = 1  # the scores of the other pieces must not matter
    assert word_tags(features, predictions, len(sentences)) == [list(sentence.tags) for sentence in sentences]
    perfect = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "accuracy": 1.0}
    assert task.metrics(sentences, features, predictions) == perfect


def test_sentences_are_cut_where_the_next_word_does_not_fit() -> None:
    assert cuts([1, 1, 1, 1], 2) == [(0, 2), (2, 4)]
    assert cuts([1, 2, 1], 2) == [(0, 1), (1, 2), (2, 3)]
    assert cuts([1, 5, 1], 2) == [(0, 1), (1, 2), (2, 3)]  # a word too long stands alone
    assert cuts([2, 2], 9) == [(0, 2)]
    assert cuts([], 9) == []


def test_a_max_length_without_room_is_an_error(tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"max_length must be 3 or more, .* got 2"):
        Conll().features([Sentence(("a",), ("O",))], tokenizer, 2)


def test_a_tiny_model_learns_ten_sentences(tmp_path: Path) -> None:
    ten = read_conll(SAMPLE)[:10]
    sizes = ClassifierConfig(
        hidden_size=48, num_hidden_layers=1, num_attention_heads=4, intermediate_size=96, id2label=TAGS,
        dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    settings = FinetuneConfig(
        epochs=40, batch_size=10, learning_rate=5e-3, max_length=40, dropout=0.0, precision="fp32"
    )
    run = finetune(md.TokenClassifier(sizes), Dataset(Conll(), ten, {"validation": ten}), settings, tmp_path)
    assert run.metrics["metrics"]["validation"]["f1"] >= 0.9
    assert run.metrics["classes"] == list(TAGS)


def test_the_command_runs_on_the_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = finetuned("conll", SAMPLE, tmp_path)
    assert "conll, validation (epoch 1): f1 0." in capsys.readouterr().out
    assert metrics["examples"] == {"train": 48, "validation": 12}
    assert main(["finetune", "conll"]) == 2
    assert "a file in CoNLL's format with --data" in capsys.readouterr().err
