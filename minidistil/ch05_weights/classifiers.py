"""Chapter 5. Classifiers: heads that give a class to whole texts or to single tokens.

Devlin et al. (2019), section 4 and figure 4. DistilBERT has no pooler; its classifier of texts has a
dense layer of its own instead (official implementation).

Letters in shapes: B sequences, L tokens, D width, C classes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from minidistil.arguments import require_kind
from minidistil.ch04_encoder.config import EncoderConfig, require_share, require_whole
from minidistil.ch04_encoder.encoder import Encoder, ModelOutput, initialize
from minidistil.ch04_encoder.inputs import require_tensor, whole_labels
from minidistil.ch05_weights.heads import class_loss
from minidistil.ch05_weights.weights import BareEncoder, Model, model_type
from minidistil.files import read_small

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class ClassifierConfig(EncoderConfig):
    """The configuration of an encoder (see EncoderConfig) with a head for a task.

    id2label[i] is the name of class i; any form that `class_names` takes becomes a tuple. problem_type is that of a
    classifier of texts: "regression", the default with one class, "single_label_classification" or
    "multi_label_classification"; None: the labels decide. classifier_dropout None means the default of the
    architecture: 0.2 in DistilBERT's classifier of texts, the encoder's dropout elsewhere. Only DistilBERT uses
    qa_dropout. `finetune` replaces all of these by one dropout rate for encoder and head.

    Raises:
        ValueError: as EncoderConfig or `class_names`, an unknown problem_type, or a dropout is not in [0, 1).
    """

    id2label: tuple[str, ...] = ("LABEL_0", "LABEL_1")
    classifier_dropout: float | None = None
    qa_dropout: float = 0.1
    problem_type: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "id2label", class_names(self.id2label))
        if self.problem_type is None and len(self.id2label) == 1:
            object.__setattr__(self, "problem_type", REGRESSION)
        if self.problem_type not in (None, REGRESSION, SINGLE_LABEL, MULTI_LABEL):
            raise ValueError(
                f"problem_type is {self.problem_type!r}: expected {REGRESSION}, {SINGLE_LABEL} or {MULTI_LABEL}."
            )
        if self.problem_type == SINGLE_LABEL and len(self.id2label) == 1:
            raise ValueError(f"problem_type {SINGLE_LABEL} needs two classes or more, got one: {self.id2label[0]}.")
        require_share("qa_dropout", self.qa_dropout)
        require_share("classifier_dropout", self.classifier_dropout or 0)

    @classmethod
    def read(cls, path: Path) -> "ClassifierConfig":
        """As EncoderConfig.read, with the settings of the head; two classes if the file names none.

        Raises:
            ValueError: as EncoderConfig.read, or as the class itself.
        """
        encoder, raw = EncoderConfig.read(path), json.loads(read_small(path))
        names, count = raw.get("id2label"), raw.get("num_labels")
        if not names:
            count = 2 if count is None else count
            require_whole("num_labels", count, 1)
            names = [f"LABEL_{number}" for number in range(count)]
        config = cls(
            **asdict(encoder),
            id2label=class_names(names),
            classifier_dropout=raw.get(_CLASSIFIER_DROPOUT[model_type(encoder)]),
            qa_dropout=raw.get("qa_dropout", cls.qa_dropout),
            problem_type=raw.get("problem_type"),
        )
        if count not in (None, named := len(config.id2label)):
            raise ValueError(f"{path} has num_labels {count!r} and {named} names in id2label: expected the same.")
        object.__setattr__(config, "problem_type", raw.get("problem_type"))  # None stays None, also with one class
        return config

    def to_hugging_face(self, architecture: str) -> dict[str, object]:
        """As EncoderConfig.to_hugging_face, with the settings of the head."""
        entries = super().to_hugging_face(architecture)
        entries["id2label"] = {str(number): name for number, name in enumerate(self.id2label)}
        entries["label2id"] = {name: number for number, name in enumerate(self.id2label)}
        if self.problem_type is not None:
            entries["problem_type"] = self.problem_type
        if self.classifier_dropout is not None:
            entries[_CLASSIFIER_DROPOUT[model_type(self)]] = self.classifier_dropout
        return entries | ({} if self.type_vocab_size else {"qa_dropout": self.qa_dropout})


def class_names(given: Sequence[str] | Mapping[Any, str]) -> tuple[str, ...]:
    """The names of the classes in their order, from a sequence or, as transformers has them, from number to name.

    >>> class_names({"1": "positive", "0": "negative"})
    ('negative', 'positive')

    Raises:
        ValueError: no class, a name that occurs twice, or numbers that are not 0, 1, 2 …
    """
    if isinstance(given, str | bytes) or not isinstance(given, Sequence | Mapping) or not given:
        raise ValueError(f"id2label is {given!r}: expected the names of the classes in their order, at least one.")
    numbered = given.items() if isinstance(given, Mapping) else enumerate(given)
    by_number = {str(number): str(name) for number, name in numbered}  # in JSON every number is a string
    if set(by_number) != {str(number) for number in range(len(by_number))}:
        raise ValueError(f"id2label numbers its classes {', '.join(by_number)}: expected 0, 1, 2 …")
    names = tuple(by_number[str(number)] for number in range(len(by_number)))
    if len({*names}) < len(names):
        raise ValueError(f"id2label has a name twice: {', '.join(names)}.")
    return names


REGRESSION, SINGLE_LABEL, MULTI_LABEL = "regression", "single_label_classification", "multi_label_classification"
_CLASSIFIER_DROPOUT = {"bert": "classifier_dropout", "distilbert": "seq_classif_dropout"}


class TaskModel(Model):
    """An encoder with a head that is trained for one task."""

    config_class = ClassifierConfig
    config: ClassifierConfig
    encoder: Encoder

    def __init__(self, config: ClassifierConfig):
        require_kind(ClassifierConfig, config=config)
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)

    @classmethod
    def with_fresh_head(
        cls,
        name: str | Path,
        id2label: Sequence[str] | Mapping[Any, str] = ClassifierConfig.id2label,
        problem_type: str | None = None,
    ) -> "Self":
        """The encoder of a pretrained model with a new, random head: the start of fine-tuning.

        As in transformers, BERT's pooler counts as part of the encoder: if the file has one, it is kept.

        Args:
            name: model name, hub id or folder; another head in its files is ignored.
            id2label: the name of each class, or a mapping from its number to it; a single one means regression.
            problem_type: see ClassifierConfig; "multi_label_classification" if several classes may apply to a text.

        Raises:
            FileNotFoundError, ValueError: as from_pretrained or ClassifierConfig.
        """
        pretrained = BareEncoder.from_pretrained(name)
        sizes, names = asdict(pretrained.config), class_names(id2label)
        model = cls(ClassifierConfig(**sizes, id2label=names, problem_type=problem_type))
        model.encoder.load_state_dict(pretrained.state_dict(), assign=True)
        model._take_pooler(pretrained.pooler or {})
        return model.eval()

    def _take_pooler(self, pooler: Mapping[str, Tensor]) -> None:
        """Does nothing: only sequence classifiers use the pooler."""


class SequenceClassifierHead(nn.Module):
    """A score for each class, from the hidden state of [CLS] through a dense layer and an activation function.

    BERT calls the dense layer pooler and uses tanh; DistilBERT calls it pre_classifier and uses ReLU.

    >>> import torch
    >>> config = ClassifierConfig(hidden_size=4, num_attention_heads=1, id2label=("bad", "so-so", "good"))
    >>> SequenceClassifierHead(config)(torch.ones(2, 7, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.is_bert: bool = model_type(config) == "bert"
        default = config.dropout if self.is_bert else 0.2
        self.dense: nn.Linear = nn.Linear(config.hidden_size, config.hidden_size)
        of_head = default if config.classifier_dropout is None else config.classifier_dropout
        self.dropout: nn.Dropout = nn.Dropout(of_head)
        self.classifier: nn.Linear = nn.Linear(config.hidden_size, len(config.id2label))
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


class SequenceClassifier(TaskModel):
    """Encoder with a classifier of whole texts or pairs of texts; with a single class it predicts a number.

    Devlin et al. (2019), section 4.1; figure 4, a and b.
    """

    architecture = "ForSequenceClassification"

    __call__: Callable[..., ModelOutput]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: ClassifierConfig):
        super().__init__(config)
        self.head: SequenceClassifierHead = SequenceClassifierHead(config)

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
        int64, or (B, C) floating point if several classes may apply; the loss is a mean cross-entropy in nats. A
        problem_type in the configuration decides instead: (B, C) numbers for regression and for multi-label.

        Raises:
            TypeError, ValueError: as Encoder.forward, and for labels likewise.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.head(output.last_hidden_state)
        if labels is not None:
            output.loss = self._loss(output.logits, labels)
        return output

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """`sequence_loss`, or one that only problem_type can ask for."""
        require_tensor("labels", labels)
        batch, classes = logits.shape
        by_labels = MULTI_LABEL if labels.is_floating_point() else SINGLE_LABEL
        kind = self.config.problem_type or (by_labels if classes > 1 else REGRESSION)
        if kind == SINGLE_LABEL:
            return sequence_loss(logits, whole_labels("labels", labels, (batch,)))
        expected = (batch, classes) if classes > 1 else (batch,)
        if labels.shape not in (expected, (*expected, 1)):
            raise ValueError(f"labels has shape {tuple(labels.shape)}: expected {expected}.")
        labels = labels.reshape(expected).to(logits.dtype)
        if kind == REGRESSION and classes > 1:
            return nn.functional.mse_loss(logits, labels)
        if kind == MULTI_LABEL and classes == 1:
            return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels)
        return sequence_loss(logits, labels)


class TokenClassifier(TaskModel):
    """Encoder with a classifier of tokens: one linear layer on each hidden state.

    Devlin et al. (2019), figure 4, d.
    """

    architecture = "ForTokenClassification"

    __call__: Callable[..., ModelOutput]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: ClassifierConfig):
        super().__init__(config)
        of_head = config.classifier_dropout if model_type(config) == "bert" else None
        self.dropout: nn.Dropout = nn.Dropout(config.dropout if of_head is None else of_head)
        self.classifier: nn.Linear = nn.Linear(config.hidden_size, len(config.id2label))
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
            TypeError, ValueError: as Encoder.forward, and for labels likewise.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.classifier(self.dropout(output.last_hidden_state))  # (B, L, C)
        if labels is not None:
            labels = whole_labels("labels", labels, tuple(input_ids.shape))
            output.loss = class_loss(output.logits.flatten(0, 1), labels.flatten())  # (B L, C), (B L,)
        return output
