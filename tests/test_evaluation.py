"""Chapter 9: figures against their definitions, computed the long way."""

import math

import pytest
import torch

from minidistil.corpus import Corpus, sequences
from minidistil.evaluation import MaskedText, compare, masked_text, parameters, score, speedup
from minidistil.heads import MaskedLM
from minidistil.student import student_of
from minidistil.wordpiece import WordPiece


@pytest.fixture(scope="module")
def text(tiny_corpus: Corpus, tokenizer: WordPiece) -> MaskedText:
    return masked_text(sequences(tiny_corpus.test, tokenizer, 64), tokenizer, batch_size=8)


def test_hidden_tokens_are_always_the_same_and_all_behind_mask(
    text: MaskedText, tiny_corpus: Corpus, tokenizer: WordPiece
) -> None:
    again = masked_text(sequences(tiny_corpus.test, tokenizer, 64), tokenizer, batch_size=8)
    for (input_ids, _, labels), (same, _, _) in zip(text.batches, again.batches, strict=True):
        assert torch.equal(input_ids, same)
        assert torch.equal(labels != -100, input_ids == tokenizer.mask_token_id)


def test_accuracy_and_perplexity_are_those_of_the_full_logits(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    right, loss = 0, 0.0
    with torch.no_grad():
        for input_ids, attention_mask, labels in text.batches:
            logits = tiny_teacher(input_ids, attention_mask).logits.double()
            at = labels != -100
            right += int((logits.argmax(-1) == labels)[at].sum())
            loss -= float(logits.log_softmax(-1)[at].gather(1, labels[at][:, None]).sum())
    scores = score(tiny_teacher, text)
    assert scores.accuracy == right / text.count
    assert scores.perplexity == pytest.approx(math.exp(loss / text.count), rel=1e-4)


def test_a_model_compared_with_itself_keeps_everything(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    with torch.no_grad():
        tiny_teacher.head.bias[1012] += 50  # always guesses the full stop: an accuracy above 0
    itself = compare(tiny_teacher, tiny_teacher, text)
    assert (itself.retention, itself.agreement) == (1.0, 1.0)
    assert itself.hidden_cosine == pytest.approx(1.0, abs=1e-5)
    frequency = sum(int((labels == 1012).sum()) for _, _, labels in text.batches) / text.count
    assert itself.teacher.accuracy == frequency


def test_a_student_differs_and_is_smaller_and_faster(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    student = student_of(tiny_teacher).eval()
    comparison = compare(tiny_teacher, student, text)
    assert comparison.teacher == score(tiny_teacher, text)
    assert comparison.student == score(student, text)
    assert comparison.hidden_cosine < 1
    assert parameters(student) < parameters(tiny_teacher)
    assert speedup(tiny_teacher, student, text) > 0


def test_the_shipped_teacher_keeps_its_recorded_figures(
    teacher: MaskedLM, docs_corpus: Corpus, tokenizer: WordPiece
) -> None:
    held_out = masked_text(sequences(docs_corpus.test[:250], tokenizer), tokenizer)
    # Other versions of Python and packages hold other docstrings: a floor, not an equality.
    assert score(teacher, held_out).accuracy > 0.4
