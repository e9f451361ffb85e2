"""The best span, by trying all; exact match and F1, against an implementation of their published definition."""

import itertools
import math
import random
import re
import string
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

import minidistil as md
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch10_tasks import question_answers
from minidistil.ch10_tasks.question_answers import (
    answer,
    best_answers,
    best_spans,
    candidates,
    exact_match,
    squad_scores,
    token_f1,
)
from minidistil.ch10_tasks.question_windows import Answer, Question, Window, windows
from minidistil.ch10_tasks.squad import read_squad

# The exercises


def by_trying_all(starts: Tensor, ends: Tensor, context: tuple[int, int], longest: int) -> list[tuple[int, int, float]]:
    """Every possible span, the best one first; of equal scores the earlier one, then the shorter one."""
    spans = [
        (first, last, (starts[first] + ends[last]).item())
        for first, last in itertools.product(range(*context), repeat=2)
        if first <= last < first + longest
    ]
    return sorted(spans, key=lambda span: (-span[2], span[0], span[1]))


@pytest.mark.parametrize("context", [(0, 12), (3, 12), (4, 9), (5, 6)])
@pytest.mark.parametrize("longest", [1, 3, 30])
def test_the_best_spans_are_those_found_by_trying_all(context: tuple[int, int], longest: int, impl: ModuleType) -> None:
    for _ in range(5):
        starts, ends = torch.randn(2, 12)
        found = impl.best_spans(starts, ends, context, longest, 20)
        expected = by_trying_all(starts, ends, context, longest)[:20]
        assert [tuple(span)[:2] for span in found] == [span[:2] for span in expected]
        assert [span[2] for span in found] == pytest.approx([span[2] for span in expected], abs=1e-5)


def test_an_answer_does_not_end_before_it_begins(impl: ModuleType) -> None:
    starts, ends = torch.tensor([[0.0, 0, 0, 9, 0], [0.0, 9, 0, 1, 0]])
    (span,) = impl.best_spans(starts, ends, (0, 5), 5, 1)
    assert tuple(span)[:2] == (3, 3), "start 3 and end 1 have the highest scores, but they are not a span"


def test_only_tokens_of_the_context_are_answers(impl: ModuleType) -> None:
    starts, ends = torch.tensor([[9.0, 9, 0, 1, 0, 9], [9.0, 9, 0, 0, 1, 9]])
    assert tuple(impl.best_spans(starts, ends, (2, 5), 4, 1)[0]) == (3, 4, 2.0), "tokens 2, 3 and 4 are the context"


def test_an_answer_of_the_maximum_length_is_allowed_and_no_longer_one(impl: ModuleType) -> None:
    starts, ends = torch.tensor([[5.0, 0, 2, 0, 0], [0.0, 0, 0, 1, 7]])
    assert tuple(impl.best_spans(starts, ends, (0, 5), 5, 1)[0])[:2] == (0, 4), "5 tokens are allowed"
    assert tuple(impl.best_spans(starts, ends, (0, 5), 4, 1)[0])[:2] == (2, 4), "only 4 tokens are allowed"


def test_a_span_may_have_neither_the_best_start_nor_the_best_end(impl: ModuleType) -> None:
    starts, ends = torch.tensor([[0.0, 2, 0, 0, 9], [9.0, 0, 2, 0, 0]])
    assert [tuple(span)[:2] for span in impl.best_spans(starts, ends, (1, 4), 30, 1)] == [(1, 2)]


def test_there_may_be_fewer_spans_than_n_best(impl: ModuleType) -> None:
    starts, ends = torch.randn(2, 6)
    assert len(impl.best_spans(starts, ends, (1, 4), 30, 20)) == 6  # 3 + 2 + 1
    assert len(impl.best_spans(starts, ends, (1, 4), 2, 20)) == 5
    assert len(impl.best_spans(starts, ends, (1, 4), 30, 4)) == 4
    assert list(impl.best_spans(starts, ends, (4, 4), 30, 4)) == []


def test_of_equal_scores_the_earlier_span_comes_first_then_the_shorter(impl: ModuleType) -> None:
    found = impl.best_spans(torch.zeros(4), torch.zeros(4), (1, 4), 30, 20)
    assert [tuple(span)[:2] for span in found] == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Norman\tDuke", "norman duke"),
        ("an apple, a day", "apple day"),
        ("theatre Athena anagram", "theatre athena anagram"),  # articles inside words stay
        ("well-known", "wellknown"),  # punctuation leaves no space
        ("U.S.A.", "usa"),
        ("$400 (about)", "400 about"),
        ("A.", ""),  # without the full stop it is an article
        ("a-b", "ab"),
        ("the the", ""),
        ("“the” end", "“ ” end"),  # not in string.punctuation
        ("Straße", "straße"),  # lower case, not casefold
        ("", ""),
    ],
)
def test_normal_form_by_hand(text: str, expected: str, impl: ModuleType) -> None:
    assert impl.normalize_answer(text) == expected


@pytest.mark.parametrize(
    ("prediction", "right", "expected"),
    [
        ("in the 10th century", "10th century", 0.8),  # 2 of 3 words, 2 of 2
        ("10th century", "in the 10th century", 0.8),
        ("The Normans", "normans!", 1.0),
        ("Denmark", "Norway", 0.0),
        ("no no no", "no", 0.5),  # a word counts as often as it is in both
        ("no no", "no no no no", 2 / 3),
        ("century 10th", "10th century", 1.0),  # the order is ignored
        ("", "Rollo", 0.0),
        ("the", "a", 0.0),  # no word is left
    ],
)
def test_f1_by_hand(prediction: str, right: str, expected: float, impl: ModuleType) -> None:
    assert impl.token_f1(prediction, right) == pytest.approx(expected)


WORDS = ["The", "a", "an", "Norman", "norman", "duke", "U.S.", "10th", "well-known", "theatre", "-", "“quoted”", ""]


def published_normal_form(text: str) -> list[str]:
    """Lower case; without ASCII punctuation; without the words a, an, the; as a list of words."""
    kept = [char for char in text.lower() if char not in set(string.punctuation)]
    words = re.findall(r"\w+|[^\w\s]+|\s+", "".join(kept))
    return "".join(" " if word in ("a", "an", "the") else word for word in words).split()


def published_f1(prediction: str, right: str) -> float:
    one, other = published_normal_form(prediction), published_normal_form(right)
    common = 0
    rest = list(other)
    for word in one:
        if word in rest:
            rest.remove(word)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(one), common / len(other)
    return 2 * precision * recall / (precision + recall)


def test_metrics_are_the_published_ones(impl: ModuleType) -> None:
    draw = random.Random(5)
    for _ in range(400):
        one, other = (" ".join(draw.choices(WORDS, k=draw.randint(0, 6))) for _ in range(2))
        assert impl.normalize_answer(one).split() == published_normal_form(one)
        assert impl.token_f1(one, other) == pytest.approx(published_f1(one, other))


def test_the_fast_search_equals_the_plain_one() -> None:
    for context, longest, n_best in (((0, 40), 30, 20), ((7, 40), 4, 500), ((12, 12), 4, 1), ((3, 5), 1, 3)):
        starts, ends = torch.randint(0, 9, (2, 40)).float() / 4  # with many equal sums
        plain = question_answers._best_spans_plain(starts, ends, context, longest, n_best)
        assert best_spans(starts, ends, context, longest, n_best) == plain


# Texts from scores


def marked(window: Window, *spans: tuple[int, int, float]) -> Tensor:
    """Scores (L, 2) that are high at some spans of context tokens."""
    logits = torch.zeros(len(window.input_ids), 2)
    for first, last, score in spans:
        logits[window.context_start + first, 0] = score
        logits[window.context_start + last, 1] = score
    return logits


def test_the_answer_is_part_of_the_original_text_with_its_capitals_and_spaces(tokenizer: WordPiece) -> None:
    context = "It was Château  d'Harcourt, they say."
    (window,) = windows([Question("1", "t", "what?", context, ())], tokenizer)
    tokens = [context[start:end] for start, end in window.offsets]
    span = tokens.index("Ch" if "Ch" in tokens else "Château"), tokens.index(",") - 1
    assert candidates(context, [(window, marked(window, (*span, 9.0)))])[0].text == "Château  d'Harcourt"


def test_the_best_of_all_windows_wins_and_each_text_comes_once(tokenizer: WordPiece) -> None:
    context = " ".join(f"w{number}" for number in range(40))
    question = Question("q", "t", "which?", context, (Answer("w3", 9),))
    parts = windows([question], tokenizer, 40, 10)
    assert len(parts) > 2
    shared = next(place for place, offset in enumerate(parts[0].offsets) if offset == parts[1].offsets[0])
    scores = [marked(part) for part in parts]
    scores[0] = marked(parts[0], (shared, shared, 3.0))
    scores[1] = marked(parts[1], (0, 0, 5.0), (2, 2, 4.5))
    ranked = candidates(context, list(zip(parts, scores, strict=True)))
    start, end = parts[1].offsets[0]
    assert (ranked[0].text, ranked[0].start, ranked[0].end, ranked[0].score) == (context[start:end], start, end, 10.0)
    texts = [each.text for each in ranked]
    assert len(set(texts)) == len(texts) <= 20
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    assert best_answers([question], parts, scores) == {"q": context[start:end]}


def test_a_text_without_tokens_has_an_empty_answer(tokenizer: WordPiece) -> None:
    question = Question("q", "t", "which?", " \x00 ", ())
    parts = windows([question], tokenizer)
    assert best_answers([question], parts, [torch.zeros(len(parts[0].input_ids), 2)]) == {"q": ""}


def test_answers_are_ranked_and_have_their_positions(tokenizer: WordPiece) -> None:
    model = md.QuestionAnswering(
        ClassifierConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    ).eval()
    context = "Rollo led the men. " * 60
    found = answer("Who led them?", context, model, tokenizer, top_k=3)
    assert len(found) == 3
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    assert sum(each["score"] for each in found) < 1
    assert all(context[each["start"] : each["end"]] == each["answer"] for each in found)
    with pytest.raises(ValueError, match="must not be empty, got '' and 'text'"):
        answer("", "text", model, tokenizer)
    with pytest.raises(ValueError, match="top_k must be 1 or more, got 0"):
        answer("who?", "text", model, tokenizer, top_k=0)


# Metrics over questions


def test_of_several_answers_the_best_one_counts() -> None:
    question = Question("q", "t", "?", "in the 10th century", (Answer("in the 10th century", 0), Answer("10th", 7)))
    assert squad_scores({"q": "the 10th"}, [question]) == {"exact_match": 1.0, "f1": 1.0}
    scores = squad_scores({"q": "10th century"}, [question])
    assert scores == {"exact_match": 0.0, "f1": pytest.approx(0.8)}


def test_means_are_over_questions(tokenizer: WordPiece) -> None:
    questions = [Question(name, "t", "?", "one two", (Answer("one two", 0),)) for name in "abcd"]
    found = squad_scores({"a": "one two", "b": "one", "c": "", "d": "The One, two"}, questions)
    assert found == {"exact_match": 0.5, "f1": pytest.approx((1 + 2 / 3 + 0 + 1) / 4)}


def test_a_question_without_a_prediction_is_named() -> None:
    with pytest.raises(ValueError, match=r"1 of 1 questions .* q7"):
        squad_scores({}, [Question("q7", "t", "?", "one", (Answer("one", 0),))])
    with pytest.raises(ValueError, match="0 of 0 questions"):
        squad_scores({}, [])


def test_scores_of_real_answers_are_the_published_ones(outside_data: Path) -> None:
    """People's answers against each other, and with words removed, added and repeated."""
    draw = random.Random(3)
    compared = 0
    for question in read_squad(next((outside_data / "squad").glob("*.json"))):
        texts = [text for text, _ in question.answers]
        words = texts[0].split()
        predictions = [*texts, " ".join(words[1:]), f"the {texts[0]}.", " ".join(words + draw.choices(words, k=2))]
        for one in predictions:
            for other in texts:
                assert math.isclose(token_f1(one, other), published_f1(one, other))
                assert exact_match(one, other) == (published_normal_form(one) == published_normal_form(other))
                compared += 1
    assert compared > 10_000
