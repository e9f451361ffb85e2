"""Chapter 10, downstream tasks: write the parts yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your code is compared with
scikit-learn and scipy, with formulas in float64, with the positions that the `tokenizers` library finds, with a search
through all spans, and with the published metrics:

    minidistil check ch10                       what is right, what is not, and what it looks like
    minidistil hint ch10 1                      a hint for the first exercise that is not written yet
    minidistil hint ch10 2 best_spans           the second hint for that one

From the package you may use the helpers imported below. A range of characters or tokens [start, end) does not include
`end`; a span of tokens (first, last) includes both.

Letters in shapes: B texts, L tokens of the longest one (or of a window), C classes.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import SequenceClassifier, TaskModel, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import Feature, TaskBatch


def collate(features: Sequence[Feature], pad_token_id: int, model_class: type[TaskModel]) -> TaskBatch:
    """Features as one batch, padded on the right to the length of the longest one.

    A feature has input_ids and token_type_ids, lists of the same length, and a label. What the label is depends on
    model_class: for SequenceClassifier the number of a class, or a float; for TokenClassifier a list with the class of
    each token, which is padded with -100; for QuestionAnswering [first token, last token].

    Returns:
        TaskBatch(input_ids, attention_mask, labels, token_type_ids): input_ids (B, L) padded with pad_token_id;
        attention_mask (B, L), 1 at real tokens; labels (B,), (B, L) or (B, 2); token_type_ids (B, L) padded with 0.
        All int64, except for labels that are floats.

    >>> features = [Feature([101, 7, 102], [0, 0, 0], [-100, 3, -100], 0), Feature([101, 102], [0, 0], [-100, -100], 1)]
    >>> batch = collate(features, 0, TokenClassifier)
    >>> batch.input_ids.tolist(), batch.attention_mask.tolist(), batch.labels.tolist()[1]
    ([[101, 7, 102], [101, 102, 0]], [[1, 1, 1], [1, 1, 0]], [-100, -100, -100])
    """
    raise NotImplementedError


def matthews(right: Sequence[int], guessed: Sequence[int]) -> float:
    """Matthews' correlation of two columns of classes 0 and 1, from -1 to 1; 0 if one of the columns is constant.

    >>> round(matthews([1, 1, 0, 0], [1, 1, 0, 1]), 4)  # (2 * 1 - 1 * 0) / sqrt(3 * 2 * 2 * 1)
    0.5774
    """
    raise NotImplementedError


def f1(right: Sequence[int], guessed: Sequence[int], positive: int = 1) -> float:
    """Harmonic mean of precision and recall for the class `positive`; 0 if no guess `positive` is right.

    Precision: the fraction of the guesses `positive` that are right. Recall: the fraction of the answers `positive`
    that were found. There may be more than two classes.

    >>> round(f1([1, 1, 0, 0], [1, 0, 1, 1]), 4)  # precision 1 / 3, recall 1 / 2
    0.4
    """
    raise NotImplementedError


def spearman(right: Sequence[float], guessed: Sequence[float]) -> float:
    """Pearson's correlation of the ranks; equal values get the mean of their ranks. 0 if one column is constant.

    The ranks of 1, 2, 2, 5 are 1, 2.5, 2.5, 4.

    >>> round(spearman([1.0, 2.0, 2.0, 5.0], [0.1, 0.3, 0.2, 0.4]), 4)
    0.9487
    """
    raise NotImplementedError


def imitation_loss(
    model_class: type[TaskModel], student: Tensor, teacher: Tensor, batch: TaskBatch, temperature: float
) -> Tensor:
    """How far the student's scores are from its teacher's, on the same batch of a task.

    For SequenceClassifier the scores are (B, C): `soft_target_loss` over the classes or, if C = 1, the mean squared
    difference. For TokenClassifier they are (B, L, C): `soft_target_loss` over the classes, at the tokens that have a
    label. For QuestionAnswering they are (B, L, 2): `soft_target_loss` over the positions of a text, without padding,
    for the start scores [..., 0] and for the end scores [..., 1]; the mean of all 2 B. The teacher gets no gradient.

    Returns:
        Scalar.

    >>> batch = collate([Feature([101, 102], [0, 0], 1, 0)], 0, SequenceClassifier)
    >>> student, teacher = torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.5, 0.5]]).log()
    >>> round(imitation_loss(SequenceClassifier, student, teacher, batch, temperature=1.0).item(), 4)  # ln(4 / 3) / 2
    0.1438
    """
    raise NotImplementedError


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that has a character of the answer; None if there is no such token.

    Args:
        offsets: the characters [start, end) of each token, in order. Tokens do not overlap; there may be spaces between
            them.
        start, end: the characters [start, end) of the answer. If it begins or ends inside a token, that token counts.

    >>> token_span([(0, 5), (6, 9), (9, 10)], 6, 10)
    (1, 2)
    >>> token_span([(0, 5), (6, 9), (9, 10)], 5, 6) is None
    True
    """
    raise NotImplementedError


def answer_positions(span: tuple[int, int] | None, begin: int, end: int, context_start: int) -> tuple[int, int]:
    """The positions of the answer's first and last token in a window; (0, 0), its [CLS], unless both are in it.

    Args:
        span: the answer's first and last token, counted in the whole context; None if there is no such token.
        begin, end: the window has the context's tokens from `begin` to before `end`.
        context_start: the position of token `begin` in the window, after [CLS] question [SEP].

    >>> answer_positions((14, 16), begin=10, end=30, context_start=5)
    (9, 11)
    >>> answer_positions((29, 30), begin=10, end=30, context_start=5)
    (0, 0)
    """
    raise NotImplementedError


def best_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    context: tuple[int, int],
    max_answer_length: int = 30,
    n_best: int = 20,
) -> list[Span]:
    """The n_best spans with the highest sum of start and end score, the best one first; fewer if there are fewer.

    A span lies within the context, does not end before it begins, and has at most max_answer_length tokens. Of spans
    with equal sums, the one that begins first comes first, then the shorter one. Loops are fine.

    Args:
        start_logits, end_logits: (L,) of a whole window, in which only tokens of the context can be answers.
        context: the position of the context's first token, and the position after its last one.

    Returns:
        Span(first, last, score) with positions in the window and a float.

    >>> best_spans(torch.tensor([9.0, 0, 1, 0]), torch.tensor([9.0, 2, 0, 0]), context=(1, 4), n_best=2)
    [Span(first=1, last=1, score=2.0), Span(first=2, last=2, score=1.0)]
    """
    raise NotImplementedError


def normalize_answer(text: str) -> str:
    r"""A text in the form in which answers are compared: lower case, no punctuation, no a, an, the, single spaces.

    These are four steps, in this order. Punctuation means the characters of `string.punctuation`; it leaves no space.
    Articles are whole words in the sense of a regular expression, with \b before and after them, as in the official
    script of SQuAD. A curly quotation mark is not in `string.punctuation`: it stays, and ends a word.

    >>> normalize_answer("The well-known  Duke, an heir")
    'wellknown duke heir'
    >>> normalize_answer("“the” end")
    '“ ” end'
    """
    raise NotImplementedError


def token_f1(prediction: str, answer: str) -> float:
    """Harmonic mean of the precision and the recall of the prediction's words, after normalising both; from 0 to 1.

    Precision: the fraction of the prediction's words that are in the answer. Recall: the fraction of the answer's words
    that are in the prediction. A word counts as often as it is in both texts. If no word is in both, the result is 0.

    >>> round(token_f1("in the 10th century", "10th century"), 4)
    0.8
    """
    raise NotImplementedError


def label_pieces(words: Sequence[str], labels: Sequence[int], tokenizer: WordPiece) -> tuple[list[int], list[int]]:
    """The pieces of all words, without [CLS] and [SEP], and a label for each piece.

    The first piece of a word has the word's label, the others have -100. `tokenizer.ids(word)` gives a word's pieces;
    a word without any (a control character, for instance) becomes `tokenizer.unk_token_id`, so that it keeps its label.

    >>> tokenizer = WordPiece.from_pretrained("minilm")
    >>> ids, labels = label_pieces(["Lindqvist", "sang"], [3, 0], tokenizer)
    >>> [tokenizer.tokens[index] for index in ids], labels
    (['lin', '##d', '##qvist', 'sang'], [3, -100, -100, 0])
    """
    raise NotImplementedError


def entities(tags: Sequence[str]) -> list[Entity]:
    """The names in a sentence's tags, in order: kind, first word, last word.

    B- always begins a name, I- continues one of the same kind. If the tag right before I- is not of the same kind, I-
    begins a new name: a model may predict that.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [Entity(kind='PER', first=0, last=1), Entity(kind='LOC', first=3, last=3)]
    """
    raise NotImplementedError
