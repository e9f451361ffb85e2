"""Chapter 5. Classifiers: heads that give a class to whole texts or to single tokens.

Devlin et al. (2019), section 4 and figure 4. DistilBERT has no pooler; its classifier of texts has a
dense layer of its own instead (official implementation).

Letters in shapes: B sequences, L tokens, D width, C classes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch04_encoder.config import EncoderConfig, require_share, require_whole
from minidistil.ch04_encoder.encoder import Encoder, ModelOutput, initialize
from minidistil.ch05_weights.weights import BareEncoder, Model, model_type
from minidistil.files import read_small

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class ClassifierConfig(EncoderConfig):
    """The configuration of an encoder (see EncoderConfig) with a head for a task.

    id2label[i] is the name of class i. classifier_dropout None means the default of the architecture:
    0.2 in DistilBERT's classifier of texts, the encoder's dropout elsewhere. Only DistilBERT uses qa_dropout.
    `finetune` replaces all of these by one dropout rate for encoder and head.

    Raises:
        ValueError: as EncoderConfig, or id2label is empty, or a dropout is not in [0, 1).
    """

    id2label: tuple[str, ...] = ("LABEL_0", "LABEL_1")
    classifier_dropout: float | None = None
    qa_dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.id2label or isinstance(self.id2label, str):
            raise ValueError(f"id2label is {self.id2label!r}: expected the names of the classes, at least one.")
        require_share("qa_dropout", self.qa_dropout)
        require_share("classifier_dropout", self.classifier_dropout or 0)

    @classmethod
    def read(cls, path: Path) -> "ClassifierConfig":
        """As EncoderConfig.read, with the settings of the head; two classes if the file names none.

        Raises:
            ValueError: as EncoderConfig.read, or the classes are not numbered 0, 1, 2 …
        """
        encoder, raw = EncoderConfig.read(path), json.loads(read_small(path))
        names = raw.get("id2label")
        if not names:
            count = raw.get("num_labels", 2)
            require_whole("num_labels", count, 1)
            names = {number: f"LABEL_{number}" for number in range(count)}
        if not isinstance(names, dict):
            raise ValueError(f"{path} has id2label {names!r}: expected a number and a name for each class.")
        in_order = {str(number): names.get(str(number), names.get(number)) for number in range(len(names))}
        if None in in_order.values():
            raise ValueError(f"{path} numbers its classes {', '.join(map(str, names))}: expected 0, 1, 2 …")
        return cls(
            **asdict(encoder),
            id2label=tuple(map(str, in_order.values())),
            classifier_dropout=raw.get(_CLASSIFIER_DROPOUT[model_type(encoder)]),
            qa_dropout=raw.get("qa_dropout", cls.qa_dropout),
        )

    def to_hugging_face(self, architecture: str) -> dict[str, object]:
        """As EncoderConfig.to_hugging_face, with the settings of the head."""
        entries = super().to_hugging_face(architecture)
        entries["id2label"] = {str(number): name for number, name in enumerate(self.id2label)}
        entries["label2id"] = {name: number for number, name in enumerate(self.id2label)}
        if self.classifier_dropout is not None:
            entries[_CLASSIFIER_DROPOUT[model_type(self)]] = self.classifier_dropout
        return entries | ({} if self.type_vocab_size else {"qa_dropout": self.qa_dropout})


_CLASSIFIER_DROPOUT = {"bert": "classifier_dropout", "distilbert": "seq_classif_dropout"}


class TaskModel(Model):
    """An encoder with a head that is trained for one task."""

    config_class = ClassifierConfig
    config: ClassifierConfig
    encoder: Encoder

    @classmethod
    def with_fresh_head(cls, name: str | Path, id2label: Sequence[str] = ClassifierConfig.id2label) -> "Self":
        """The encoder of a pretrained model with a new, random head: the start of fine-tuning.

        As in transformers, BERT's pooler counts as part of the encoder: if the file has one, it is kept.

        Args:
            name: model name, hub id or folder; another head in its files is ignored.
            id2label: the name of each class; a single one means regression.

        Raises:
            FileNotFoundError, ValueError: as from_pretrained, or id2label is empty.
        """
        pretrained = BareEncoder.from_pretrained(name)
        model = cls(ClassifierConfig(**asdict(pretrained.config), id2label=tuple(id2label)))
        model.encoder.load_state_dict(pretrained.state_dict(), assign=True)
        model._take_pooler(pretrained.pooler or {})
        return model.eval()

    def _take_pooler(self, pooler: Mapping[str, Tensor]) -> None:
        """Does nothing: only sequence classifiers use the pooler."""


class SequenceClassifierHead(nn.Module):
    """A score for each class, from the hidden state of [CLS] through a dense layer and an activation function.

    BERT calls the dense layer pooler and uses tanh; DistilBERT calls it pre_classifier and uses ReLU.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.is_bert = model_type(config) == "bert"
        default = config.dropout if self.is_bert else 0.2
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(default if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, L, D) -> (B, C)."""
        dense = self.dense(hidden_states[:, 0])  # (B, D)
        return self.classifier(self.dropout(dense.tanh() if self.is_bert else dense.relu()))  # (B, C)


def sequence_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of a sequence classifier. As in transformers, the number of classes and the labels decide which one.

    >>> import torch
    >>> sequence_loss(torch.zeros(1, 2), torch.tensor([1]))  # ln 2
    tensor(0.6931)

    Args:
        logits: (B, C).
        labels: with one class, (B,) numbers to predict: mean squared error. With several, (B,) int64, the class of
            each text: mean cross-entropy in nats. Or (B, C) floating point, 1 for each class that applies and 0 for
            the others (multi-label): mean binary cross-entropy in nats.

    Raises:
        ValueError: a label is not the number of a class.
    """
    if logits.shape[-1] == 1:
        return nn.functional.mse_loss(logits[:, 0], labels.to(logits.dtype))
    if labels.is_floating_point():
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)
    return class_loss(logits, labels)


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats of logits (N, C) and labels (N,); a label of -100 is ignored.

    Raises:
        ValueError: a label is not the number of a class.
    """
    try:
        return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE)
    except IndexError as error:
        raise ValueError(
            f"The labels go from {labels.min()} to {labels.max()}: expected 0 to {logits.shape[-1] - 1}, "
            f"or {IGNORE} to ignore a position."
        ) from error


class SequenceClassifier(TaskModel):
    """Encoder with a classifier of whole texts or pairs of texts; with a single class it predicts a number.

    Devlin et al. (2019), section 4.1; figure 4, a and b.
    """

    architecture = "ForSequenceClassification"

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.head = SequenceClassifierHead(config)

    def _take_pooler(self, pooler: Mapping[str, Tensor]) -> None:
        state = {name.removeprefix("pooler.dense."): tensor for name, tensor in pooler.items()}
        self.head.dense.load_state_dict(state, strict=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> ModelOutput:
        """As Encoder.forward, with logits (B, C) for C classes and, if labels are given, the loss.

        With one class, labels are (B,) numbers and the loss is the mean squared error. With several, labels are (B,)
        int64, or (B, C) floating point if several classes may apply; the loss is a mean cross-entropy in nats.

        Raises:
            ValueError: as Encoder.forward, labels of another shape, or a label that is not the number of a class.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.head(output.last_hidden_state)
        if labels is not None:
            output.loss = sequence_loss(output.logits, self._fitting(labels, len(input_ids)))
        return output

    def _fitting(self, labels: Tensor, batch: int) -> Tensor:
        """Labels in the shape that the loss expects, (B,) or (B, C); a further dimension of 1 is removed."""
        classes = len(self.config.id2label)
        expected = (batch, classes) if classes > 1 and labels.is_floating_point() else (batch,)
        if labels.shape not in (expected, (*expected, 1)):
            raise ValueError(f"labels has shape {tuple(labels.shape)}: expected {expected}.")
        return labels.reshape(expected)


class TokenClassifier(TaskModel):
    """Encoder with a classifier of tokens: one linear layer on each hidden state.

    Devlin et al. (2019), figure 4, d.
    """

    architecture = "ForTokenClassification"

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        of_head = config.classifier_dropout if model_type(config) == "bert" else None
        self.dropout = nn.Dropout(config.dropout if of_head is None else of_head)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.classifier.apply(lambda module: initialize(module, config.initializer_range))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> ModelOutput:
        """As Encoder.forward, with logits (B, L, C) for C classes and, if labels (B, L) are given, the loss.

        The loss is the mean cross-entropy in nats. A label of -100 is ignored: padding usually has it, and so do the
        pieces of a word after the first.

        Raises:
            ValueError: as Encoder.forward, or a label that is not the number of a class.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.classifier(self.dropout(output.last_hidden_state))  # (B, L, C)
        output.loss = None if labels is None else class_loss(output.logits.flatten(0, 1), labels.flatten())
        return output
