"""Chapter 10. What a task is: examples, what a model reads of each, a loss, and metrics.

Devlin et al. (2019), section 4: one encoder, and a small head on top of it for each task. All tasks of the course have
the form of `Task`, so that one training loop (`finetune`) serves them all: classifying texts (GLUE, IMDb), classifying
tokens (CoNLL) and finding an answer in a text (SQuAD).

Each kind of head gives scores of one shape: (B, C) for texts, (B, L, C) for tokens, and (B, L, 2) for answers, where
the two are the scores of the first and of the last token.

Letters in shapes: B sequences, L tokens, C classes, N tokens that have a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.batching import pad
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.classifiers import SequenceClassifier, TaskModel, TokenClassifier, sequence_loss
from minidistil.ch05_weights.heads import class_loss
from minidistil.ch05_weights.question_answering import AnswerOutput, QuestionAnswering, answer_loss
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch08_training.device import device_of
from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch10_tasks.task_metrics import confusion

PREDICTION_BATCH = 64  # features at a time when nothing is trained
PADDING_SCORE = -1e4  # gives probability 0; with minus infinity, the difference of two scores is NaN


@dataclass(frozen=True)
class Feature:
    """What a model reads of an example, and its label.

    label: for a text, the number of its class, or a float if a number is to be predicted; for tokens, a list with the
    class of each, or -100 where the token is ignored; for an answer, [first token, last token].
    """

    input_ids: list[int]
    token_type_ids: list[int]
    label: int | float | list[int]
    example: int  # index of its example; a long text may have several features
    cut: int = 0  # tokens of the example that were cut off


class Task(Protocol):
    """What the training loop needs to know of a task. What an example is, only the task itself knows."""

    @property
    def name(self) -> str:
        """The name on the command line."""

    @property
    def id2label(self) -> tuple[str, ...]:
        """Names of the classes; a single one means that a number is predicted."""

    @property
    def model_class(self) -> type[TaskModel]:
        """The model with the right kind of head."""

    @property
    def decisive(self) -> tuple[str, ...]:
        """Names of the metrics whose mean decides which epoch is the best."""

    def features(self, examples: Sequence[Any], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """What a model reads, in the order of the examples."""

    def metrics(
        self, examples: Sequence[Any], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """Metrics by name; predictions are those of `predict`, one for each feature."""


@dataclass(frozen=True)
class Dataset:
    """A task with its examples.

    validation: sets by name. Most tasks have one, MNLI has two. The first one decides which epoch is the best.
    """

    task: Task
    train: Sequence[Any]
    validation: Mapping[str, Sequence[Any]]


# --- Batches, scores, losses ---


@dataclass(frozen=True)
class TaskBatch(Batch):
    """A batch of features; labels are (B,) for texts, (B, L) for tokens, (B, 2) for answers."""

    token_type_ids: Tensor  # (B, L)


def collate(features: Sequence[Feature], pad_token_id: int, model_class: type[TaskModel]) -> TaskBatch:
    """Features as one batch, padded on the right to the length of the longest one.

    Labels of tokens are padded with -100, which the loss ignores.

    >>> features = [Feature([101, 7, 102], [0, 0, 0], 1, 0), Feature([101, 102], [0, 0], 0, 1)]
    >>> collate(features, 0, SequenceClassifier).input_ids.tolist()
    [[101, 7, 102], [101, 102, 0]]
    """
    input_ids, attention_mask = pad([torch.tensor(feature.input_ids) for feature in features], pad_token_id)  # (B, L)
    token_type_ids, _ = pad([torch.tensor(feature.token_type_ids) for feature in features], 0)  # (B, L)
    if model_class is TokenClassifier:
        labels, _ = pad([torch.tensor(feature.label) for feature in features], IGNORE)  # (B, L)
    else:
        labels = torch.tensor([feature.label for feature in features])  # (B,) or (B, 2)
    return TaskBatch(input_ids, attention_mask, labels, token_type_ids)


def scores(model: TaskModel, batch: TaskBatch) -> Tensor:
    """The model's scores: (B, C) for texts, (B, L, C) for tokens, (B, L, 2) for answers."""
    types = batch.token_type_ids if model.config.type_vocab_size else None  # DistilBERT has no token types
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


# --- The second distillation: a teacher that was fine-tuned on the same task ---


def imitation_loss(
    model_class: type[TaskModel], student: Tensor, teacher: Tensor, batch: TaskBatch, temperature: float
) -> Tensor:
    """How far the student's `scores` are from its teacher's: the second distillation, during fine-tuning.

    Sanh et al. (2019), section 4.1, DistilBERT (D) of table 2, do this on SQuAD: L_ce over the positions of a text, for
    the first and the last token of the answer. For classes of texts it is L_ce over the classes; for tokens the same,
    at the tokens that have a label; for a predicted number, the mean squared difference.

    >>> batch = collate([Feature([101, 102], [0, 0], 1, 0)], 0, SequenceClassifier)
    >>> student, teacher = torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.5, 0.5]]).log()
    >>> round(imitation_loss(SequenceClassifier, student, teacher, batch, temperature=1.0).item(), 4)  # ln(4 / 3) / 2
    0.1438
    """
    if model_class is QuestionAnswering:
        padding = ~batch.attention_mask.bool()[:, None]  # (B, 1, L)
        student, teacher = (each.mT.masked_fill(padding, PADDING_SCORE) for each in (student, teacher))  # (B, 2, L)
    elif model_class is TokenClassifier:
        labelled = batch.labels != IGNORE  # (B, L)
        student, teacher = student[labelled], teacher[labelled]  # (N, C)
    elif student.shape[-1] == 1:
        return nn.functional.mse_loss(student, teacher.detach())
    return soft_target_loss(student, teacher, temperature)


def task_losses(task: Task, teacher: TaskModel | None, config: FinetuneConfig) -> Losses:
    """The loss to minimise: that of the task and, with a teacher, the weighted sum of it and `imitation_loss`."""

    def losses(model: TaskModel, batch: TaskBatch) -> dict[str, Tensor]:
        logits = scores(model, batch).float()
        loss = task_loss(task.model_class, logits, batch.labels)
        if teacher is None:
            return {"loss": loss}
        with torch.no_grad():
            target = scores(teacher, batch).float()
        ce = imitation_loss(task.model_class, logits, target, batch, config.temperature)
        return {"loss": config.alpha_ce * ce + config.alpha_task * loss, "ce": ce, "task": loss}

    return losses


# --- Predictions ---


@torch.no_grad()
def predict(model: TaskModel, features: Sequence[Feature], pad_token_id: int) -> list[Tensor]:
    """The scores of each feature, in their order, without padding: (C,), (L, C) or (L, 2), on the CPU.

    Features of similar length share a batch, so that there is little padding.
    """
    order = sorted(range(len(features)), key=lambda index: len(features[index].input_ids))
    found: dict[int, Tensor] = {}
    for start in range(0, len(order), PREDICTION_BATCH):
        chosen = order[start : start + PREDICTION_BATCH]
        batch = collate([features[index] for index in chosen], pad_token_id, type(model))
        on_device = TaskBatch(**{name: tensor.to(device_of(model)) for name, tensor in vars(batch).items()})
        with evaluating(model):
            rows = scores(model, on_device).float().cpu()
        for index, row in zip(chosen, rows, strict=True):
            found[index] = row[: len(features[index].input_ids)] if row.dim() > 1 else row
    return [found[index] for index in range(len(features))]


def confusion_of(task: Task, features: Sequence[Feature], predictions: Sequence[Tensor]) -> list[list[int]] | None:
    """The confusion matrix of what `predict` gave; None if the task has no classes."""
    classes = len(task.id2label)
    if classes == 1 or task.model_class is QuestionAnswering:
        return None
    right = torch.cat([torch.tensor(feature.label).flatten() for feature in features])
    guessed = torch.cat([row.reshape(-1, classes).argmax(-1) for row in predictions])
    labelled = right != IGNORE
    return confusion(right[labelled].tolist(), guessed[labelled].tolist(), classes)
