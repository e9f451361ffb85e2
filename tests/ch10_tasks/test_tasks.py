"""What all tasks have in common: batches, scores, the losses of the three heads, and the second distillation."""

import copy
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, PreTrainedTokenizerFast

from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TaskModel, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch10_tasks.conll import TAGS, Conll
from minidistil.ch10_tasks.glue import GLUE
from minidistil.ch10_tasks.tasks import Feature, TaskBatch, collate, confusion_of, predict, scores, task_loss

HEADS = pytest.mark.parametrize("head", [SequenceClassifier, TokenClassifier, QuestionAnswering])
TEMPERATURES = pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])


def small(head: type[TaskModel], classes: int = 2, types: int = 2) -> TaskModel:
    config = ClassifierConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, type_vocab_size=types, id2label=tuple(map(str, range(classes))),
    )  # fmt: skip
    return head(config).eval()


def feature(length: int, label: int | float | list[int], first: int = 5) -> Feature:
    """With the tokens first, first + 1 …, the first half of token type 0, the rest of type 1."""
    half = length // 2
    return Feature(list(range(first, first + length)), [0] * half + [1] * (length - half), label, 0)


# Batches


def test_a_batch_is_padded_to_its_longest_feature_only(impl: ModuleType) -> None:
    batch = impl.collate([feature(3, 1), feature(7, 0), feature(5, 1)], 0, SequenceClassifier)
    assert batch.input_ids.shape == (3, 7), "the longest feature of this batch has 7 tokens"
    assert batch.input_ids.tolist()[0] == [5, 6, 7, 0, 0, 0, 0]
    assert batch.attention_mask.tolist() == [[1] * 3 + [0] * 4, [1] * 7, [1] * 5 + [0] * 2]
    assert batch.token_type_ids.tolist()[:2] == [[0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1]]
    assert batch.labels.tolist() == [1, 0, 1]
    assert {tensor.dtype for tensor in vars(batch).values()} == {torch.int64}


def test_a_real_token_with_the_id_of_padding_is_not_masked(impl: ModuleType) -> None:
    batch = impl.collate([Feature([4, 7, 4], [0, 0, 0], 1, 0), feature(4, 0)], 7, SequenceClassifier)
    assert batch.input_ids.tolist()[0] == [4, 7, 4, 7], "padding has the id pad_token_id"
    assert batch.attention_mask.tolist()[0] == [1, 1, 1, 0], "the mask follows from the lengths, not from the ids"


def test_labels_of_tokens_are_padded_with_minus_100(impl: ModuleType) -> None:
    batch = impl.collate([feature(2, [3, -100]), feature(4, [-100, 1, 2, -100])], 0, TokenClassifier)
    assert batch.labels.tolist() == [[3, -100, -100, -100], [-100, 1, 2, -100]], "the loss ignores padding"
    two_tokens = impl.collate([feature(2, [1, 1]), feature(3, [0, 1, 0])], 0, TokenClassifier)
    assert two_tokens.labels.tolist() == [[1, 1, -100], [0, 1, 0]], "two labels of tokens are not an answer"


def test_features_stay_as_they_are(impl: ModuleType) -> None:
    features = [feature(2, [3, -100]), feature(4, [-100, 1, 2, -100])]
    before = copy.deepcopy(features)
    impl.collate(features, 0, TokenClassifier)
    assert features == before, "the features' lists belong to the caller: make new ones, with +"


def test_labels_of_answers_are_two_positions(impl: ModuleType) -> None:
    batch = impl.collate([feature(4, [1, 2]), feature(6, [0, 5])], 0, QuestionAnswering)
    assert batch.labels.tolist() == [[1, 2], [0, 5]]


def test_a_number_to_predict_stays_a_float(impl: ModuleType) -> None:
    labels = impl.collate([feature(3, 3.8), feature(4, 2.0)], 0, SequenceClassifier).labels
    assert labels.is_floating_point()
    assert labels.tolist() == pytest.approx([3.8, 2.0])


def test_batches_equal_those_of_transformers(official_tokenizer: object) -> None:
    official = PreTrainedTokenizerFast(tokenizer_object=official_tokenizer, pad_token="[PAD]")
    features = [feature(5, 1), feature(9, 0), feature(2, 1)]
    rows = [
        {"input_ids": each.input_ids, "token_type_ids": each.token_type_ids, "label": each.label} for each in features
    ]
    batch, expected = collate(features, 0, SequenceClassifier), DataCollatorWithPadding(official)(rows)
    for name in ("input_ids", "attention_mask", "labels"):
        assert torch.equal(getattr(batch, name), expected[name])
    tagged = [feature(5, [0, 1, 2, -100, 1]), feature(3, [1, 1, 1])]
    rows = [{"input_ids": each.input_ids, "labels": each.label} for each in tagged]
    expected = DataCollatorForTokenClassification(official)(rows)
    assert torch.equal(collate(tagged, 0, TokenClassifier).labels, expected["labels"])


# Scores and losses of the heads


@pytest.mark.parametrize("types", [0, 2])
@HEADS
def test_the_loss_from_scores_is_the_models_own(head: type[TaskModel], types: int) -> None:
    model = small(head, types=types)
    label: Any = {SequenceClassifier: 1, TokenClassifier: [0, 1, -100, 1, 0], QuestionAnswering: [1, 3]}[head]
    batch = collate([feature(5, label), feature(5, label, first=9)], 0, head)
    logits = scores(model, batch)
    labels: dict[str, Tensor] = {"labels": batch.labels}
    if head is QuestionAnswering:
        labels = {"start_positions": batch.labels[:, 0], "end_positions": batch.labels[:, 1]}
    output = model(batch.input_ids, batch.attention_mask, batch.token_type_ids if types else None, **labels)
    assert logits.shape[0] == 2
    assert task_loss(head, logits, batch.labels).item() == pytest.approx(output.loss.item(), abs=1e-6)


def test_predictions_have_no_padding_and_keep_their_order() -> None:
    features = [feature(length, [0] * length, first=length) for length in (9, 3, 12, 5)]
    model = small(TokenClassifier, classes=3).train()
    found = predict(model, features, 0)
    assert model.training, "a model in train() mode is in it again afterwards"
    assert [tuple(row.shape) for row in found] == [(9, 3), (3, 3), (12, 3), (5, 3)]
    for each, row in zip(features, found, strict=True):
        alone = model.eval()(torch.tensor([each.input_ids]), None, torch.tensor([each.token_type_ids])).logits[0]
        assert torch.allclose(row, alone, atol=1e-5)


def test_the_confusion_matrix_counts_what_has_a_label() -> None:
    always_o = torch.eye(len(TAGS))[[0, 0, 0]]
    table = confusion_of(Conll(), [feature(3, [0, 1, -100])], [always_o])
    assert table is not None
    assert [row[0] for row in table] == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert sum(map(sum, table)) == 2
    assert confusion_of(GLUE["sts-b"], [feature(3, 2.5)], [torch.tensor([2.4])]) is None
    assert confusion_of(GLUE["sst-2"], [feature(3, 1)], [torch.tensor([2.4, 0.0])]) == [[0, 0], [1, 0]]


# The second distillation


def batch_of(lengths: list[int], label: Any, head: type[TaskModel]) -> TaskBatch:
    """As `collate` makes it, but without it: a learner may not have written it yet."""
    rows = [torch.arange(1, length + 1) for length in lengths]
    input_ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (B, L)
    labels = [label(length) if callable(label) else label for length in lengths]
    if head is TokenClassifier:
        labels = [each + [-100] * (max(lengths) - len(each)) for each in labels]
    return TaskBatch(input_ids, (input_ids > 0).long(), torch.tensor(labels), torch.zeros_like(input_ids))


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> float:
    """T^2 KL(teacher || student), mean over the rows, in float64."""
    s, t = student.detach().double().numpy() / temperature, teacher.detach().double().numpy() / temperature
    return float(temperature**2 * (softmax(t, -1) * (log_softmax(t, -1) - log_softmax(s, -1))).sum(-1).mean())


@TEMPERATURES
def test_texts_are_imitated_over_their_classes(impl: ModuleType, temperature: float) -> None:
    student, teacher = torch.randn(2, 4, 3) * 2
    batch = batch_of([5, 4, 3, 6], 1, SequenceClassifier)
    loss = impl.imitation_loss(SequenceClassifier, student, teacher, batch, temperature)
    assert loss.item() == pytest.approx(divergence(student, teacher, temperature), rel=1e-4)


@TEMPERATURES
def test_tokens_are_imitated_if_they_have_a_label(impl: ModuleType, temperature: float) -> None:
    batch = batch_of([3, 5], lambda length: [-100, *[1] * (length - 2), -100], TokenClassifier)
    student, teacher = torch.randn(2, 2, 5, 3) * 2
    loss = impl.imitation_loss(TokenClassifier, student, teacher, batch, temperature)
    labelled = batch.labels != -100
    expected = divergence(student[labelled], teacher[labelled], temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-4), "a token without a label does not count"


@TEMPERATURES
def test_answers_are_imitated_over_the_positions_of_the_text(impl: ModuleType, temperature: float) -> None:
    lengths = [3, 6]
    batch = batch_of(lengths, [0, 1], QuestionAnswering)
    student, teacher = torch.randn(2, 2, 6, 2) * 2
    loss = impl.imitation_loss(QuestionAnswering, student, teacher, batch, temperature)
    each = [
        divergence(student[row, :length, end], teacher[row, :length, end], temperature)
        for row, length in enumerate(lengths)
        for end in range(2)
    ]
    assert loss.item() == pytest.approx(np.mean(each), rel=1e-4), "over the positions, without padding, for both ends"


def test_a_number_is_imitated_by_the_squared_difference(impl: ModuleType) -> None:
    student, teacher = (torch.tensor(rows, requires_grad=True) for rows in ([[1.0], [4.0]], [[3.0], [3.0]]))
    loss = impl.imitation_loss(SequenceClassifier, student, teacher, batch_of([3, 3], 2.5, SequenceClassifier), 2.0)
    assert loss.item() == pytest.approx((4 + 1) / 2), "a single number has no softmax"
    to_student, to_teacher = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    assert to_student.tolist() == [[-2.0], [1.0]]
    assert to_teacher is None, "no gradient flows to the teacher"


@HEADS
def test_no_gradient_flows_to_the_teacher(impl: ModuleType, head: type[TaskModel]) -> None:
    label: Any = {SequenceClassifier: 1, TokenClassifier: lambda length: [1] * length, QuestionAnswering: [0, 1]}[head]
    shape = (2, 2) if head is SequenceClassifier else (2, 4, 2)
    student, teacher = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    loss = impl.imitation_loss(head, student, teacher, batch_of([4, 4], label, head), 2.0)
    to_student, to_teacher = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    assert to_teacher is None
    assert torch.isfinite(to_student).all()
