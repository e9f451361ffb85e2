"""Chapter 9: figures against their definitions, computed the long way."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences, text_files
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import OWN_LAYERS
from minidistil.ch07_student.student import student_of
from minidistil.ch09_evaluation.evaluation import Answers, answers, compare, intervals, reflected, score
from minidistil.ch09_evaluation.held_out import MaskedText, masked_documents, masked_text
from minidistil.files import data_folder
from tests.conftest import TINY


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


def test_a_student_differs(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    student = student_of(tiny_teacher).eval()
    comparison = compare(tiny_teacher, student, text)
    assert comparison.teacher == score(tiny_teacher, text)
    assert comparison.student == score(student, text)
    assert comparison.hidden_cosine is not None
    assert comparison.hidden_cosine < 1


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
    for (input_ids, _, labels), origins in zip(text.batches, text.origins, strict=True):
        first = torch.where(labels == -100, input_ids, labels)[:, 1].tolist()  # of each sequence, hidden or not
        assert [words[number] for number in origins] == [tokenizer.decode([token]) for token in first]


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
    low, high = comparison.intervals["hidden_cosine"]
    assert comparison.hidden_cosine is not None
    assert low < comparison.hidden_cosine < high


def scipys(
    texts: Sequence[np.ndarray], figure: Callable[[np.ndarray], float], method: str
) -> tuple[tuple[float, float], float]:
    """An interval the long way, and a tolerance: documents drawn, their tokens put together, the figure of these."""

    def of_drawn(numbers: np.ndarray) -> float:
        return figure(np.concatenate([texts[number] for number in numbers]))

    found = bootstrap(
        (np.arange(len(texts)),), of_drawn, vectorized=False, n_resamples=3000, method=method, random_state=0
    ).confidence_interval
    return (found.low, found.high), 0.1 * (found.high - found.low)


def miscalibrated(documents: torch.Tensor, seed: int) -> Answers:
    """Guesses too bold at high confidence and too timid at low, in some documents more often right than in others."""
    dice = torch.Generator().manual_seed(seed)
    confidence = torch.rand(len(documents), generator=dice)
    ease = 0.3 * torch.rand(int(documents.max()) + 1, generator=dice)[documents]  # (N,)
    right = torch.rand(len(documents), generator=dice) < 0.1 + ease + confidence / 2
    return replace(made_up(right.tolist(), [1.0] * len(right)), confidence=confidence)


def histogram_error(tokens: np.ndarray) -> float:
    """The calibration error of rows of confidence and 1 or 0, by numpy's histograms."""
    sums = [np.histogram(tokens[:, 0], 10, (0, 1), weights=column)[0] for column in tokens.T]
    return float(np.abs(sums[0] - sums[1]).sum() / len(tokens))


def test_intervals_of_calibration_errors_are_scipys() -> None:
    documents = (60 * torch.rand(900, generator=torch.Generator().manual_seed(0)) ** 2).long()  # long and short ones
    teacher, student = miscalibrated(documents, 1), miscalibrated(documents, 2)
    found = intervals(teacher, student, documents)
    for name, given in (("teacher", teacher), ("student", student)):
        tokens = torch.stack([given.confidence, given.right], 1).double().numpy()
        texts = [tokens[documents.numpy() == number] for number in documents.unique().tolist()]
        expected, tolerance = scipys(texts, histogram_error, "basic")
        assert found[f"{name}_calibration_error"] == pytest.approx(expected, abs=tolerance)
    exchanged = intervals(student, teacher, documents)  # the same documents for both, and neither knows of the other
    assert exchanged["student_calibration_error"] == found["teacher_calibration_error"]


def test_a_reflected_interval_lies_on_the_other_side_and_ends_at_zero() -> None:
    assert reflected((2.0, 5.0), 3.0) == (1.0, 4.0)
    assert reflected((0.5, 1.0), 0.375) == (0.0, 0.25)
    assert reflected((0.5, 1.0), 0.125) == (0.0, 0.0)


def test_intervals_of_small_calibration_errors_hold_the_truth() -> None:
    """In 100 worlds whose guesses are right in 5 of 100 cases less than they say."""
    dice = torch.Generator().manual_seed(0)
    documents = torch.arange(80).repeat_interleave(5)
    held = 0
    for _ in range(100):
        confidence = 0.05 + 0.95 * torch.rand(400, generator=dice)
        right = torch.rand(400, generator=dice) < confidence - 0.05
        world = replace(made_up(right.tolist(), [1.0] * 400), confidence=confidence)
        low, high = intervals(world, world, documents)["student_calibration_error"]
        held += low <= 0.05 <= high
    assert held >= 80


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
                ours, theirs = (
                    each.encoder(ids[None, :count]).last_hidden_state[0].double().numpy() for each in (student, teacher)
                )
            cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
            texts.setdefault(origin, []).append(cosines)
    assert len(texts) > len(text.documents.unique())  # a document without a hidden token has a cosine all the same
    expected, tolerance = scipys([np.concatenate(parts) for parts in texts.values()], np.mean, "percentile")
    comparison = compare(teacher, student, text)
    assert comparison.intervals["hidden_cosine"] == pytest.approx(expected, abs=tolerance)
    everything = np.concatenate([part for parts in texts.values() for part in parts])
    assert comparison.hidden_cosine == pytest.approx(everything.mean(), abs=1e-5)


def test_a_draw_without_hidden_tokens_does_not_spoil_the_intervals() -> None:
    model = made_up([True, False], [1.0, 2.0])
    cosines = torch.tensor([[6.0, 12.0], [9.0, 12.0]], dtype=torch.float64)
    found = intervals(model, model, torch.tensor([0, 0]), (cosines, torch.tensor([0, 1])))  # 1 draw in 4 is 1 and 1
    assert found["student_accuracy"] == (0.5, 0.5)
    assert found["hidden_cosine"] == (0.5, 0.625)


def test_models_of_different_widths_have_no_cosine(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    comparison = compare(tiny_teacher, MaskedLM(replace(TINY, hidden_size=16)).eval(), text)
    assert comparison.hidden_cosine is None
    assert "hidden_cosine" not in comparison.intervals
    assert "student_calibration_error" in comparison.intervals


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
