"""Chapter 9: scores and comparisons against their definitions, computed the long way."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences, text_files
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import OWN_LAYERS
from minidistil.ch07_student.student import student_of
from minidistil.ch09_evaluation.evaluation import compare, score
from minidistil.ch09_evaluation.held_out import MaskedText, masked_documents, masked_text
from minidistil.files import data_folder
from tests.ch09_evaluation.test_bootstrap import scipys
from tests.conftest import TINY


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


def test_a_comparison_has_both_scores_and_intervals_around_its_figures(
    text: MaskedText, tiny_teacher: MaskedLM
) -> None:
    student = student_of(tiny_teacher)
    comparison = compare(tiny_teacher, student, text)
    assert (comparison.teacher, comparison.student) == (score(tiny_teacher, text), score(student, text))
    assert comparison.hidden_cosine is not None
    assert comparison.hidden_cosine < 1
    for name, figure in (
        ("student_perplexity", comparison.student.perplexity),
        ("hidden_cosine", comparison.hidden_cosine),
    ):
        low, high = comparison.intervals[name]
        assert low < figure < high
    low, high = comparison.intervals["agreement"]
    assert low <= comparison.agreement <= high


def test_the_interval_of_the_hidden_cosine_is_scipys(tokenizer: WordPiece) -> None:
    words = [word for word in tokenizer.vocab if word.isalpha()][3000:3040]
    documents = [f"{word} " * (10 + number**2 % 97) for number, word in enumerate(words)]  # of one to four sequences
    text = masked_documents(documents, tokenizer, 32)
    teacher = MaskedLM(replace(TINY, initializer_range=0.3)).eval()  # large weights: layers that do something
    student = student_of(teacher)
    texts: dict[int, list[np.ndarray]] = {}
    for (input_ids, attention_mask, _), origins in zip(text.batches, text.origins, strict=True):
        for ids, count, origin in zip(input_ids, attention_mask.sum(1), origins.tolist(), strict=True):
            with torch.no_grad():  # alone, without padding
                one, other = (
                    each.encoder(ids[None, :count]).last_hidden_state[0].double().numpy() for each in (student, teacher)
                )
            cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
            texts.setdefault(origin, []).append(cosines)
    assert len(texts) > len(text.documents.unique())  # a document without a hidden token has a cosine all the same
    expected, tolerance = scipys([np.concatenate(parts) for parts in texts.values()], np.mean, "percentile")
    comparison = compare(teacher, student, text)
    assert comparison.intervals["hidden_cosine"] == pytest.approx(expected, abs=tolerance)
    everything = np.concatenate([part for parts in texts.values() for part in parts])
    assert comparison.hidden_cosine == pytest.approx(everything.mean(), abs=1e-5)


def test_models_of_different_widths_have_no_cosine(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    comparison = compare(tiny_teacher, MaskedLM(replace(TINY, hidden_size=16)).eval(), text)
    assert comparison.hidden_cosine is None
    assert "hidden_cosine" not in comparison.intervals
    assert "student_calibration_error" in comparison.intervals


def test_the_shipped_teacher_keeps_its_recorded_accuracy(
    teacher: MaskedLM, docs_corpus: Corpus, tokenizer: WordPiece
) -> None:
    main_job = json.loads((data_folder() / "results" / "first_light.json").read_text())
    held_out = masked_text(sequences(docs_corpus.test[::3], tokenizer), tokenizer)
    # A part of the text, and other versions of Python and packages have other docstrings: near, not equal.
    assert score(teacher, held_out).accuracy == pytest.approx(main_job["teacher_masked_accuracy"], abs=0.04)


def test_the_shipped_teacher_keeps_its_recorded_accuracy_on_wikitext(
    teacher: MaskedLM, outside_data: Path, tokenizer: WordPiece
) -> None:
    provenance = json.loads((data_folder() / f"{OWN_LAYERS}.json").read_text())
    (recorded,) = (each for name, each in provenance["figures"].items() if name.startswith("test.txt"))
    paragraphs = list(text_files([outside_data / "wikitext-2" / "test.txt"]))[::6]
    held_out = masked_text(sequences(paragraphs, tokenizer), tokenizer)
    assert score(teacher, held_out).accuracy == pytest.approx(recorded["accuracy"], abs=0.04)


def test_an_unknown_precision_is_refused(tiny_teacher: MaskedLM, text: MaskedText) -> None:
    with pytest.raises(ValueError, match="fp8"):
        score(tiny_teacher, text, "fp8")
