"""Chapter 9: figures against their definitions, computed the long way."""

import json
import math
from pathlib import Path

import pytest
import torch

from minidistil.corpus import Corpus, sequences, text_files
from minidistil.evaluation import MaskedText, compare, masked_text, parameters, score, speedup
from minidistil.files import data_folder
from minidistil.heads import MaskedLM
from minidistil.student import student_of
from minidistil.weights import OWN_LAYERS
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
    assert comparison.hidden_cosine is not None
    assert comparison.hidden_cosine < 1
    assert parameters(student) < parameters(tiny_teacher)
    assert speedup(tiny_teacher, student, text) > 0


def recorded(name: str) -> float:
    """Masked accuracy of the offline teacher in its provenance, on the text whose name begins so."""
    provenance = json.loads((data_folder() / f"{OWN_LAYERS}.json").read_text())
    (figures,) = (figures for text, figures in provenance["figures"].items() if text.startswith(name))
    return figures["accuracy"]


def test_the_shipped_teacher_keeps_its_recorded_figures(
    teacher: MaskedLM, docs_corpus: Corpus, tokenizer: WordPiece
) -> None:
    held_out = masked_text(sequences(docs_corpus.test[::3], tokenizer), tokenizer)
    # A part of the text, and other versions of Python and packages hold other docstrings: near, not equal.
    assert score(teacher, held_out).accuracy == pytest.approx(recorded("held-out documents"), abs=0.04)


def test_the_shipped_teacher_keeps_its_recorded_figure_on_wikitext(
    teacher: MaskedLM, outside_data: Path, tokenizer: WordPiece
) -> None:
    paragraphs = list(text_files([outside_data / "wikitext-2" / "test.txt"]))[::6]
    held_out = masked_text(sequences(paragraphs, tokenizer), tokenizer)
    assert score(teacher, held_out).accuracy == pytest.approx(recorded("test.txt"), abs=0.04)
