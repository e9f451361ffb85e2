"""Chapter 10. From scores to an answer, and the official metrics of SQuAD.

The best span: Devlin et al. (2019), section 4.2. Exact match and F1: Rajpurkar et al. (2016), section 6.1, with the
rules of SQuAD's evaluation script, version 1.1: lower case, no punctuation, no articles, single spaces.

Letters in shapes: L tokens of a window, T of them of the context, W tokens of the longest span.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch10_tasks.question_windows import Question, Window, windows
from minidistil.ch10_tasks.tasks import predict

MAX_ANSWER_LENGTH = 30  # tokens; this and the next as in BERT's run_squad.py
N_BEST = 20


class Span(NamedTuple):
    """The first and the last token of a possible answer, and the sum of their scores."""

    first: int
    last: int
    score: float


@dataclass(frozen=True)
class Candidate:
    """A possible answer: its text, its characters [start, end) of the context, and its score."""

    text: str
    start: int
    end: int
    score: float  # start logit + end logit


def _best_spans_plain(
    start_logits: Tensor, end_logits: Tensor, context: tuple[int, int], max_answer_length: int, n_best: int
) -> list[Span]:
    """`best_spans` in two loops."""
    begin, stop = context
    spans = [
        Span(first, last, (start_logits[first] + end_logits[last]).item())
        for first in range(begin, stop)
        for last in range(first, min(first + max_answer_length, stop))
    ]
    return sorted(spans, key=lambda span: -span.score)[:n_best]  # sorted keeps the order of equal scores


# --- The same, faster ---


def best_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    context: tuple[int, int],
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
) -> list[Span]:
    """The n_best spans with the highest sum of start and end score, the best one first; fewer if there are fewer.

    A span lies within the context, does not end before it begins, and has at most max_answer_length tokens. Of spans
    with equal sums, the one that begins first comes first, then the shorter one.

    Args:
        start_logits, end_logits: (L,) of a whole window, in which only tokens of the context can be answers.
        context: the position of the context's first token, and the position after its last one.

    >>> best_spans(torch.tensor([9.0, 0, 1, 0]), torch.tensor([9.0, 2, 0, 0]), context=(1, 4), n_best=2)
    [Span(first=1, last=1, score=2.0), Span(first=2, last=2, score=1.0)]
    """
    begin, stop = context
    starts, ends = start_logits[begin:stop].float(), end_logits[begin:stop].float()  # (T,)
    if not len(starts):
        return []
    width = min(max_answer_length, len(starts))
    ends = torch.cat([ends, ends.new_full((width - 1,), -torch.inf)])  # no span ends after the context
    sums = starts[:, None] + ends.unfold(0, width, 1)  # (T, W): row i, column j is the span of i to i + j
    ranked, places = sums.flatten().sort(descending=True, stable=True)
    spans = [
        Span(begin + place // width, begin + place // width + place % width, score)
        for place, score in zip(places[:n_best].tolist(), ranked[:n_best].tolist(), strict=True)
    ]
    return [span for span in spans if span.last < stop]


def candidates(context: str, parts: Sequence[tuple[Window, Tensor]]) -> list[Candidate]:
    """Possible answers from all windows of one question, the best one first; each text once, with its best score.

    Args:
        context: the question's context; answers are parts of it.
        parts: each window and its scores (L, 2), for the first and the last token.
    """
    found = []
    for window, logits in parts:
        context_tokens = window.context_start, window.context_end
        for first, last, score in best_spans(logits[:, 0], logits[:, 1], context_tokens):
            start = window.offsets[first - window.context_start][0]
            end = window.offsets[last - window.context_start][1]
            found.append(Candidate(context[start:end], start, end, score))
    best: dict[str, Candidate] = {}
    for candidate in sorted(found, key=lambda each: -each.score):
        best.setdefault(candidate.text, candidate)
    return list(best.values())[:N_BEST]


def best_answers(
    questions: Sequence[Question], parts: Sequence[Window], predictions: Sequence[Tensor]
) -> dict[str, str]:
    """The id of each question and the text of its best answer, over all of its windows; "" if there is no token.

    Args:
        parts: windows of the questions.
        predictions: (L, 2) for each window, in the same order.
    """
    of_question: list[list[tuple[Window, Tensor]]] = [[] for _ in questions]
    for window, logits in zip(parts, predictions, strict=True):
        of_question[window.example].append((window, logits))
    ranked = [candidates(question.context, own) for question, own in zip(questions, of_question, strict=True)]
    return {each.id: found[0].text if found else "" for each, found in zip(questions, ranked, strict=True)}


def answer(
    question: str, context: str, model: QuestionAnswering, tokenizer: WordPiece, top_k: int = 1
) -> list[dict[str, Any]]:
    """The answers to a question that a model finds in a text, the most probable one first.

    Returns:
        At most top_k dictionaries with answer, start, end (characters of the context) and score: the answer's
        probability among the 20 best ones.

    Raises:
        ValueError: the question or the context is empty, or top_k is below 1.
    """
    if not question.strip() or not context.strip():
        raise ValueError(f"question and context must not be empty, got {question!r:.40} and {context!r:.40}.")
    if top_k < 1:
        raise ValueError(f"top_k must be 1 or more, got {top_k}.")
    parts = windows(
        [Question("", "", question, context, ())], tokenizer, min(384, model.config.max_position_embeddings)
    )
    ranked = candidates(context, list(zip(parts, predict(model, parts, tokenizer.pad_token_id), strict=True)))
    probabilities = torch.tensor([each.score for each in ranked]).softmax(0).tolist()
    return [
        {"answer": each.text, "start": each.start, "end": each.end, "score": probability}
        for each, probability in zip(ranked[:top_k], probabilities, strict=False)
    ]


def normalize_answer(text: str) -> str:
    """A text in the form in which answers are compared: lower case, no punctuation, no a, an, the, single spaces.

    Punctuation means the characters of `string.punctuation`. It is removed before the articles, and leaves no space.
    Other marks stay and end a word, as in the official script: of “the” in curly quotes only the quotes are left.

    >>> normalize_answer("The well-known  Duke, an heir")
    'wellknown duke heir'
    """
    without_punctuation = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", without_punctuation).split())


def exact_match(prediction: str, answer: str) -> bool:
    """Whether a prediction is the answer, after normalising both."""
    return normalize_answer(prediction) == normalize_answer(answer)


def token_f1(prediction: str, answer: str) -> float:
    """Harmonic mean of the precision and the recall of the prediction's words, after normalising both; from 0 to 1.

    A word counts as often as it is in both texts. If no word is in both it is 0, even if both are empty.

    >>> token_f1("in the 10th century", "10th century")
    0.8
    """
    predicted, right = normalize_answer(prediction).split(), normalize_answer(answer).split()
    common = sum((Counter(predicted) & Counter(right)).values())
    return 2 * common / (len(predicted) + len(right)) if common else 0.0


def squad_scores(predicted: Mapping[str, str], questions: Sequence[Question]) -> dict[str, float]:
    """exact_match and f1, from 0 to 1: means over the questions of the best score among a question's answers.

    Raises:
        ValueError: there is no question, or one has no prediction.
    """
    missing = [question.id for question in questions if question.id not in predicted]
    if missing or not questions:
        first = f", {missing[0]} the first" if missing else ""
        raise ValueError(f"{len(missing)} of {len(questions)} questions have no prediction{first}: each needs one.")
    exact = [max(exact_match(predicted[each.id], text) for text, _ in each.answers) for each in questions]
    f1 = [max(token_f1(predicted[each.id], text) for text, _ in each.answers) for each in questions]
    return {"exact_match": sum(exact) / len(questions), "f1": sum(f1) / len(questions)}
