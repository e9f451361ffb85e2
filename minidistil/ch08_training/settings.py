"""Chapter 8. The settings of a run, each with its default, its range and where it comes from.

The official values are those of DistilBERT's distillation script and of the command published with it
(huggingface/transformers, research_projects/distillation, train.py and README.md).
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from minidistil.arguments import require_weights

PRECISIONS = ("auto", "fp32", "bf16", "fp16")

# What the published runs read and took, for `cost`. BERT's corpus: 10^6 steps of 256 x 512 tokens read it 40 times
# (Devlin et al., 2019, appendix A.2). DistilBERT: about 90 hours on 8 V100 GPUs (Sanh et al., 2019, section 3).
CORPUS_TOKENS = 256 * 512 * 1e6 / 40
PAPER_GPUS, PAPER_HOURS, V100_FP32 = 8, 90, 15.7e12  # V100's operations a second in fp32, by its maker


def _setting(default: Any, text: str) -> Any:
    """A field with a description, which is also the help of its flag on the command line."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a run. The defaults suit minutes on a CPU; `DistilConfig.paper()` has the official ones.

    Raises:
        TypeError: a setting is of another type.
        ValueError: a setting is outside its range.
    """

    seed: int = _setting(56, "seed of all random draws")
    steps: int | None = _setting(None, "optimiser steps (default: as many as the budget allows)")
    budget_seconds: float | None = _setting(270.0, "training time to aim at")  # without steps; None: max_epochs
    max_epochs: float = _setting(3.0, "most passes over the text, without steps")
    batch_size: int = _setting(16, "sequences in a micro-batch of one process")
    accumulate: int = _setting(1, "micro-batches in an optimiser step")
    max_length: int = _setting(128, "tokens in the longest sequence, with [CLS] and [SEP]")
    learning_rate: float = _setting(1e-3, "peak learning rate, reached after the warm-up")
    betas: tuple[float, float] = _setting((0.9, 0.98), "beta1 and beta2 of AdamW")
    eps: float = _setting(1e-6, "epsilon of AdamW")
    weight_decay: float = _setting(0.0, "weight decay of AdamW")
    warmup_share: float = _setting(0.05, "fraction of the steps in the warm-up; then linear decay to 0")
    max_grad_norm: float = _setting(5.0, "norm that a longer gradient is clipped to")
    dropout: float = _setting(0.0, "probability of dropout in the model that is trained")
    # 0.15 in BERT; with little time more masked tokens in a sequence pay off (Wettig et al., 2023).
    mask_share: float = _setting(0.25, "fraction of the tokens that are masked")
    mask_smoothing: float = _setting(0.0, "above 0, rare tokens are masked more often; 0.7 in the paper's code")
    precision: str = _setting("auto", "number format; auto: 16 bits where they are measured to be faster")
    checkpoint_seconds: float = _setting(60.0, "time between two checkpoints")
    log_every: int = _setting(10, "steps between two lines of metrics.jsonl")
    validate_every: int | None = _setting(100, "steps between two evaluations on the validation split")  # None: never
    workers: int = _setting(0, "processes that prepare micro-batches ahead; results do not depend on it")

    def __post_init__(self) -> None:
        _require_types(self)
        _require(self, "batch_size accumulate log_every", lambda value: value >= 1, "1 or more")
        _require(self, "warmup_share mask_share dropout", lambda value: 0 <= value < 1, "a number from 0 to below 1")
        _require(self, "max_grad_norm max_epochs", lambda value: value > 0, "a number above 0")
        _require(self, "learning_rate eps", lambda value: 0 < value < math.inf, "a finite number above 0")
        _require(self, "budget_seconds", lambda value: value is None or value > 0, "a number above 0, or None")
        _require(self, "steps validate_every", lambda value: value is None or value >= 1, "1 or more")
        _require(self, "workers weight_decay mask_smoothing checkpoint_seconds", lambda value: value >= 0, "0 or more")
        _require(self, "betas", lambda value: all(0 <= beta < 1 for beta in value), "two numbers from 0 to below 1")
        _require(self, "max_length", lambda value: value >= 3, "3 or more")
        _require(self, "precision", lambda value: value in PRECISIONS, " or ".join(PRECISIONS))

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, without `workers`, which may differ when the run is continued."""
        return json.loads(json.dumps({name: value for name, value in asdict(self).items() if name != "workers"}))


@dataclass(frozen=True)
class DistilConfig(TrainingConfig):
    """Settings of a distillation; `DistilConfig.paper()` has the official ones.

    The official script's flags, their published values (the script's default for a flag that the published command
    does not give), and the settings here:

    ================================  ============  ==========================================================
    --alpha_ce, _mlm, _cos            5, 2, 1       alpha_ce, alpha_mlm, alpha_cos (README.md's command for one GPU)
    --alpha_mse                       0             alpha_mse
    --temperature                     2.0           temperature
    --restrict_ce_to_mask             off           ce_positions="all"
    --mlm_mask_prop                   0.15          mask_share
    --mlm_smoothing                   0.7           mask_smoothing
    --word_mask, _keep, _rand         .8, .1, .1    fixed, in `masking.mask_tokens`
    --freeze_pos_embs                 on            freeze_positions (the script obeys it for RoBERTa and GPT-2 only)
    --n_epoch                         3             max_epochs, with budget_seconds=None
    --batch_size                      5             batch_size, of one process
    --gradient_accumulation_steps     50            accumulate
    --group_by_size                   on            fixed, in `batching.epoch_batches`; bins of 4 tokens
    --learning_rate                   5e-4          learning_rate
    --warmup_prop                     0.05          warmup_share
    --adam_epsilon                    1e-6          eps
    betas                             .9, .98       betas (distiller.py)
    --weight_decay                    0.0           weight_decay
    --max_grad_norm                   5.0           max_grad_norm
    --seed                            56            seed
    dropout                           0.1           dropout (training_configs/distilbert-base-uncased.json)
    longest sequence                  512           max_length (the model's positions, lm_seqs_dataset.py)
    student's layers                  0 2 4 7 9 11  layers=None (scripts/extract_distilbert.py)
    --initializer_range               0.02          without effect here: the student starts from copied weights
    --fp16                            off           precision (there fp16 by apex, here bf16)
    --log_interval                    500           log_every
    --checkpoint_interval             4000          checkpoint_seconds: a limit on the work that can be lost
    ================================  ============  ==========================================================

    Raises:
        ValueError: a setting is outside its range, or all weights of losses are 0.
    """

    layers: tuple[int, ...] | None = _setting(None, "teacher's layers to start from (default: every other one)")
    alpha_ce: float = _setting(5.0, "weight of L_ce, against the teacher's predictions")
    alpha_mlm: float = _setting(2.0, "weight of L_mlm, against the masked tokens")
    alpha_cos: float = _setting(1.0, "weight of L_cos, against the teacher's hidden states")
    alpha_mse: float = _setting(0.0, "weight of L_mse, against the teacher's logits")
    temperature: float = _setting(2.0, "T, by which L_ce divides the logits of teacher and student")
    ce_positions: str = _setting("masked", "positions that L_ce compares: masked or all")
    freeze_positions: bool = _setting(False, "keep the position embeddings as copied")
    freeze_words: bool = _setting(False, "keep the word embeddings as copied, for less work a step")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_weights({name: getattr(self, name) for name in ("alpha_ce", "alpha_mlm", "alpha_cos", "alpha_mse")})
        _require(self, "temperature", lambda value: value > 0, "a number above 0")
        _require(self, "ce_positions", lambda value: value in ("masked", "all"), "masked or all")

    @classmethod
    def paper(cls) -> "DistilConfig":
        """The published single-machine command and the script's defaults."""
        return cls(
            budget_seconds=None,
            max_epochs=3.0,
            batch_size=5,
            accumulate=50,
            max_length=512,
            learning_rate=5e-4,
            dropout=0.1,
            mask_share=0.15,
            mask_smoothing=0.7,
            ce_positions="all",
            freeze_positions=True,
            log_every=500,
        )


@dataclass(frozen=True)
class TeachConfig(TrainingConfig):
    """Settings for training a masked-LM head on an encoder that has none.

    Raises:
        ValueError: a setting is outside its range.
    """

    learning_rate: float = 5e-4
    max_epochs: float = 20.0
    trained_tokens: int = _setting(11500, "number of tokens, the most frequent, whose word embeddings are trained")


_FOR_PLAIN_TEXT = ("steps", "budget_seconds", "max_epochs", "mask_share", "mask_smoothing", "validate_every")


@dataclass(frozen=True)
class FinetuneConfig(TrainingConfig):
    """Settings of a fine-tuning: BERT's (appendix A.3); with a teacher, those of the official script for SQuAD.

    Raises:
        ValueError: a setting is outside its range.
    """

    epochs: int = _setting(3, "passes over the examples")
    batch_size: int = _setting(32, "texts in a micro-batch")
    learning_rate: float = 5e-5  # BERT chooses from 5e-5, 3e-5 and 2e-5; a small model tolerates the highest
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_share: float = 0.1
    max_grad_norm: float = 1.0
    dropout: float = 0.1  # of encoder and head, in place of the probabilities in the model's configuration
    validate_every: int | None = None  # the evaluation after each epoch takes its place
    temperature: float = _setting(2.0, "with a teacher: T, by which the logits of teacher and student are divided")
    alpha_ce: float = _setting(0.5, "with a teacher: weight of the loss against its predictions")
    alpha_task: float = _setting(0.5, "with a teacher: weight of the loss against the labels")

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self, "epochs", lambda value: value >= 1, "1 or more")
        _require(self, "temperature", lambda value: value > 0, "a number above 0")
        require_weights({"alpha_ce": self.alpha_ce, "alpha_task": self.alpha_task})

    def to_json(self) -> dict[str, Any]:
        """The settings that have an effect in fine-tuning."""
        return {name: value for name, value in super().to_json().items() if name not in _FOR_PLAIN_TEXT}


def _require(config: TrainingConfig, names: str, holds: Callable[[Any], bool], expected: str) -> None:
    for name in names.split():
        value = getattr(config, name)
        if not holds(value):
            raise ValueError(f"{name} is {value}: expected {expected}.")


_NAMES = {int: "a whole number", float: "a number", bool: "True or False", str: "a word", NoneType: "None"}


def _require_types(config: TrainingConfig) -> None:
    """Raise TypeError unless each setting has the type that its class says."""
    for name, kind in get_type_hints(type(config)).items():
        value = getattr(config, name)
        kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
        if not any(_fits(value, each) for each in kinds):
            expected = " or ".join(_NAMES.get(each, "a tuple of numbers") for each in kinds)
            raise TypeError(f"{name} is {value!r}: expected {expected}.")


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type; a whole number may stand for any number, and a list for a tuple."""
    if kind is float:
        return type(value) is int or isinstance(value, float)
    if kinds := get_args(kind):  # of a tuple
        if not isinstance(value, tuple | list):
            return False
        each = kinds[:1] * len(value) if kinds[-1] is ... else kinds
        return len(value) == len(each) and all(map(_fits, value, each))
    return type(value) is kind
