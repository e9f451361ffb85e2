"""Chapter 10, downstream: write the parts yourself.

Replace each `raise NotImplementedError` by your code; keep the names and the arguments. Your code is compared with
scikit-learn and scipy, with formulas in float64, with what the `tokenizers` library says of places, with a search
through all spans, and with the published measures:

    minidistil check ch10                       what is right, what is not, and what it looks like
    minidistil hint ch10 1                      a hint for the first exercise that is not written yet
    minidistil hint ch10 2 best_spans           the second hint for that one

From the package you may use the helpers imported below. A stretch of characters or tokens [start, end) leaves `end`
out; a span of tokens (first, last) has both.

Letters in shapes: B texts, L tokens of the longest one (or of a window), C classes.
"""

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


def f1(right: Sequence[int], guessed: Sequence[int], positive: int = 1) -> float:
    """Harmonic mean of precision and recall for the class `positive`; 0 where it is never rightly found.

    Precision: which share of the guesses `positive` is right. Recall: which share of the real ones was found. There may
    be other classes than two.

    >>> f1([1, 1, 0, 0], [1, 0, 1, 1])  # precision 1 / 3, recall 1 / 2
    0.4
    """
    raise NotImplementedError


def matthews(right: Sequence[int], guessed: Sequence[int]) -> float:
    """Correlation of right and guessed classes 0 and 1, from -1 to 1; 0 where one of the two columns is all the same.

    >>> round(matthews([1, 1, 0, 0], [1, 1, 0, 1]), 4)  # (2 * 1 - 1 * 0) / sqrt(3 * 2 * 2 * 1)
    0.5774
    """
    raise NotImplementedError


def spearman(right: Sequence[float], guessed: Sequence[float]) -> float:
    """Pearson's correlation of the ranks; equal values share the mean of their places. 0 where one never changes.

    The ranks of 1, 2, 2, 5 are 1, 2.5, 2.5, 4.

    >>> round(spearman([1.0, 2.0, 2.0, 5.0], [0.1, 0.3, 0.2, 0.4]), 4)
    0.9487
    """
    raise NotImplementedError


def collate(features: Sequence[Feature], pad_token_id: int, model_class: type[TaskModel]) -> TaskBatch:
    """Features as one batch, padded on the right to the longest of them and no further.

    A feature has input_ids and token_type_ids, lists of the same length, and a label. What the label is depends on
    model_class: for SequenceClassifier the number of a class or a float; for TokenClassifier a list with the class of
    each token, to be padded with -100; for QuestionAnswering [first token, last token].

    Returns:
        TaskBatch(input_ids, attention_mask, labels, token_type_ids): input_ids (B, L) padded with pad_token_id;
        attention_mask (B, L), 1 at real tokens; labels (B,), (B, L) or (B, 2); token_type_ids (B, L) padded with 0.

    >>> features = [Feature([101, 7, 102], [0, 0, 0], [-100, 3, -100], 0), Feature([101, 102], [0, 0], [-100, -100], 1)]
    >>> batch = collate(features, 0, TokenClassifier)
    >>> batch.input_ids.tolist(), batch.attention_mask.tolist(), batch.labels.tolist()[1]
    ([[101, 7, 102], [101, 102, 0]], [[1, 1, 1], [1, 1, 0]], [-100, -100, -100])
    """
    raise NotImplementedError


def imitation_loss(
    model_class: type[TaskModel], student: Tensor, teacher: Tensor, batch: TaskBatch, temperature: float
) -> Tensor:
    """How far a student's scores are from its teacher's, while both look at one batch of a task.

    For SequenceClassifier the scores are (B, C): `soft_target_loss` over the classes, or, with C = 1, the mean squared
    difference. For TokenClassifier (B, L, C): the same over the classes, at the tokens that have a label. For
    QuestionAnswering (B, L, 2): over the places of a text, without its padding, for its start scores [..., 0] and its
    end scores [..., 1], the mean of all 2 B. No gradient may flow to the teacher.

    Returns:
        Scalar.

    >>> batch = collate([Feature([101, 102], [0, 0], 1, 0)], 0, SequenceClassifier)
    >>> student, teacher = torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.5, 0.5]]).log()
    >>> round(imitation_loss(SequenceClassifier, student, teacher, batch, temperature=1.0).item(), 4)  # ln(4 / 3) / 2
    0.1438
    """
    raise NotImplementedError


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that has a character of the answer; None if none has.

    Args:
        offsets: for each token the character it begins with and the one after its last, in order. Tokens do not
            overlap; there may be spaces between them.
        start, end: likewise for the answer. It may begin or end inside of a token, which then belongs to it.

    >>> token_span([(0, 5), (6, 9), (9, 10)], 6, 10)
    (1, 2)
    >>> token_span([(0, 5), (6, 9), (9, 10)], 5, 6) is None
    True
    """
    raise NotImplementedError


def answer_positions(span: tuple[int, int] | None, begin: int, end: int, context_start: int) -> tuple[int, int]:
    """Where a window has the answer's first and last token; (0, 0), its [CLS], unless it has all of the answer.

    Args:
        span: the answer's first and last token, counted in the whole text; None if no token belongs to it.
        begin, end: the window has the text's tokens from `begin` to before `end`.
        context_start: where the first of these stands in the window, behind [CLS] question [SEP].

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

    A span lies within the context, does not end before it begins, and has at most max_answer_length tokens. Of
    equal sums the one that begins first is better, then the shorter one. Loops are fine.

    Args:
        start_logits, end_logits: (L,) of a whole window, in which question, frame and padding are no answers.
        context: where the context's tokens begin, and where they end (the one after the last).

    Returns:
        Span(first, last, score), the tokens counted in the window, the score a float.

    >>> best_spans(torch.tensor([9.0, 0, 1, 0]), torch.tensor([9.0, 2, 0, 0]), context=(1, 4), n_best=2)
    [Span(first=1, last=1, score=2.0), Span(first=2, last=2, score=1.0)]
    """
    raise NotImplementedError


def normalize_answer(text: str) -> str:
    """A text as answers are compared: lower case, no punctuation, without the words a, an, the, single spaces.

    Four steps in this order. Punctuation is that of `string.punctuation`; nothing takes its place. An article is
    a whole word.

    >>> normalize_answer("The well-known  Duke, an heir")
    'wellknown duke heir'
    """
    raise NotImplementedError


def token_f1(prediction: str, answer: str) -> float:
    """Harmonic mean of the precision and the recall of a prediction's words, both texts in their normal form.

    Precision: the share of the prediction's words that are right. Recall: the share of the answer's that were
    found. A word counts as often as both texts have it. With no word in common the result is 0.

    >>> token_f1("in the 10th century", "10th century")
    0.8
    """
    raise NotImplementedError


def label_pieces(words: Sequence[str], labels: Sequence[int], tokenizer: WordPiece) -> tuple[list[int], list[int]]:
    """The pieces of all words, without a frame, and a label for each: the word's at its first piece, -100 at the rest.

    `tokenizer.ids(word)` gives a word's pieces. A word of which nothing is left (a control character, for
    instance) becomes `tokenizer.unk_token_id`, so that it keeps its label.

    >>> tokenizer = WordPiece.from_pretrained("minilm")
    >>> ids, labels = label_pieces(["Lindqvist", "sang"], [3, 0], tokenizer)
    >>> [tokenizer.tokens[index] for index in ids], labels
    (['lin', '##d', '##qvist', 'sang'], [3, -100, -100, 0])
    """
    raise NotImplementedError


def entities(tags: Sequence[str]) -> list[Entity]:
    """The names in a sentence's tags, in order: kind, first word, last word.

    B- always begins a name, I- goes on with one of the same kind. An I- without such a one right before it begins
    a name of its own: a model may well say such a thing.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [Entity(kind='PER', first=0, last=1), Entity(kind='LOC', first=3, last=3)]
    """
    raise NotImplementedError
