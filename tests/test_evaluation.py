"""Chapter 9: figures against their definitions, computed the long way."""

import json
import math
from pathlib import Path

import pytest
import torch

from minidistil.corpus import Corpus, sequences, text_files
from minidistil.evaluation import (
    Answers,
    MaskedText,
    answers,
    compare,
    intervals,
    masked_documents,
    masked_text,
    medians,
    parameters,
    score,
    size_in_bytes,
    speedup,
    speedup_by_shape,
)
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


def test_masked_text_refuses_what_it_cannot_number(tokenizer: WordPiece) -> None:
    cut = sequences(["One sentence of twelve ordinary words or more, so that it is not dropped."], tokenizer, 64)
    with pytest.raises(ValueError, match="no sequence"):
        masked_text([], tokenizer)
    with pytest.raises(ValueError, match="1 sequences, 2 numbers"):
        masked_text(cut, tokenizer, documents=[0, 1])


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


def test_hidden_tokens_know_their_document(tokenizer: WordPiece) -> None:
    words = ["one", "two", "three", "four", "five"]
    documents = [f"{word} " * count for word, count in zip(words, (90, 60, 300, 3, 40), strict=True)]
    text = masked_documents(documents, tokenizer, 64)
    hidden = torch.cat([labels[labels != -100] for _, _, labels in text.batches])
    assert [words[number] for number in text.documents] == [tokenizer.decode([token]) for token in hidden.tolist()]
    assert text.documents.unique().tolist() == [0, 1, 2, 4]  # "three" in several sequences; "four" is too short
    cut = masked_text(sequences(documents, tokenizer, 64), tokenizer)
    assert all(torch.equal(left[0], right[0]) for left, right in zip(text.batches, cut.batches, strict=True))
    assert len(cut.documents.unique()) == len(sequences(documents, tokenizer, 64))


def test_confidence_is_the_probability_of_the_guess(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    given = answers(tiny_teacher, text)
    probabilities = []
    with torch.no_grad():
        for input_ids, attention_mask, labels in text.batches:
            logits = tiny_teacher(input_ids, attention_mask).logits[labels != -100].double()
            probabilities.append(logits.softmax(-1).max(-1).values)
    torch.testing.assert_close(given.confidence.double(), torch.cat(probabilities), rtol=1e-4, atol=1e-6)


def made_up(right: list[bool], losses: list[float]) -> Answers:
    """Answers that guess token 1 where right and another one, always the same, where not."""
    guesses = torch.tensor([1 if each else 2 for each in right])
    return Answers(torch.ones(len(right), dtype=torch.int64), guesses, torch.ones(len(right)), torch.tensor(losses))


def test_intervals_see_the_same_documents_for_both_models() -> None:
    documents = torch.arange(40).repeat_interleave(5)
    right = (torch.arange(200) // 5 % 4 > 0).tolist()  # whole documents succeed or fail: a wide interval
    model = made_up(right, [1.0] * 200)
    found = intervals(model, model, documents)
    assert found["retention"] == found["agreement"] == (1.0, 1.0)
    assert found["accuracy_difference"] == (0.0, 0.0)
    assert found["teacher_perplexity"] == pytest.approx((math.e, math.e))
    low, high = found["student_accuracy"]
    spread = 2 * 1.96 * math.sqrt(0.75 * 0.25 / 40)  # of a share of 40 documents, not of 200 tokens
    assert high - low == pytest.approx(spread, rel=0.15)
    by_token = intervals(model, model, torch.arange(200))["student_accuracy"]
    assert (by_token[1] - by_token[0]) * math.sqrt(5) == pytest.approx(spread, rel=0.15)


def test_a_figure_lies_in_its_interval(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    comparison = compare(tiny_teacher, student_of(tiny_teacher), text)
    low, high = comparison.intervals["agreement"]
    assert low <= comparison.agreement <= high
    low, high = comparison.intervals["student_perplexity"]
    assert low < comparison.student.perplexity < high


def test_size_and_time(tiny_teacher: MaskedLM) -> None:
    assert size_in_bytes(tiny_teacher) == 4 * parameters(tiny_teacher)
    assert size_in_bytes(tiny_teacher.bfloat16()) == 2 * parameters(tiny_teacher)
    calls = []
    seconds = medians({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert seconds.keys() == {"a", "b"}
    ratios = speedup_by_shape(tiny_teacher.float(), student_of(tiny_teacher), [(1, 8), (2, 16)], repeats=1)
    assert ratios.keys() == {(1, 8), (2, 16)}
    assert min(ratios.values()) > 0


def recorded(name: str) -> float:
    """Masked accuracy of the offline teacher in its provenance, on the text whose name begins so."""
    provenance = json.loads((data_folder() / f"{OWN_LAYERS}.json").read_text())
    (figures,) = (figures for text, figures in provenance["figures"].items() if text.startswith(name))
    return figures["accuracy"]


def test_the_shipped_teacher_keeps_its_recorded_figures(
    teacher: MaskedLM, docs_corpus: Corpus, tokenizer: WordPiece
) -> None:
    main_job = json.loads((data_folder() / "results" / "first_light.json").read_text())
    held_out = masked_text(sequences(docs_corpus.test[::3], tokenizer), tokenizer)
    # A part of the text, and other versions of Python and packages hold other docstrings: near, not equal.
    assert score(teacher, held_out).accuracy == pytest.approx(main_job["teacher_masked_accuracy"], abs=0.04)


def test_the_shipped_teacher_keeps_its_recorded_figure_on_wikitext(
    teacher: MaskedLM, outside_data: Path, tokenizer: WordPiece
) -> None:
    paragraphs = list(text_files([outside_data / "wikitext-2" / "test.txt"]))[::6]
    held_out = masked_text(sequences(paragraphs, tokenizer), tokenizer)
    assert score(teacher, held_out).accuracy == pytest.approx(recorded("test.txt"), abs=0.04)


def test_a_number_format_that_is_none_is_refused(tiny_teacher: MaskedLM, text: MaskedText) -> None:
    with pytest.raises(ValueError, match="The precision is 'fp16': expected fp32 or bf16"):
        score(tiny_teacher, text, "fp16")
