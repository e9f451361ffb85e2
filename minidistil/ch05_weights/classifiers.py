"""Chapter 5. Classifiers: heads that sort whole texts or single tokens.

Devlin et al. (2019), section 4 and figure 4. DistilBERT has no pooler; its classifier of texts has a
dense layer of its own instead (official implementation). Both are one linear layer at heart.

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

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class ClassifierConfig(EncoderConfig):
    """An encoder's configuration (see EncoderConfig) and that of a head for a task.

    id2label[i] is the name of class i. classifier_dropout None means what the architecture does otherwise:
    0.2 before DistilBERT's classifier of sequences, the encoder's dropout elsewhere. qa_dropout is DistilBERT's.
    These are what a model drops out in `train()` mode; `finetune` sets one share for encoder and head, its own.

    Raises:
        ValueError: as EncoderConfig, or no class is named.
    """

    id2label: tuple[str, ...] = ("LABEL_0", "LABEL_1")
    classifier_dropout: float | None = None
    qa_dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.id2label or isinstance(self.id2label, str):
            raise ValueError(f"id2label is {self.id2label!r}: expected the names of the classes, one at least.")
        require_share("qa_dropout", self.qa_dropout)
        require_share("classifier_dropout", self.classifier_dropout or 0)

    @classmethod
    def read(cls, path: Path) -> "ClassifierConfig":
        """As EncoderConfig.read, with the entries of the head; two classes if the file names none.

        Raises:
            ValueError: as EncoderConfig.read, or classes that are not numbered 0, 1, 2 …
        """
        encoder, raw = EncoderConfig.read(path), json.loads(path.read_text(encoding="utf-8"))
        names = raw.get("id2label")
        if not names:
            count = raw.get("num_labels", 2)
            require_whole("num_labels", count, 1)
            names = {number: f"LABEL_{number}" for number in range(count)}
        if not isinstance(names, dict):
            raise ValueError(f"{path} has the classes {names!r}: expected their numbers, each with its name.")
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
        """As EncoderConfig.to_hugging_face, with the entries of the head."""
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
        """The encoder of a pretrained model with a new head, drawn at random: where fine-tuning begins.

        BERT's pooler counts as part of the encoder, as in transformers: where the file has one, it is kept.

        Args:
            name: ladder name, hub id or folder; a head of another kind in there is left aside.
            id2label: the name of each class; a single one means a number to predict.

        Raises:
            FileNotFoundError, ValueError: as from_pretrained, or no class.
        """
        pretrained = BareEncoder.from_pretrained(name)
        model = cls(ClassifierConfig(**asdict(pretrained.config), id2label=tuple(id2label)))
        model.encoder.load_state_dict(pretrained.state_dict(), assign=True)
        model._take_pooler(pretrained.pooler or {})
        return model.eval()

    def _take_pooler(self, pooler: Mapping[str, Tensor]) -> None:
        """Only sequence classifiers have a place for one."""


class SequenceClassifierHead(nn.Module):
    """What stands at [CLS], through a dense layer and a bend, as a score for each class.

    BERT calls the dense layer its pooler and bends with tanh; DistilBERT calls it pre_classifier and takes ReLU.
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
    """What a classifier of sequences is trained to make small; what it is follows from classes and labels.

    Args:
        logits: (B, C).
        labels: with one class, (B,) numbers to predict: mean squared error. With several, (B,) int64, the class of
            each: mean cross-entropy in nats. Or (B, C) floating point, 1 where a class applies and 0 where not, any
            number of them at once: mean binary cross-entropy in nats.

    Raises:
        ValueError: a class that there is not.
    """
    if logits.shape[-1] == 1:
        return nn.functional.mse_loss(logits[:, 0], labels.to(logits.dtype))
    if labels.is_floating_point():
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)
    return class_loss(logits, labels)


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats of (N, C) and (N,), without those whose label is -100.

    Raises:
        ValueError: a class that there is not.
    """
    try:
        return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE)
    except IndexError as error:
        raise ValueError(
            f"The labels go from {labels.min()} to {labels.max()}: expected 0 to {logits.shape[-1] - 1}, "
            f"or {IGNORE} where nothing is asked."
        ) from error


class SequenceClassifier(TaskModel):
    """Encoder that sorts whole texts, or pairs of texts, into classes; with a single class, gives them a number.

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
        """As Encoder.forward, with logits (B, C), C classes, and, where labels are given, the loss.

        One class: labels are (B,) numbers, the loss is the mean squared error. Several: labels are (B,) int64, or
        (B, C) floating point where any number of classes may apply; the loss is a mean cross-entropy in nats.

        Raises:
            ValueError: as Encoder.forward, labels of another shape, or a class that there is not.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.head(output.last_hidden_state)
        if labels is not None:
            output.loss = sequence_loss(output.logits, self._fitting(labels, len(input_ids)))
        return output

    def _fitting(self, labels: Tensor, batch: int) -> Tensor:
        """Labels in the shape that the loss takes: (B,), also of (B, 1); or (B, C) where several classes may apply."""
        classes = len(self.config.id2label)
        expected = (batch, classes) if classes > 1 and labels.is_floating_point() else (batch,)
        if labels.shape not in (expected, (*expected, 1)):
            raise ValueError(f"labels has shape {tuple(labels.shape)}: expected {expected}.")
        return labels.reshape(expected)


class TokenClassifier(TaskModel):
    """Encoder that sorts every token into a class: one linear layer on each hidden state.

    Devlin et al. (2019), figure 4, d.
    """

    architecture = "ForTokenClassification"

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        own = config.classifier_dropout if model_type(config) == "bert" else None
        self.dropout = nn.Dropout(config.dropout if own is None else own)
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
        """As Encoder.forward, with logits (B, L, C), C classes, and, where labels (B, L) are given, the loss.

        The loss is the mean cross-entropy in nats. A label of -100 asks nothing: padding, and pieces of a word after
        the first, usually have it.

        Raises:
            ValueError: as Encoder.forward, or a class that there is not.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.classifier(self.dropout(output.last_hidden_state))  # (B, L, C)
        output.loss = None if labels is None else class_loss(output.logits.flatten(0, 1), labels.flatten())
        return output
