"""Chapter 10: wrong metrics, batches, second distillations, answers and entities that people really write."""

import copy
import math
import re
import string
from collections import Counter
from dataclasses import replace

import torch

from minidistil.ch05_weights.classifiers import SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import Feature, TaskBatch
from minidistil.course.misconceptions import misconception


def _chosen(cases, *places):
    return [cases[place] for place in places]


# f1

_RIGHT, _GUESSED = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0, 0, 0]
CLASSES = [(_RIGHT, _GUESSED), ([1, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0])]
THREE = [([2, 1, 0, 2, 1, 2], [2, 2, 1, 0, 1, 2], 2)]


def _counts(right, guessed, positive=1):
    pairs = Counter((a == positive, b == positive) for a, b in zip(right, guessed))
    return pairs[True, True], pairs[False, True], pairs[True, False], pairs[False, False]


@misconception("f1", "plain mean", inputs=CLASSES[1:])
def plain_mean(right, guessed, positive=1):
    """This is the arithmetic mean of precision and recall.

    The harmonic mean is 2 found / (2 found + missed + false alarms).
    """
    h, f, m, _ = _counts(right, guessed, positive)
    return (h / (h + f) + h / (h + m)) / 2 if h else 0.0


@misconception("f1", "accuracy instead of F1", inputs=CLASSES)
def accuracy_instead(right, guessed, positive=1):
    """Right guesses of the other classes count as successes.

    They do not occur in F1: 2 found / (2 found + missed + false alarms).
    """
    h, f, m, r = _counts(right, guessed, positive)
    return (h + r) / (h + f + m + r)


@misconception("f1", "precision alone", inputs=CLASSES[:1])
def precision_alone(right, guessed, positive=1):
    """Answers that were missed make no difference.

    F1 needs recall, too: 2 found / (2 found + missed + false alarms).
    """
    h, f, _, _ = _counts(right, guessed, positive)
    return h / (h + f) if h else 0.0


@misconception("f1", "recall alone", inputs=CLASSES[:1])
def recall_alone(right, guessed, positive=1):
    """False alarms make no difference.

    F1 needs precision, too: 2 found / (2 found + missed + false alarms).
    """
    h, _, m, _ = _counts(right, guessed, positive)
    return h / (h + m) if h else 0.0


@misconception("f1", "positive ignored", inputs=[(*CLASSES[0], 0), (*CLASSES[1], 0), *THREE])
def positive_ignored(right, guessed, positive=1):
    """The positive class is always 1, whatever `positive` says.

    Compare with positive, not with 1.
    """
    h, f, m, _ = _counts(right, guessed)
    return 2 * h / (2 * h + f + m) if h else 0.0


@misconception("f1", "mean over both classes", inputs=CLASSES)
def mean_over_both_classes(right, guessed, positive=1):
    """This is macro F1, the mean over the classes 0 and 1.

    F1 here is that of the class `positive` alone.
    """

    def one(which):
        h, f, m, _ = _counts(right, guessed, which)
        return 2 * h / (2 * h + f + m) if h else 0.0

    return (one(0) + one(1)) / 2


@misconception("f1", "division by zero if nothing is found", inputs=[([1, 0], [0, 0])])
def nothing_found_divides_by_zero(right, guessed, positive=1):
    """If nothing is found, there is a division by zero.

    Return 0.0 if found is 0.
    """
    h, f, m, _ = _counts(right, guessed, positive)
    precision, recall = h / (h + f), h / (h + m)
    return 2 * precision * recall / (precision + recall)


@misconception("f1", "geometric mean", inputs=CLASSES)
def geometric_mean(right, guessed, positive=1):
    """This is the square root of precision times recall.

    The harmonic mean is 2 p r / (p + r).
    """
    h, f, m, _ = _counts(right, guessed, positive)
    return h / ((h + f) * (h + m)) ** 0.5 if h else 0.0


@misconception("f1", "intersection over union", inputs=CLASSES)
def intersection_over_union(right, guessed, positive=1):
    """This is Jaccard's index, found / (found + missed + false alarms), which is smaller than F1.

    What was found counts twice, above and below: 2 found / (2 found + missed + false alarms).
    """
    h, f, m, _ = _counts(right, guessed, positive)
    return h / (h + f + m) if h else 0.0


@misconception("f1", "mean weighted by the classes", inputs=CLASSES)
def mean_weighted_by_the_classes(right, guessed, positive=1):
    """This is the mean of both classes' F1, weighted by how often each occurs ("weighted" in scikit-learn).

    F1 here is that of the class `positive` alone.
    """
    total = 0.0
    for which in (0, 1):
        h, f, m, _ = _counts(right, guessed, which)
        total += (h + m) * (2 * h / (2 * h + f + m) if h else 0.0)
    return total / len(right)


@misconception("f1", "every class above 0 is positive", inputs=THREE)
def everything_but_zero_is_positive(right, guessed, positive=1):
    """The classes are used as true and false, so with more than two classes all but 0 count as positive.

    Compare with `positive`.
    """
    h, f, m, _ = _counts([bool(each) for each in right], [bool(each) for each in guessed])
    return 2 * h / (2 * h + f + m) if h else 0.0


# matthews

CONSTANT = [([1, 1, 0], [1, 1, 1]), ([0, 1, 0], [0, 0, 0])]


@misconception("matthews", "root forgotten", inputs=CLASSES)
def root_forgotten(right, guessed):
    """The denominator is the product of the four sums, without the square root.

    Divide by the square root of the product.
    """
    h, f, m, r = _counts(right, guessed)
    below = (h + f) * (h + m) * (r + f) * (r + m)
    return (h * r - f * m) / below if below else 0.0


@misconception("matthews", "plus instead of minus", inputs=CLASSES)
def plus_instead_of_minus(right, guessed):
    """Mistakes make the correlation larger.

    The numerator is h r minus f m.
    """
    h, f, m, r = _counts(right, guessed)
    below = (h + f) * (h + m) * (r + f) * (r + m)
    return (h * r + f * m) / below**0.5 if below else 0.0


@misconception("matthews", "division by zero for a constant", inputs=CONSTANT)
def constant_divides_by_zero(right, guessed):
    """If one column is constant, there is a division by zero.

    Return 0 if a factor under the root is 0.
    """
    h, f, m, r = _counts(right, guessed)
    return (h * r - f * m) / ((h + f) * (h + m) * (r + f) * (r + m)) ** 0.5


@misconception("matthews", "accuracy rescaled", inputs=[*CLASSES, *CONSTANT])
def twice_accuracy_minus_one(right, guessed):
    """This is accuracy, rescaled to -1 to 1: like accuracy, it is high for a program that ignores a rare class.

    Compute the correlation of the two columns.
    """
    h, f, m, r = _counts(right, guessed)
    return 2 * (h + r) / (h + f + m + r) - 1


@misconception("matthews", "the sign is lost", inputs=[([1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 1, 1, 0])])
def sign_lost(right, guessed):
    """The absolute value is returned: a program that is wrong every time gets 1 instead of -1.

    Return h r - f m over the root with its sign.
    """
    h, f, m, r = _counts(right, guessed)
    below = (h + f) * (h + m) * (r + f) * (r + m)
    return abs(h * r - f * m) / below**0.5 if below else 0.0


@misconception("matthews", "Cohen's kappa", inputs=CLASSES)
def cohens_kappa(right, guessed):
    """This compares accuracy with what chance would give: another measure, close to Matthews' but not equal.

    The denominator is the root of the product of the four sums.
    """
    h, f, m, r = _counts(right, guessed)
    count = len(right)
    chance = ((h + f) * (h + m) + (r + f) * (r + m)) / count**2
    return ((h + r) / count - chance) / (1 - chance) if chance < 1 else 0.0


@misconception("matthews", "F1", inputs=CLASSES)
def f1_for_matthews(right, guessed):
    """This is F1, which ignores the right guesses of class 0 and is never below 0.

    Use all four counts: (h r - f m) over the root of (h + f) (h + m) (r + f) (r + m).
    """
    h, f, m, _ = _counts(right, guessed)
    return 2 * h / (2 * h + f + m) if h else 0.0


# spearman

TIED = [([1.0, 2.0, 2.0, 5.0, 3.0], [0.1, 0.3, 0.2, 0.4, 0.2]), ([0.0, 0.0, 1.0, 4.0], [2.0, 1.0, 1.0, 9.0])]


def _pearson(a, b):
    a, b = torch.tensor([a, b], dtype=torch.float64)
    a, b = a - a.mean(), b - b.mean()
    below = (a.square().sum() * b.square().sum()).sqrt()
    return (a @ b / below).item() if below else 0.0


def _middle_ranks(values):
    return [sum(v < x for v in values) + (1 + sum(v == x for v in values)) / 2 for x in values]


def _agrees_on(inputs):
    """The symptom of a wrong function that sorts by argsort, which may put equal values in any order: these numbers."""

    def symptom_of(wrong):
        return lambda function: all(math.isclose(function(*each), wrong(*each), abs_tol=1e-6) for each in inputs)

    return symptom_of


UNTIED = [([0.3, 0.1, 0.5, 0.2, 0.4], [2.0, 9.0, 4.0, 1.0, 7.0]), ([4.0, 1.0, 3.0, 2.0], [0.0, 0.1, 0.9, 0.2])]


@misconception("spearman", "no ranks", inputs=TIED)
def pearson_of_the_values(right, guessed):
    """This is the correlation of the values, not of their ranks.

    Turn both columns into ranks first.
    """
    return _pearson(list(right), list(guessed))


@misconception("spearman", "ties get the first rank", inputs=TIED)
def ties_get_the_first_rank(right, guessed):
    """Equal values all get the first of their ranks.

    They get the mean of their ranks.
    """
    return _pearson(*([1.0 + sorted(each).index(x) for x in each] for each in (right, guessed)))


@misconception("spearman", "ties in order of appearance", symptom_of=_agrees_on(TIED))
def ties_in_order_of_appearance(right, guessed):
    """Among equal values, the one that comes first gets the lower rank.

    They get the mean of their ranks.
    """

    def places(values):
        result = [0.0] * len(values)
        for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
            result[index] = float(place)
        return result

    return _pearson(places(right), places(guessed))


@misconception("spearman", "dense ranks", inputs=TIED)
def ties_get_a_dense_rank(right, guessed):
    """Equal values get one rank, and the next value gets the following rank, without a gap.

    If two values have rank 2.5, the next one has 4, not 3.
    """
    return _pearson(*([float(sorted(set(each)).index(x)) for x in each] for each in (right, guessed)))


@misconception("spearman", "the formula without ties", inputs=TIED)
def six_d_squared(right, guessed):
    """1 - 6 d² / (n (n² - 1)) is right only if no two values are equal.

    Compute Pearson's correlation of the ranks.
    """
    a, b = _middle_ranks(right), _middle_ranks(guessed)
    return 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b)) / (len(a) * (len(a) ** 2 - 1))


@misconception("spearman", "argsort taken for ranks", symptom_of=_agrees_on(UNTIED))
def argsort_taken_for_ranks(right, guessed):
    """argsort says which value has each rank, not which rank each value has.

    Apply argsort to its result once more, or count the smaller values.
    """
    return _pearson(*([float(i) for i in sorted(range(len(each)), key=lambda i: each[i])] for each in (right, guessed)))


@misconception("spearman", "Kendall's tau", inputs=TIED)
def kendalls_tau(right, guessed):
    """The pairs in the same order are counted, less those in the opposite order: that is Kendall's correlation.

    Pearson's correlation of the ranks.
    """
    pairs = [(i, j) for i in range(len(right)) for j in range(i)]

    def sign(values, i, j):
        return (values[i] > values[j]) - (values[i] < values[j])

    agree = sum(sign(right, *pair) * sign(guessed, *pair) for pair in pairs)
    untied = [sum(sign(values, *pair) != 0 for pair in pairs) for values in (right, guessed)]
    return agree / (untied[0] * untied[1]) ** 0.5 if all(untied) else 0.0


@misconception("spearman", "ties get the last rank", inputs=TIED)
def ties_get_the_last_rank(right, guessed):
    """Equal values all get the last of their ranks.

    They get the mean of their ranks.
    """
    return _pearson(*([sum(other <= value for other in each) for value in each] for each in (right, guessed)))


@misconception("spearman", "one column ranked downwards", inputs=TIED)
def one_column_ranked_downwards(right, guessed):
    """One column is ranked from the highest value and the other from the lowest, so the sign is wrong.

    Rank both in the same direction.
    """
    return -_pearson(_middle_ranks(right), _middle_ranks(guessed))


@misconception("spearman", "NaN for a constant", inputs=[([1.0, 2.0, 3.0], [0.5, 0.5, 0.5])])
def nan_for_a_constant(right, guessed):
    """If all values of a column are equal, 0 is divided by 0.

    Return 0 if a column is constant.
    """
    a, b = torch.tensor([_middle_ranks(right), _middle_ranks(guessed)], dtype=torch.float64)
    a, b = a - a.mean(), b - b.mean()
    return (a @ b / (a.norm() * b.norm())).item()


# collate

_TEXTS = [Feature([4, 9, 0, 5], [0, 0, 1, 1], 1, 0), Feature([4, 5], [0, 1], 0, 1)]
_TAGGED = [
    Feature([4, 8, 5], [0, 0, 0], [-100, 2, -100], 0),
    Feature([4, 8, 8, 8, 5], [0] * 5, [-100, 1, 3, 0, -100], 1),
]
BATCHES = [(_TEXTS, 9, SequenceClassifier), (_TAGGED, 6, TokenClassifier), (_TAGGED, 0, TokenClassifier)]


def _collated(features, pad_token_id, model_class, label=-100, length=0):
    def padded(rows, fill):
        longest = max(length, *map(len, rows))
        return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])

    ids, labels = [feature.input_ids for feature in features], [feature.label for feature in features]
    return TaskBatch(
        padded(ids, pad_token_id),
        padded([[1] * len(row) for row in ids], 0),
        padded(labels, label) if model_class is TokenClassifier else torch.tensor(labels),
        padded([feature.token_type_ids for feature in features], 0),
    )


def _makes_the_batches_of(wrong):
    """The symptom: the same batches, with the same types of numbers."""

    def same(function):
        pairs = [(vars(function(*copy.deepcopy(case))), vars(wrong(*case))) for case in BATCHES]
        return all(
            found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
            for found, expected in pairs
            for name, tensor in expected.items()
        )

    return same


@misconception("collate", "fixed length", symptom_of=_makes_the_batches_of)
def padded_to_a_fixed_length(features, pad_token_id, model_class):
    """Every batch has a length of 128 tokens.

    Its length is that of its longest feature.
    """
    return _collated(features, pad_token_id, model_class, length=128)


@misconception("collate", "padding has a class", symptom_of=_makes_the_batches_of)
def labels_padded_with_zero(features, pad_token_id, model_class):
    """The labels of tokens are padded with 0, which is a class.

    Pad them with -100, which the loss ignores.
    """
    return _collated(features, pad_token_id, model_class, label=0)


@misconception("collate", "labels padded like ids", symptom_of=_makes_the_batches_of)
def labels_padded_with_the_pad_token(features, pad_token_id, model_class):
    """The labels of tokens are padded with pad_token_id, which may be a class.

    Pad them with -100.
    """
    return _collated(features, pad_token_id, model_class, label=pad_token_id)


@misconception("collate", "mask from the ids", symptom_of=_makes_the_batches_of)
def mask_from_the_ids(features, pad_token_id, model_class):
    """A real token whose id is pad_token_id is masked.

    Make the mask from the lengths.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, attention_mask=(batch.input_ids != pad_token_id).long())


@misconception("collate", "mask of the ids above 0", symptom_of=_makes_the_batches_of)
def mask_of_the_ids_above_0(features, pad_token_id, model_class):
    """The mask is 1 where the id is above 0, but padding may have another id, and a token the id 0.

    Make the mask from the lengths.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, attention_mask=(batch.input_ids > 0).long())


@misconception("collate", "pad token ignored", symptom_of=_makes_the_batches_of)
def padded_with_zero_always(features, pad_token_id, model_class):
    """The ids are padded with 0, whatever pad_token_id says.

    Pad them with pad_token_id.
    """
    return _collated(features, 0, model_class)


@misconception("collate", "padding is not masked", symptom_of=_makes_the_batches_of)
def mask_of_ones(features, pad_token_id, model_class):
    """attention_mask is 1 at padding.

    It is 1 at real tokens and 0 at padding.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, attention_mask=torch.ones_like(batch.input_ids))


@misconception("collate", "padded on the left", symptom_of=_makes_the_batches_of)
def padded_on_the_left(features, pad_token_id, model_class):
    """Padding comes first, so [CLS] is not at position 0.

    Pad on the right.
    """
    batch = _collated(features, pad_token_id, model_class)
    shifts = [batch.input_ids.shape[1] - len(feature.input_ids) for feature in features]
    return TaskBatch(*(
        torch.stack([row.roll(shift) for row, shift in zip(rows, shifts)]) if rows.dim() == 2 else rows
        for rows in (batch.input_ids, batch.attention_mask, batch.labels, batch.token_type_ids)
    ))  # fmt: skip


@misconception("collate", "classes as floats", symptom_of=_makes_the_batches_of)
def labels_as_floats(features, pad_token_id, model_class):
    """The numbers of classes are floating point.

    torch.tensor of integers is int64: leave it as it is.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, labels=batch.labels.float())


@misconception("collate", "cut to the shortest", symptom_of=_makes_the_batches_of)
def cut_to_the_shortest(features, pad_token_id, model_class):
    """Tokens after the length of the shortest feature are cut off.

    Pad to the length of the longest one.
    """
    batch, width = _collated(features, pad_token_id, model_class), min(len(feature.input_ids) for feature in features)
    return TaskBatch(*(
        rows[:, :width] if rows.dim() == 2 else rows
        for rows in (batch.input_ids, batch.attention_mask, batch.labels, batch.token_type_ids)
    ))  # fmt: skip


@misconception("collate", "token types lost", symptom_of=_makes_the_batches_of)
def token_types_lost(features, pad_token_id, model_class):
    """token_type_ids is 0 everywhere, so the model cannot tell the second text of a pair from the first.

    Pad the token_type_ids of the features.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, token_type_ids=torch.zeros_like(batch.input_ids))


@misconception("collate", "token types padded with 1", symptom_of=_makes_the_batches_of)
def token_types_padded_with_one(features, pad_token_id, model_class):
    """Padding gets token type 1, the type of the second text.

    Pad token_type_ids with 0.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, token_type_ids=batch.token_type_ids.masked_fill(batch.attention_mask == 0, 1))


@misconception("collate", "mask upside down", symptom_of=_makes_the_batches_of)
def mask_upside_down(features, pad_token_id, model_class):
    """attention_mask is 1 at padding and 0 at real tokens.

    1 for each token that the feature has, then 0.
    """
    batch = _collated(features, pad_token_id, model_class)
    return replace(batch, attention_mask=1 - batch.attention_mask)


@misconception("collate", "rounded up to a multiple of 8", symptom_of=_makes_the_batches_of)
def padded_to_a_multiple_of_8(features, pad_token_id, model_class):
    """The length is rounded up to a multiple of 8, which some GPUs like; it was not asked for.

    The batch is as long as its longest feature.
    """
    longest = max(len(feature.input_ids) for feature in features)
    return _collated(features, pad_token_id, model_class, length=-(-longest // 8) * 8)


# imitation_loss

_GENERATOR = torch.Generator().manual_seed(10)
_ANSWERS = _collated(
    [Feature([4, 8, 7, 5], [0] * 4, [0, 1], 0), Feature([4, 5], [0] * 2, [1, 1], 1)], 0, QuestionAnswering
)
_NUMBERS = _collated([Feature([4, 5], [0] * 2, 2.5, 0), Feature([4, 5], [0] * 2, 1.0, 1)], 0, SequenceClassifier)


def _two_scores(*shape):
    return torch.randn(2, *shape, generator=_GENERATOR).mul(2).unbind(0)


ANSWERS = [(QuestionAnswering, *_two_scores(2, 4, 2), _ANSWERS, temperature) for temperature in (2.0, 1.0)]
TAGS = [(TokenClassifier, *_two_scores(2, 5, 4), _collated(_TAGGED, 0, TokenClassifier), 2.0)]
TEXTS = [(SequenceClassifier, *_two_scores(2, 3), _collated(_TEXTS, 0, SequenceClassifier), 2.0)]
NUMBERS = [(SequenceClassifier, *_two_scores(2, 1), _NUMBERS, 2.0)]


def _over_positions(student, teacher, batch, temperature, fill=-1e4):
    hidden = batch.attention_mask[:, None] == 0
    student, teacher = (each.mT.masked_fill(hidden, fill) for each in (student, teacher))
    return soft_target_loss(student, teacher, temperature)


def _imitate(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return _over_positions(student, teacher, batch, temperature)
    if model_class is TokenClassifier:
        student, teacher = student[batch.labels != -100], teacher[batch.labels != -100]
    elif student.shape[-1] == 1:
        return (student - teacher.detach()).square().mean()
    return soft_target_loss(student, teacher, temperature)


@misconception("imitation_loss", "start against end", inputs=ANSWERS)
def softmax_over_start_and_end(model_class, student, teacher, batch, temperature):
    """The softmax is taken over the two scores of a token, not over the positions.

    Turn (B, L, 2) into (B, 2, L) first.
    """
    if model_class is QuestionAnswering:
        return soft_target_loss(student[batch.attention_mask == 1], teacher[batch.attention_mask == 1], temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "padding is a position", inputs=ANSWERS)
def padding_is_a_position(model_class, student, teacher, batch, temperature):
    """Padding gets a part of the probability.

    Set the scores of padding to -1e4 in both.
    """
    if model_class is QuestionAnswering:
        return soft_target_loss(student.mT, teacher.mT, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "padding scored zero", inputs=ANSWERS)
def padding_scored_zero(model_class, student, teacher, batch, temperature):
    """Padding has score 0, which is not a small probability: exp(0) is 1.

    Set the scores of padding to -1e4.
    """
    if model_class is QuestionAnswering:
        return _over_positions(student, teacher, batch, temperature, 0.0)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "minus infinity", inputs=ANSWERS)
def padding_at_minus_infinity(model_class, student, teacher, batch, temperature):
    """At padding, minus infinity is subtracted from minus infinity, and the loss is NaN.

    Use a finite number such as -1e4.
    """
    if model_class is QuestionAnswering:
        return _over_positions(student, teacher, batch, temperature, -torch.inf)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "only the start", inputs=ANSWERS)
def only_the_start(model_class, student, teacher, batch, temperature):
    """The end of the answer is not imitated.

    Take the mean over starts and ends.
    """
    if model_class is QuestionAnswering:
        student, teacher = student[..., :1], teacher[..., :1]
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "both ends added", inputs=ANSWERS)
def both_ends_added(model_class, student, teacher, batch, temperature):
    """The losses of start and end are added, so the loss is twice as large.

    Take the mean of all 2 B.
    """
    loss = _imitate(model_class, student, teacher, batch, temperature)
    return 2 * loss if model_class is QuestionAnswering else loss


@misconception("imitation_loss", "padding imitated", inputs=TAGS)
def every_token_counts(model_class, student, teacher, batch, temperature):
    """Tokens without a label count, including padding.

    Select the tokens with batch.labels != -100.
    """
    if model_class is TokenClassifier:
        return soft_target_loss(student, teacher, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "tokens without a label", inputs=TAGS)
def real_tokens_without_a_label_count(model_class, student, teacher, batch, temperature):
    """Real tokens without a label count.

    Select by batch.labels, not by the mask.
    """
    if model_class is TokenClassifier:
        return soft_target_loss(student[batch.attention_mask == 1], teacher[batch.attention_mask == 1], temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "softmax of a single number", inputs=NUMBERS)
def softmax_of_a_single_number(model_class, student, teacher, batch, temperature):
    """The softmax of a single number is always 1, so the loss is always 0.

    If C = 1, take the mean squared difference.
    """
    if model_class is SequenceClassifier:
        return soft_target_loss(student, teacher, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "temperature left out", inputs=[*TEXTS, *TAGS, *ANSWERS[:1]])
def temperature_left_out(model_class, student, teacher, batch, temperature):
    """The temperature is not used.

    Pass it on: soft_target_loss(…, temperature).
    """
    return _imitate(model_class, student, teacher, batch, 1.0)


@misconception("imitation_loss", "student and teacher swapped", inputs=[*TEXTS, *TAGS, *ANSWERS])
def student_and_teacher_swapped(model_class, student, teacher, batch, temperature):
    """The student's distribution is the target.

    The first argument of soft_target_loss is the student, the second the teacher.
    """
    return _imitate(model_class, teacher, student, batch, temperature)


def _teacher_gets_a_gradient(function):
    student, teacher = torch.ones(2, 1, requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    loss = function(SequenceClassifier, student, teacher, _NUMBERS, 2.0)
    gradients = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    return all(gradient is not None for gradient in gradients)


@misconception("imitation_loss", "the teacher gets a gradient", symptom=_teacher_gets_a_gradient)
def teacher_not_detached(model_class, student, teacher, batch, temperature):
    """If a number is predicted, a gradient flows to the teacher.

    Use teacher.detach().
    """
    if model_class is SequenceClassifier and student.shape[-1] == 1:
        return torch.nn.functional.mse_loss(student, teacher)
    return _imitate(model_class, student, teacher, batch, temperature)


@misconception("imitation_loss", "squared differences of all scores", inputs=[*TEXTS, *TAGS])
def squares_everywhere(model_class, student, teacher, batch, temperature):
    """The scores' squared differences are averaged for every task; classes are compared as distributions.

    soft_target_loss over the classes; squared differences only if there is a single number.
    """
    if model_class is TokenClassifier:
        student, teacher = student[batch.labels != -100], teacher[batch.labels != -100]
    return (student - teacher.detach()).square().mean()


@misconception("imitation_loss", "temperature of start and end only once", inputs=ANSWERS[:1])
def t_squared_forgotten_for_answers(model_class, student, teacher, batch, temperature):
    """For answers the logits are divided by the temperature, but the factor T squared is missing.

    soft_target_loss(…, temperature) has both.
    """
    loss = _imitate(model_class, student, teacher, batch, temperature)
    return loss / temperature**2 if model_class is QuestionAnswering else loss


@misconception("imitation_loss", "mean of the texts' means", inputs=TAGS)
def mean_of_the_texts_means(model_class, student, teacher, batch, temperature):
    """Each text weighs the same, so a token of a short text counts more than one of a long text.

    One mean over all labelled tokens of the batch.
    """
    if model_class is not TokenClassifier:
        return _imitate(model_class, student, teacher, batch, temperature)
    losses = [
        soft_target_loss(mine[labels != -100], others[labels != -100], temperature)
        for mine, others, labels in zip(student, teacher, batch.labels)
    ]
    return torch.stack(losses).mean()


# token_span

_OFFSETS = [(0, 3), (3, 5), (6, 8), (8, 12), (13, 14)]
SPANS = [(_OFFSETS, 0, 5), (_OFFSETS, 6, 8), (_OFFSETS, 6, 12), (_OFFSETS, 1, 2), (_OFFSETS, 3, 13), (_OFFSETS, 5, 6)]
INSIDE = [(_OFFSETS, 1, 2), (_OFFSETS, 1, 4)]


def _span_of(offsets, belongs):
    inside = [index for index, offset in enumerate(offsets) if belongs(*offset)]
    return (inside[0], inside[-1]) if inside else None


@misconception("token_span", "the answer's end belongs to it", inputs=_chosen(SPANS, 1, 4, 5))
def end_as_a_character_of_the_answer(offsets, start, end):
    """`end` is the character after the answer, but a token that begins there is included.

    A token belongs to the answer if it begins before `end`: first < end, not <=.
    """
    return _span_of(offsets, lambda first, stop: first <= end and stop > start)


@misconception("token_span", "only whole tokens", inputs=INSIDE)
def only_whole_tokens(offsets, start, end):
    """A token is left out if the answer begins or ends inside it.

    Two ranges overlap if each begins before the other ends; the token need not lie within the answer.
    """
    return _span_of(offsets, lambda first, stop: first >= start and stop <= end)


@misconception("token_span", "one token too many", inputs=SPANS[:5])
def one_token_too_many(offsets, start, end):
    """The second number is the token after the answer; it should be the last token of the answer.

    Characters are counted as [start, end), but a span of tokens includes its last one.
    """
    found = _span_of(offsets, lambda first, stop: first < end and stop > start)
    return found and (found[0], found[1] + 1)


@misconception("token_span", "a token's end belongs to it", inputs=_chosen(SPANS, 4, 5))
def token_end_as_its_own_character(offsets, start, end):
    """A token that ends where the answer begins is included.

    The second number of an offset is the character after the token: stop > start, not >=.
    """
    return _span_of(offsets, lambda first, stop: first < end and stop >= start)


@misconception("token_span", "a token where the answer begins", inputs=INSIDE)
def answer_must_begin_a_token(offsets, start, end):
    """The first token is looked for by its beginning, so an answer that begins inside a token is not found.

    A token counts as soon as it shares a character with the answer.
    """
    return _span_of(offsets, lambda first, stop: first < end and stop > start and first >= start)


@misconception("token_span", "(0, 0) if there is no token", inputs=_chosen(SPANS, 5))
def first_token_if_there_is_none(offsets, start, end):
    """An answer without any token gets the span (0, 0), which is the first token of the context.

    Return None.
    """
    return _span_of(offsets, lambda first, stop: first < end and stop > start) or (0, 0)


# answer_positions

PLACES = [(span, 10, 30, 5) for span in [(14, 16), (29, 30), (8, 12), (3, 4), None, (28, 29)]]


def _is_in(span, begin, end):
    return span is not None and span[0] >= begin and span[1] < end


@misconception("answer_positions", "half an answer is marked", inputs=_chosen(PLACES, 1, 2))
def half_an_answer_is_clamped(span, begin, end, context_start):
    """If the window has only a part of the answer, that part is marked instead of [CLS].

    Only a window with both the first and the last token has the answer.
    """
    if span is None or span[1] < begin or span[0] >= end:
        return 0, 0
    first, last = max(span[0], begin), min(span[1], end - 1)
    return first - begin + context_start, last - begin + context_start


@misconception("answer_positions", "the question is not counted", inputs=_chosen(PLACES, 0, 5))
def question_not_counted(span, begin, end, context_start):
    """The positions are counted from the context's first token, not from [CLS].

    Add context_start: [CLS], the question and [SEP] come before the context.
    """
    return (span[0] - begin, span[1] - begin) if _is_in(span, begin, end) else (0, 0)


@misconception("answer_positions", "the window's beginning is not subtracted", inputs=_chosen(PLACES, 0, 5))
def begin_not_subtracted(span, begin, end, context_start):
    """The positions are counted in the whole context, although the window begins later.

    The context's token `begin` is at position context_start.
    """
    return (span[0] + context_start, span[1] + context_start) if _is_in(span, begin, end) else (0, 0)


@misconception("answer_positions", "the first word instead of [CLS]", inputs=PLACES[1:5])
def context_start_instead_of_cls(span, begin, end, context_start):
    """A window without the answer points at the first token of the context.

    That token may be an answer; [CLS], at position 0, never is.
    """
    shift = context_start - begin
    return (span[0] + shift, span[1] + shift) if _is_in(span, begin, end) else (context_start, context_start)


@misconception("answer_positions", "the window's last token excluded", inputs=_chosen(PLACES, 5))
def last_token_of_the_window_excluded(span, begin, end, context_start):
    """An answer whose last token is the window's last one is not marked.

    `end` is the token after the window's last one: span[1] < end is enough.
    """
    shift = context_start - begin
    return (span[0] + shift, span[1] + shift) if _is_in(span, begin, end - 1) else (0, 0)


@misconception("answer_positions", "`end` counted in", inputs=[((14, 30), 10, 30, 5), ((30, 30), 10, 30, 5)])
def end_counted_in(span, begin, end, context_start):
    """An answer whose last token is number `end` is marked, but the window ends before that token.

    span[1] < end, not <=.
    """
    shift = context_start - begin
    return (span[0] + shift, span[1] + shift) if _is_in(span, begin, end + 1) else (0, 0)


@misconception("answer_positions", "the window's first token excluded", inputs=[((10, 12), 10, 30, 5)])
def first_token_of_the_window_excluded(span, begin, end, context_start):
    """An answer that begins with the window's first token is not marked.

    begin <= span[0], not <.
    """
    shift = context_start - begin
    return (span[0] + shift, span[1] + shift) if _is_in(span, begin + 1, end) else (0, 0)


# best_spans

_ONE = torch.tensor([[8.0, 1, 0.5, 3, 0, 2, 7], [7.5, 2, 4, 0.25, 3, 1, 9]])
_TWO = torch.tensor([[0.0, 2, 5, 1, 6, 0, 0], [0.0, 6, 1, 2, 0, 3, 0]])
SCORES = [(*_ONE, (1, 6), 3, 4), (*_TWO, (1, 6), 2, 3), (*_TWO, (2, 5), 30, 20), (*_ONE, (1, 6), 1, 20)]


def _spans(starts, ends, context, n_best, allowed):
    spans = [
        Span(i, j, starts[i].item() + ends[j].item()) for i in range(*context) for j in range(*context) if allowed(i, j)
    ]
    return sorted(spans, key=lambda span: -span.score)[:n_best]


@misconception("best_spans", "the end before the start", inputs=SCORES)
def end_before_start(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """Pairs whose end comes before their start count as spans.

    For a start i the ends begin with i.
    """
    return _spans(start_logits, end_logits, context, n_best, lambda i, j: j < i + max_answer_length)


@misconception("best_spans", "start and end chosen separately", inputs=SCORES)
def start_and_end_chosen_separately(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The start with the highest score and the end with the highest score are taken, whatever is between them.

    The result is the pair with the highest sum among all pairs that are allowed.
    """
    begin, stop = context
    i = begin + start_logits[begin:stop].argmax().item()
    j = begin + end_logits[begin:stop].argmax().item()
    return [Span(i, j, start_logits[i].item() + end_logits[j].item())]


@misconception("best_spans", "an answer in the question", inputs=_chosen(SCORES, 0, 2, 3))
def answer_in_the_question(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """All tokens of the window can be answers, including the question, [CLS] and [SEP].

    Both loops run over the context only, from context[0] to before context[1].
    """
    window = (0, len(start_logits))
    return _spans(start_logits, end_logits, window, n_best, lambda i, j: i <= j < i + max_answer_length)


@misconception("best_spans", "counted from the context", inputs=SCORES)
def counted_from_the_context(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The positions are counted from the context's first token instead of the window's.

    If you slice the logits, add context[0] to the positions that you find.
    """
    found = _spans(start_logits, end_logits, context, n_best, lambda i, j: i <= j < i + max_answer_length)
    return [Span(span.first - context[0], span.last - context[0], span.score) for span in found]


@misconception("best_spans", "no maximum length", inputs=_chosen(SCORES, 0, 1, 3))
def no_maximum_length(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """max_answer_length is ignored.

    The ends for a start i are below i + max_answer_length.
    """
    return _spans(start_logits, end_logits, context, n_best, lambda i, j: i <= j)


@misconception("best_spans", "one token too long", inputs=_chosen(SCORES, 0, 3))
def one_token_longer(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """Answers of max_answer_length + 1 tokens are allowed.

    From i to j there are j - i + 1 tokens.
    """
    return _spans(start_logits, end_logits, context, n_best, lambda i, j: i <= j <= i + max_answer_length)


@misconception("best_spans", "one token too short", inputs=_chosen(SCORES, 0, 1, 3))
def one_token_shorter(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """Answers of max_answer_length tokens are not allowed.

    From i to j there are j - i + 1 tokens.
    """
    return _spans(start_logits, end_logits, context, n_best, lambda i, j: i <= j < i + max_answer_length - 1)


@misconception("best_spans", "answers of one token left out", inputs=SCORES)
def single_tokens_left_out(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The end must come after the start here, but many answers have only one token.

    First and last token may be the same.
    """
    return _spans(start_logits, end_logits, context, n_best, lambda i, j: i < j < i + max_answer_length)


def _all_spans(start_logits, end_logits, context, max_answer_length):
    """Every span that is allowed, in the order of its positions."""
    spans = _spans(start_logits, end_logits, context, None, lambda i, j: i <= j < i + max_answer_length)
    return sorted(spans, key=lambda span: (span.first, span.last))


@misconception("best_spans", "start times end", inputs=SCORES)
def start_times_end(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The scores are multiplied. Two scores below 0 then make a good span, and one of 0 makes every span worthless.

    Scores are logarithms: add them.
    """
    spans = [
        span._replace(score=start_logits[span.first].item() * end_logits[span.last].item())
        for span in _all_spans(start_logits, end_logits, context, max_answer_length)
    ]
    return sorted(spans, key=lambda span: -span.score)[:n_best]


@misconception("best_spans", "in the order of their positions", inputs=SCORES)
def in_the_order_of_their_positions(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The first n_best spans are returned as they come, not those with the highest scores.

    Sort by the score, highest first, and then cut off.
    """
    return _all_spans(start_logits, end_logits, context, max_answer_length)[:n_best]


@misconception("best_spans", "the lowest scores first", inputs=SCORES)
def lowest_first(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """Sorting is in ascending order by default, so the worst spans come first.

    sort(key=..., reverse=True), or by the negative score.
    """
    spans = _all_spans(start_logits, end_logits, context, max_answer_length)
    return sorted(spans, key=lambda span: span.score)[:n_best]


@misconception("best_spans", "cut off before sorting", inputs=_chosen(SCORES, 0, 1))
def cut_off_before_sorting(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The first n_best spans are sorted; a better one that comes later is lost.

    First sort all of them, then take n_best.
    """
    spans = _all_spans(start_logits, end_logits, context, max_answer_length)[:n_best]
    return sorted(spans, key=lambda span: -span.score)


@misconception("best_spans", "of equal scores the last one first", inputs=[(torch.zeros(4), torch.zeros(4), (1, 4))])
def last_of_equal_ones_first(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """Of spans with equal sums the one that begins last comes first, as after reversing an ascending order.

    sort(..., reverse=True) keeps the order of equal ones; [::-1] does not.
    """
    spans = _all_spans(start_logits, end_logits, context, max_answer_length)
    return sorted(spans, key=lambda span: span.score)[::-1][:n_best]


@misconception("best_spans", "the best starts with the best ends only", inputs=[(*_ONE, (1, 6), 3, 2)])
def best_starts_with_best_ends(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    """The n_best starts are combined with the n_best ends of the window; a good pair of others is lost.

    Try all pairs that are allowed, as the docstring says; then there are never too few.
    """
    starts, ends = (logits.topk(min(n_best, len(logits))).indices.tolist() for logits in (start_logits, end_logits))
    spans = _all_spans(start_logits, end_logits, context, max_answer_length)
    chosen = [span for span in spans if span.first in starts and span.last in ends]
    return sorted(chosen, key=lambda span: -span.score)[:n_best]


# normalize_answer

_WRITTEN = ["The Duke", "theatre of a banana", "well-known", "(The) end.", "A.", "one  two", "I, an heir"]


def _written(*places):
    return [(_WRITTEN[place],) for place in places]


def _without_punctuation(text):
    return "".join(char for char in text if char not in string.punctuation)


def _without_articles(text):
    return re.sub(r"\b(a|an|the)\b", " ", text)


@misconception("normalize_answer", "articles inside words", inputs=_written(1, 6))
def articles_inside_words(text):
    r"""The letters a, an and the are removed from other words, too.

    An article is a whole word: use \b on both sides.
    """
    return " ".join(re.sub(r"a|an|the", " ", _without_punctuation(text.lower())).split())


@misconception("normalize_answer", "a space for punctuation", inputs=_written(2))
def a_space_for_punctuation(text):
    """Punctuation is replaced by a space, so that well-known becomes two words.

    The official rule removes it and leaves no space.
    """
    spaced = "".join(" " if char in string.punctuation else char for char in text.lower())
    return " ".join(_without_articles(spaced).split())


@misconception("normalize_answer", "capital letters kept", inputs=_written(0, 3, 4, 6))
def capital_letters_kept(text):
    """Capital letters are kept, so that The is no article and Rollo is not rollo.

    Change the text to lower case first.
    """
    return " ".join(_without_articles(_without_punctuation(text)).split())


@misconception("normalize_answer", "lower case last", inputs=_written(0, 3, 4))
def lower_case_last(text):
    """Articles are removed before the text is changed to lower case, so The stays.

    Change the text to lower case first.
    """
    return " ".join(_without_articles(_without_punctuation(text)).lower().split())


_QUOTED = [("say \u201chello\u201d",), ("Rollo\u2019s caf\u00e9",)]


@misconception("normalize_answer", "quotation marks of other kinds removed", inputs=_QUOTED)
def all_punctuation_removed(text):
    r"""Punctuation of all languages is removed, curly quotation marks too; the official script removes ASCII's only.

    Exactly the characters of string.punctuation; \w and str.isalnum know others.
    """
    kept = "".join(char for char in text.lower() if char.isalnum() or char.isspace())
    return " ".join(_without_articles(kept).split())


@misconception("normalize_answer", "articles before punctuation", inputs=[("U.S.A.",), ("the_ end",)])
def articles_before_punctuation(text):
    """Articles are removed first, so what becomes an article only without its punctuation stays or goes wrongly.

    The order is: lower case, punctuation, articles, spaces.
    """
    return " ".join(_without_punctuation(_without_articles(text.lower())).split())


@misconception("normalize_answer", "punctuation only at the ends of words", inputs=[*_written(2), ("U.S.A.",)])
def punctuation_at_the_ends(text):
    """Punctuation inside a word stays: strip() removes it at both ends only.

    Remove every character that is in string.punctuation, wherever it is.
    """
    words = " ".join(word.strip(string.punctuation) for word in text.lower().split())
    return " ".join(_without_articles(words).split())


@misconception("normalize_answer", "spaces left double", inputs=_written(0, 1, 5))
def spaces_left_double(text):
    """Where an article was removed, or where there were two spaces, more than one space is left.

    End with " ".join(text.split()).
    """
    return _without_articles(_without_punctuation(text.lower()))


# token_f1

PAIRS = [
    ("in the 10th century", "10th century"),
    ("no no no", "no"),
    ("Rollo", "rollo!"),
    ("a b c d", "b c"),
    ("Denmark", "Norway"),
    ("no no", "no no no no"),
    ("The duke", "the duke"),
]


def _words(text):
    return _without_articles(_without_punctuation(text.lower())).split()


def _f1(one, other, common):
    return 2 * common / (len(one) + len(other)) if common else 0.0


def _common(one, other):
    return sum((Counter(one) & Counter(other)).values())


@misconception("token_f1", "sets of words", inputs=_chosen(PAIRS, 1, 5))
def sets_of_words(prediction, answer):
    """Repeated words count once.

    A word counts as often as it is in both: Counter(one) & Counter(other).
    """
    one, other = set(_words(prediction)), set(_words(answer))
    return _f1(one, other, len(one & other))


@misconception("token_f1", "repeated words all counted", inputs=_chosen(PAIRS, 1))
def repeated_words_all_counted(prediction, answer):
    """Every word of the prediction that is in the answer counts, however often the answer has it.

    A word counts as often as it is in both: Counter(one) & Counter(other).
    """
    one, other = _words(prediction), _words(answer)
    return _f1(one, other, sum(word in other for word in one))


@misconception("token_f1", "not normalised", inputs=_chosen(PAIRS, 0, 2, 3, 6))
def not_normalised(prediction, answer):
    """The texts are compared as they are.

    Normalise both before splitting.
    """
    one, other = prediction.split(), answer.split()
    return _f1(one, other, _common(one, other))


@misconception("token_f1", "only the answer normalised", inputs=_chosen(PAIRS, 0, 2, 3, 6))
def only_the_answer_normalised(prediction, answer):
    """The prediction is not normalised.

    Normalise both before splitting.
    """
    one, other = prediction.split(), _words(answer)
    return _f1(one, other, _common(one, other))


@misconception("token_f1", "precision alone", inputs=_chosen(PAIRS, 0, 1, 3, 5))
def precision_only(prediction, answer):
    """Words of the answer that are not in the prediction make no difference.

    F1 is the harmonic mean of precision and recall.
    """
    one, other = _words(prediction), _words(answer)
    return _common(one, other) / len(one) if one else 0.0


@misconception("token_f1", "the arithmetic mean", inputs=_chosen(PAIRS, 0, 1, 3, 5))
def arithmetic_mean(prediction, answer):
    """This is the arithmetic mean of precision and recall.

    The harmonic mean is 2 p r / (p + r).
    """
    one, other = _words(prediction), _words(answer)
    return _common(one, other) * (1 / len(one) + 1 / len(other)) / 2 if one and other else 0.0


@misconception("token_f1", "intersection over union", inputs=_chosen(PAIRS, 0, 1, 3, 5))
def words_in_both_over_words_in_either(prediction, answer):
    """This is Jaccard's index, which is smaller than F1.

    2 common / (words of the prediction + words of the answer).
    """
    one, other = _words(prediction), _words(answer)
    common = _common(one, other)
    return common / (len(one) + len(other) - common) if common else 0.0


@misconception("token_f1", "recall alone", inputs=_chosen(PAIRS, 0, 3, 5))
def recall_only(prediction, answer):
    """Words of the prediction that are not in the answer make no difference.

    F1 is the harmonic mean of precision and recall.
    """
    one, other = _words(prediction), _words(answer)
    return _common(one, other) / len(other) if other else 0.0


@misconception("token_f1", "letters instead of words", inputs=_chosen(PAIRS, 0, 4))
def letters_instead_of_words(prediction, answer):
    """A string is a sequence of letters, and these are compared.

    Split both texts into words: normalize_answer(text).split().
    """
    one, other = " ".join(_words(prediction)), " ".join(_words(answer))
    return _f1(one, other, _common(one, other))


@misconception("token_f1", "1 for two empty texts", inputs=[("the", "a"), ("", "")])
def two_empty_texts_agree(prediction, answer):
    """If no word is left in either text, the result is 1, as in SQuAD 2.0; here it is 0.

    Without a word in both texts the result is 0.
    """
    one, other = _words(prediction), _words(answer)
    return _f1(one, other, _common(one, other)) if one or other else 1.0


# label_pieces


class _Pieces:
    """A tokenizer with a piece for each two letters, numbered by its length and position; digits have no pieces."""

    unk_token_id = 1

    def ids(self, text):
        letters = [char for char in text if not char.isdigit()]
        return [10 + place + len(letters) for place in range(0, len(letters), 2)]


LABELLED = [
    (["abcde", "ab"], [3, 4], _Pieces()),
    (["ab", "7", "abc"], [1, 2, 0], _Pieces()),
    (["abcd"], [2], _Pieces()),
]


def _labelled(words, labels, tokenizer, of_word):
    ids, result = [], []
    for word, label in zip(words, labels):
        pieces = tokenizer.ids(word) or [tokenizer.unk_token_id]
        ids += pieces
        result += of_word(label, len(pieces))
    return ids, result


@misconception("label_pieces", "labels on every piece", inputs=LABELLED)
def labels_on_every_piece(words, labels, tokenizer):
    """All pieces of a word have its label, so long words count more.

    Pieces after the first have -100.
    """
    return _labelled(words, labels, tokenizer, lambda label, n: [label] * n)


@misconception("label_pieces", "the label on the last piece", inputs=LABELLED)
def label_on_the_last_piece(words, labels, tokenizer):
    """The last piece of a word has its label.

    By convention it is the first piece.
    """
    return _labelled(words, labels, tokenizer, lambda label, n: [-100] * (n - 1) + [label])


@misconception("label_pieces", "O instead of no label", inputs=LABELLED)
def outside_instead_of_no_label(words, labels, tokenizer):
    """Pieces after the first are labelled 0, which is a class (O).

    The loss ignores -100; with 0, the model learns that most pieces of a name are outside of names.
    """
    return _labelled(words, labels, tokenizer, lambda label, n: [label] + [0] * (n - 1))


@misconception("label_pieces", "words without pieces lose their label", inputs=_chosen(LABELLED, 1))
def words_without_pieces_lose_their_label(words, labels, tokenizer):
    """A word without pieces has no label, so all later words move forward.

    Use tokenizer.ids(word) or [tokenizer.unk_token_id].
    """
    ids, result = [], []
    for word, label in zip(words, labels):
        pieces = tokenizer.ids(word)
        ids += pieces
        result += [label, *[-100] * (len(pieces) - 1)] if pieces else []
    return ids, result


@misconception("label_pieces", "-1 instead of -100", inputs=LABELLED)
def minus_one_instead_of_minus_100(words, labels, tokenizer):
    """Pieces after the first have the label -1, which the loss takes for a class and refuses.

    -100 is what the loss ignores.
    """
    return _labelled(words, labels, tokenizer, lambda label, n: [label] + [-1] * (n - 1))


@misconception("label_pieces", "unknown words without a label", inputs=_chosen(LABELLED, 1))
def unknown_words_without_a_label(words, labels, tokenizer):
    """A word without pieces becomes [UNK], but its label becomes -100, so it is neither learned nor counted.

    Its one piece is its first piece: it has the word's label.
    """
    ids, result = _labelled(words, labels, tokenizer, lambda label, n: [label] + [-100] * (n - 1))
    return ids, [-100 if piece == tokenizer.unk_token_id else label for piece, label in zip(ids, result)]


# entities

_SENTENCES = ["O B-PER I-PER O", "B-PER B-PER", "B-PER I-LOC", "O I-LOC I-LOC", "O B-ORG I-ORG", "I-PER O I-PER"]
TAGGED = [(tags.split(),) for tags in _SENTENCES]


def _continues(tag, before):
    return tag[:2] == "I-" and before[2:] == tag[2:]


def _names(tags, continues=_continues, begins=lambda tag: tag != "O"):
    found, before = [], "O"
    for place, tag in enumerate(tags):
        if found and continues(tag, before):
            found[-1] = found[-1]._replace(last=place)
        elif begins(tag):
            found.append(Entity(tag[2:], place, place))
        before = tag
    return found


@misconception("entities", "I- never begins a name", inputs=_chosen(TAGGED, 2, 3, 5))
def a_single_i_is_dropped(tags):
    """Only B- begins a name here.

    I- begins a name, too, if the tag before it is not of the same kind.
    """
    return _names(tags, begins=lambda tag: tag[:2] == "B-")


@misconception("entities", "kinds are not compared", inputs=_chosen(TAGGED, 2))
def kinds_not_compared(tags):
    """I- of another kind continues the name before it.

    Compare tag[2:] with that of the tag before.
    """
    return _names(tags, continues=lambda tag, before: tag[:2] == "I-" and before != "O")


@misconception("entities", "B- continues a name", inputs=_chosen(TAGGED, 1))
def b_continues_a_name(tags):
    """Two names of one kind side by side become one.

    B- always begins a new name.
    """
    return _names(tags, continues=lambda tag, before: tag != "O" and before[2:] == tag[2:])


@misconception("entities", "names at the end of a sentence are lost", inputs=TAGGED[1:])
def names_at_the_end_are_lost(tags):
    """A name that ends with the sentence is not in the list.

    If you add a name when it ends, add one more after the loop.
    """
    return [name for name in _names(tags) if name.last < len(tags) - 1]


@misconception("entities", "the last word excluded", inputs=TAGGED)
def last_word_excluded(tags):
    """The second number is the word after the name; it should be the last word of the name.

    A name of one word has the same first and last word.
    """
    return [name._replace(last=name.last + 1) for name in _names(tags)]


@misconception("entities", "O does not end a name", inputs=_chosen(TAGGED, 5))
def o_does_not_end_a_name(tags):
    """I- continues a name although there is an O between them.

    Compare with the tag right before, not with the last name.
    """
    found = []
    for place, tag in enumerate(tags):
        if tag[:2] == "I-" and found and found[-1].kind == tag[2:]:
            found[-1] = found[-1]._replace(last=place)
        elif tag != "O":
            found.append(Entity(tag[2:], place, place))
    return found


@misconception("entities", "each word a name of its own", inputs=_chosen(TAGGED, 0, 3, 4))
def each_word_a_name(tags):
    """Every tagged word is counted by itself, so a name of two words is two names.

    A name is a run of words: B- or I-, then I- of the same kind.
    """
    return _names(tags, continues=lambda tag, before: False)


@misconception("entities", "kind with its B- or I-", inputs=TAGGED[:4])
def kind_with_its_prefix(tags):
    """The kind is the whole tag, such as B-PER.

    The kind comes after the hyphen: tag[2:].
    """
    return [name._replace(kind=tags[name.first]) for name in _names(tags)]


@misconception("entities", "B- after a name is lost", inputs=[(["B-PER", "B-PER", "O"],)])
def b_after_a_name_lost(tags):
    """A B- that follows a name directly ends that name but begins none.

    B- always begins a new name, whatever comes before it.
    """
    return [
        name for name in _names(tags) if name.first == 0 or tags[name.first][0] == "I" or tags[name.first - 1] == "O"
    ]
