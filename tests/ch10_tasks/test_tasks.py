"""Chapter 10's frame: batches, scores, losses of all three heads, what is taken from a teacher."""

import math
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
from minidistil.ch10_tasks.glue import GLUE
from minidistil.ch10_tasks.tasks import Feature, TaskBatch, collate, confusion_of, predict, scores, task_loss

HEADS = (SequenceClassifier, TokenClassifier, QuestionAnswering)


def small(head: type[TaskModel], classes: int = 2, types: int = 2) -> TaskModel:
    config = ClassifierConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        type_vocab_size=types,
        id2label=tuple(map(str, range(classes))),
    )
    return head(config).eval()


def feature(length: int, label: int | float | list[int], first: int = 5) -> Feature:
    return Feature(
        [first + place for place in range(length)], [0] * (length // 2) + [1] * (length - length // 2), label, 0
    )


# Batches


def test_a_batch_is_padded_to_its_longest_feature_only(impl: ModuleType) -> None:
    features = [feature(3, 1), feature(7, 0), feature(5, 1)]
    batch = impl.collate(features, 0, SequenceClassifier)
    assert batch.input_ids.shape == (3, 7), "no further than the longest feature of this batch"
    assert batch.input_ids.tolist()[0] == [5, 6, 7, 0, 0, 0, 0]
    assert batch.attention_mask.tolist() == [[1] * 3 + [0] * 4, [1] * 7, [1] * 5 + [0] * 2]
    assert batch.token_type_ids.tolist()[1] == [0, 0, 0, 1, 1, 1, 1]
    assert batch.token_type_ids.tolist()[0] == [0, 1, 1, 0, 0, 0, 0]
    assert batch.labels.tolist() == [1, 0, 1]
    assert batch.labels.dtype == torch.int64


def test_a_real_token_with_the_number_of_padding_is_seen_all_the_same(impl: ModuleType) -> None:
    batch = impl.collate([Feature([4, 7, 4], [0, 0, 0], 1, 0), feature(4, 0)], 7, SequenceClassifier)
    assert batch.input_ids.tolist()[0] == [4, 7, 4, 7], "padding has the number that it was given"
    assert batch.attention_mask.tolist()[0] == [1, 1, 1, 0], "the mask follows the lengths, not the numbers"


def test_labels_of_tokens_are_padded_with_minus_100(impl: ModuleType) -> None:
    batch = impl.collate([feature(2, [3, -100]), feature(4, [-100, 1, 2, -100])], 0, TokenClassifier)
    assert batch.labels.tolist() == [[3, -100, -100, -100], [-100, 1, 2, -100]], "nothing is asked of padding"


def test_labels_of_answers_are_two_places(impl: ModuleType) -> None:
    batch = impl.collate([feature(4, [1, 2]), feature(6, [0, 5])], 0, QuestionAnswering)
    assert batch.labels.tolist() == [[1, 2], [0, 5]]


def test_two_tokens_with_a_label_each_are_no_answer(impl: ModuleType) -> None:
    batch = impl.collate([feature(2, [1, 1]), feature(3, [0, 1, 0])], 0, TokenClassifier)
    assert batch.labels.tolist() == [[1, 1, -100], [0, 1, 0]]


def test_a_number_to_predict_stays_a_number(impl: ModuleType) -> None:
    labels = impl.collate([feature(3, 3.8), feature(4, 2.0)], 0, SequenceClassifier).labels
    assert labels.is_floating_point()
    assert labels.tolist() == pytest.approx([3.8, 2.0])


def test_batches_are_those_of_transformers(official_tokenizer: object, minilm_folder: object) -> None:
    theirs = PreTrainedTokenizerFast(tokenizer_object=official_tokenizer, pad_token="[PAD]")
    features = [feature(5, 1), feature(9, 0), feature(2, 1)]
    rows = [
        {"input_ids": each.input_ids, "token_type_ids": each.token_type_ids, "label": each.label} for each in features
    ]
    ours = collate(features, 0, SequenceClassifier)
    official = DataCollatorWithPadding(theirs)(rows)
    for name in ("input_ids", "attention_mask", "labels"):
        assert torch.equal(getattr(ours, name), official[name])
    tagged = [feature(5, [0, 1, 2, -100, 1]), feature(3, [1, 1, 1])]
    rows = [{"input_ids": each.input_ids, "labels": each.label} for each in tagged]
    official = DataCollatorForTokenClassification(theirs)(rows)
    assert torch.equal(collate(tagged, 0, TokenClassifier).labels, official["labels"])


# Scores and losses of the heads


@pytest.mark.parametrize("types", [0, 2])
@pytest.mark.parametrize("head", HEADS)
def test_loss_from_scores_is_the_models_own(head: type[TaskModel], types: int) -> None:
    model = small(head, types=types)
    label: Any = {SequenceClassifier: 1, TokenClassifier: [0, 1, -100, 1, 0], QuestionAnswering: [1, 3]}[head]
    batch = collate([feature(5, label), feature(5, label, first=9)], 0, head)
    given = scores(model, batch)
    names = ("start_positions", "end_positions") if head is QuestionAnswering else ("labels",)
    labels = batch.labels.unbind(-1) if head is QuestionAnswering else (batch.labels,)
    output = model(
        batch.input_ids,
        batch.attention_mask,
        batch.token_type_ids if types else None,
        **dict(zip(names, labels, strict=True)),
    )
    assert given.shape[0] == 2
    assert task_loss(head, given, batch.labels).item() == pytest.approx(output.loss.item(), abs=1e-6)


def test_predictions_have_no_padding_and_keep_their_order() -> None:
    features = [feature(length, [0] * length, first=length) for length in (9, 3, 12, 5)]
    model = small(TokenClassifier, classes=3).train()
    found = predict(model, features, 0)
    assert model.training, "a model that was learning goes on learning"
    assert [tuple(row.shape) for row in found] == [(9, 3), (3, 3), (12, 3), (5, 3)]
    for each, row in zip(features, found, strict=True):
        alone = model.eval()(torch.tensor([each.input_ids]), None, torch.tensor([each.token_type_ids])).logits[0]
        assert torch.allclose(row, alone, atol=1e-5)


def test_confusion_counts_only_what_was_asked() -> None:
    class Tagging:
        name, id2label, model_class, decisive = "tagging", ("a", "b"), TokenClassifier, ()

    says_b = torch.tensor([[0.0, 1.0]] * 3)
    assert confusion_of(Tagging(), [feature(3, [0, 1, -100])], [says_b]) == [[0, 1], [0, 1]]  # type: ignore[arg-type]
    assert confusion_of(GLUE["sts-b"], [feature(3, 2.5)], [torch.tensor([2.4])]) is None
    assert confusion_of(GLUE["sst-2"], [feature(3, 1)], [torch.tensor([2.4, 0.0])]) == [[0, 0], [1, 0]]


# What is taken from a teacher


def batch_of(lengths: list[int], label: Any, head: type[TaskModel]) -> TaskBatch:
    """As `collate` makes it, but without it: in a students' copy that may not be written yet."""
    longest = max(lengths)
    rows = [torch.arange(1, length + 1) for length in lengths]
    input_ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (B, L)
    labels = [label(length) if callable(label) else label for length in lengths]
    if head is TokenClassifier:
        labels = [each + [-100] * (longest - len(each)) for each in labels]
    return TaskBatch(input_ids, (input_ids > 0).long(), torch.tensor(labels), torch.zeros_like(input_ids))


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> float:
    """T^2 KL(teacher || student), mean over the rows, in float64."""
    s, t = student.detach().double().numpy() / temperature, teacher.detach().double().numpy() / temperature
    return float(temperature**2 * (softmax(t, -1) * (log_softmax(t, -1) - log_softmax(s, -1))).sum(-1).mean())


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_a_text_is_imitated_over_its_classes(impl: ModuleType, temperature: float) -> None:
    student, teacher = torch.randn(2, 4, 3) * 2
    batch = batch_of([5, 4, 3, 6], 1, SequenceClassifier)
    loss = impl.imitation_loss(SequenceClassifier, student, teacher, batch, temperature)
    assert loss.item() == pytest.approx(divergence(student, teacher, temperature), rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_tokens_are_imitated_where_they_have_a_label(impl: ModuleType, temperature: float) -> None:
    batch = batch_of([3, 5], lambda length: [-100, *[1] * (length - 2), -100], TokenClassifier)
    student, teacher = torch.randn(2, 2, 5, 3) * 2
    loss = impl.imitation_loss(TokenClassifier, student, teacher, batch, temperature)
    asked = batch.labels != -100
    expected = divergence(student[asked], teacher[asked], temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-4), "a position without a label does not count"


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_an_answer_is_imitated_over_the_places_of_its_text(impl: ModuleType, temperature: float) -> None:
    lengths = [3, 6]
    batch = batch_of(lengths, [0, 1], QuestionAnswering)
    student, teacher = torch.randn(2, 2, 6, 2) * 2
    loss = impl.imitation_loss(QuestionAnswering, student, teacher, batch, temperature)
    each = [
        divergence(student[row, :length, end], teacher[row, :length, end], temperature)
        for row, length in enumerate(lengths)
        for end in range(2)
    ]
    assert loss.item() == pytest.approx(np.mean(each), rel=1e-4), "over the places, without padding, for both ends"


def test_a_number_is_imitated_by_its_square(impl: ModuleType) -> None:
    batch = batch_of([3, 3], 2.5, SequenceClassifier)
    loss = impl.imitation_loss(
        SequenceClassifier, torch.tensor([[1.0], [4.0]]), torch.tensor([[3.0], [3.0]]), batch, 2.0
    )
    assert loss.item() == pytest.approx((4 + 1) / 2), "of one number there is no softmax"


@pytest.mark.parametrize("head", HEADS)
def test_no_gradient_flows_to_the_teacher(impl: ModuleType, head: type[TaskModel]) -> None:
    label: Any = {SequenceClassifier: 1, TokenClassifier: lambda length: [1] * length, QuestionAnswering: [0, 1]}[head]
    batch = batch_of([4, 4], label, head)
    shape = (2, 2) if head is SequenceClassifier else (2, 4, 2)
    student, teacher = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    loss = impl.imitation_loss(head, student, teacher, batch, 2.0)
    ours, theirs = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    assert theirs is None
    assert torch.isfinite(ours).all()


def test_no_gradient_flows_to_the_teacher_of_a_number(impl: ModuleType) -> None:
    student, teacher = torch.ones(2, 1, requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    loss = impl.imitation_loss(SequenceClassifier, student, teacher, batch_of([3, 3], 2.5, SequenceClassifier), 2.0)
    ours, theirs = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    assert theirs is None
    assert ours.tolist() == [[1.0], [1.0]]


def test_a_student_like_its_teacher_has_nothing_to_learn(impl: ModuleType) -> None:
    batch = batch_of([3, 6], [0, 1], QuestionAnswering)
    said = torch.randn(2, 6, 2)
    loss = impl.imitation_loss(QuestionAnswering, said, said + 3.0, batch, 2.0)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert math.isfinite(loss.item())
