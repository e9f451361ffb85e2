"""Chapter 10. What a task is: examples, what a model reads of each, and what counts as a good answer.

Devlin et al. (2019), section 4: one encoder, and for each task a thin head. All tasks of the course come in this
form, so that one loop (`finetune`) serves them all: sorting texts (GLUE), sorting tokens, marking an answer.

A model's answers are its scores, in one shape for each kind of head: (B, C) of texts, (B, L, C) of tokens, and
(B, L, 2), first and last token, of answers in a text.

Letters in shapes: B sequences, L tokens, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import pad
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.classifiers import (
    SequenceClassifier,
    TaskModel,
    TokenClassifier,
    class_loss,
    sequence_loss,
)
from minidistil.ch05_weights.question_answering import AnswerOutput, QuestionAnswering, answer_loss
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch08_training.device import device_of
from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch10_tasks.task_metrics import confusion

LOOK_BATCH = 64  # features at a time when nothing is learnt
NOWHERE = -1e4  # a score that leaves nothing to padding, and no infinity to take a difference of


@dataclass(frozen=True)
class Feature:
    """What a model reads of an example, and the answer that is expected of it.

    label: of a text, the number of its class, or a float where a number is to be predicted; of tokens, a list with
    the class of each, -100 where nothing is asked; of an answer, [first token, last token].
    """

    input_ids: list[int]
    token_type_ids: list[int]
    label: int | float | list[int]
    example: int  # place of its example in the split; a long text may have several features
    cut: int = 0  # tokens of the example that found no room


class Task(Protocol):
    """What the loop has to know of a task; the examples are the task's own affair."""

    @property
    def name(self) -> str:
        """As the command line calls it."""

    @property
    def id2label(self) -> tuple[str, ...]:
        """Names of the classes; one alone means a number to predict."""

    @property
    def model_class(self) -> type[TaskModel]:
        """The head that the task needs."""

    @property
    def decisive(self) -> tuple[str, ...]:
        """Names of the metrics whose mean decides which epoch was the best."""

    def features(self, examples: Sequence[Any], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """What a model reads, in the order of the examples."""

    def metrics(
        self, examples: Sequence[Any], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """Figures by name; predictions as `predict` gives them, one for each feature."""


@dataclass(frozen=True)
class Dataset:
    """A task with its examples.

    validation: by name; most tasks have one such set, MNLI has two. The first one decides which epoch was the best.
    """

    task: Task
    train: Sequence[Any]
    validation: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class TaskBatch(Batch):
    """Features side by side; labels (B,) of texts, (B, L) of tokens, (B, 2) of answers."""

    token_type_ids: Tensor  # (B, L)


def collate(features: Sequence[Feature], pad_token_id: int, model_class: type[TaskModel]) -> TaskBatch:
    """Features as one batch, padded on the right to the longest of them and no further.

    The labels of tokens are padded with -100: nothing is asked of padding.
    """
    input_ids, attention_mask = pad([torch.tensor(feature.input_ids) for feature in features], pad_token_id)  # (B, L)
    token_type_ids, _ = pad([torch.tensor(feature.token_type_ids) for feature in features], 0)  # (B, L)
    if model_class is TokenClassifier:
        labels, _ = pad([torch.tensor(feature.label) for feature in features], IGNORE)  # (B, L)
    else:
        labels = torch.tensor([feature.label for feature in features])  # (B,) or (B, 2)
    return TaskBatch(input_ids, attention_mask, labels, token_type_ids)


def scores(model: TaskModel, batch: TaskBatch) -> Tensor:
    """What the model says: (B, C) of texts, (B, L, C) of tokens, (B, L, 2) of answers."""
    types = batch.token_type_ids if model.config.type_vocab_size else None  # a DistilBERT has none
    output = model(batch.input_ids, batch.attention_mask, types)
    if isinstance(output, AnswerOutput):
        assert output.start_logits is not None
        assert output.end_logits is not None
        return torch.stack([output.start_logits, output.end_logits], dim=-1)  # (B, L, 2)
    return output.logits


def task_loss(model_class: type[TaskModel], logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of a kind of head, from its `scores` and the labels of a batch."""
    if model_class is SequenceClassifier:
        return sequence_loss(logits, labels)
    if model_class is TokenClassifier:
        return class_loss(logits.flatten(0, 1), labels.flatten())
    return answer_loss(*logits.unbind(-1), *labels.unbind(-1))


def imitation_loss(
    model_class: type[TaskModel], student: Tensor, teacher: Tensor, batch: TaskBatch, temperature: float
) -> Tensor:
    """How far the student's `scores` are from its teacher's: the second distillation, while fine-tuning.

    Sanh et al. (2019), section 4.1, DistilBERT (D) of table 2, do this on SQuAD: L_ce over the places of a text, for
    the first and the last token of the answer. Of classes it is L_ce over the classes; of tokens, at those that have a
    label; of a number, the squared difference.
    """
    if model_class is QuestionAnswering:
        padding = ~batch.attention_mask.bool()[:, None]  # (B, 1, L)
        student, teacher = (each.mT.masked_fill(padding, NOWHERE) for each in (student, teacher))  # (B, 2, L)
    elif model_class is TokenClassifier:
        asked = batch.labels != IGNORE  # (B, L)
        student, teacher = student[asked], teacher[asked]  # (N, C)
    elif student.shape[-1] == 1:
        return nn.functional.mse_loss(student, teacher.detach())
    return soft_target_loss(student, teacher, temperature)


def task_losses(task: Task, teacher: TaskModel | None, config: FinetuneConfig) -> Losses:
    """The loss of the task's head and, with a teacher, how far the model is from what that one says."""

    def losses(model: TaskModel, batch: TaskBatch) -> dict[str, Tensor]:
        logits = scores(model, batch).float()
        loss = task_loss(task.model_class, logits, batch.labels)
        if teacher is None:
            return {"loss": loss}
        with torch.no_grad():
            told = scores(teacher, batch).float()
        ce = imitation_loss(task.model_class, logits, told, batch, config.temperature)
        return {"loss": config.alpha_ce * ce + config.alpha_task * loss, "ce": ce, "task": loss}

    return losses


@torch.no_grad()
def predict(model: TaskModel, features: Sequence[Feature], pad_token_id: int) -> list[Tensor]:
    """The model's scores for each feature, in their order, without padding: (C,), (L, C) or (L, 2), on the CPU."""
    learning = model.training
    model.eval()
    order = sorted(range(len(features)), key=lambda index: len(features[index].input_ids))
    found: dict[int, Tensor] = {}
    for start in range(0, len(order), LOOK_BATCH):
        chosen = order[start : start + LOOK_BATCH]
        batch = collate([features[index] for index in chosen], pad_token_id, type(model))
        parts = {name: tensor.to(device_of(model)) for name, tensor in vars(batch).items()}
        rows = scores(model, TaskBatch(**parts)).float().cpu()
        for index, row in zip(chosen, rows, strict=True):
            found[index] = row[: len(features[index].input_ids)] if row.dim() > 1 else row
    model.train(learning)
    return [found[index] for index in range(len(features))]


def confusion_of(task: Task, features: Sequence[Feature], predictions: Sequence[Tensor]) -> list[list[int]] | None:
    """How often each class was taken for each; None where there are no classes."""
    if len(task.id2label) == 1 or task.model_class is QuestionAnswering:
        return None
    pairs: list[tuple[Any, int]] = []
    for feature, row in zip(features, predictions, strict=True):
        if task.model_class is TokenClassifier:
            assert isinstance(feature.label, list)
            guesses = row.argmax(-1).tolist()
            pairs += [pair for pair in zip(feature.label, guesses, strict=True) if pair[0] >= 0]
        else:
            pairs.append((feature.label, int(row.argmax())))
    return confusion([right for right, _ in pairs], [guess for _, guess in pairs], len(task.id2label))
