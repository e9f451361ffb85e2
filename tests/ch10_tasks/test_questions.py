"""The marked answers of chapter 10's questions are what the package says."""

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks.conll import entity_scores, label_pieces
from minidistil.ch10_tasks.question_answers import best_spans, token_f1
from minidistil.ch10_tasks.question_windows import answer_positions, window_starts
from minidistil.ch10_tasks.task_metrics import accuracy, f1, matthews, pearson, spearman
from minidistil.course.questions import read_questions

MARKED = {
    each.question: next(choice.text for choice in each.choices if choice.right) for each in read_questions("ch10")
}


def marked(beginning: str) -> str:
    (answer,) = (text for question, text in MARKED.items() if question.startswith(beginning))
    return answer


def test_a_blind_guess() -> None:
    right, always = [1] * 721 + [0] * 322, [1] * 1043
    assert marked("721 of 1,043") == f"{accuracy(right, always):.2f} and {matthews(right, always):g}"


def test_f1_of_four_reports() -> None:
    assert marked("Two examples are positive") == f"{f1([1, 1, 0, 0, 0], [1, 0, 1, 1, 1]):.2f}"


def test_correlations_of_cubes() -> None:
    right, cubes = [1.0, 2.0, 3.0, 4.0], [1.0, 8.0, 27.0, 64.0]
    assert spearman(right, cubes) == pytest.approx(1)
    assert pearson(right, cubes) < 0.99
    assert marked("A model's scores are the cubes").startswith("Spearman's is 1, Pearson's is below 1")


def test_half_an_answer_in_a_window() -> None:
    assert marked("A window holds the first half").startswith(str(answer_positions((5, 8), 0, 7, 4)))


def test_number_of_windows() -> None:
    assert marked("A text has 300 tokens") == str(len(window_starts(300, room=128, stride=64)))


def test_the_best_span() -> None:
    best = best_spans(torch.tensor([1.0, 4, 0]), torch.tensor([5.0, 0, 3]), (0, 3))[0]
    assert marked("Start scores 1, 4, 0") == f"Token {best.first} to token {best.last}, sum {best.score:g}"


def test_f1_of_an_answer_that_is_too_long() -> None:
    score = token_f1("the old lighthouse of Karsand", "lighthouse of Karsand")
    assert marked("The right answer is") == f"{score:.2f}"


def test_half_a_name() -> None:
    assert marked("In a sentence with one name") == f"{entity_scores([['B-PER', 'I-PER']], [['B-PER', 'O']])['f1']:g}"


def test_label_of_the_later_pieces_of_a_word() -> None:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lin", "##d", "##qvist"])
    assert marked("The word Lindqvist is read") == str({*label_pieces(["Lindqvist"], [3], tokenizer)[1][1:]}.pop())
