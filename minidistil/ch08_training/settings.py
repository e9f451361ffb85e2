"""Chapter 8. The settings of a run, each with its default, its range and where it comes from.

The official values are those of DistilBERT's distillation script and of the command published with it
(huggingface/transformers, research_projects/distillation, train.py and README.md).
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from minidistil.ch06_losses.losses import require_weights

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a run. The defaults suit minutes on a CPU; `DistilConfig.paper()` has the official ones.

    Raises:
        ValueError: a setting is outside its range.
    """

    seed: int = 56
    steps: int | None = None  # optimiser steps; None: as many as the budget allows
    budget_seconds: float | None = 270.0  # training time that steps=None aims at; None: max_epochs, however long
    max_epochs: float = 3.0  # steps=None never takes more passes over the text than this
    batch_size: int = 16  # sequences in a micro-batch
    accumulate: int = 1  # micro-batches in an optimiser step
    max_length: int = 128  # tokens in a sequence, frame included
    learning_rate: float = 1e-3  # the highest, after the warm-up
    betas: tuple[float, float] = (0.9, 0.98)  # with eps and weight_decay: of AdamW
    eps: float = 1e-6
    weight_decay: float = 0.0
    warmup_share: float = 0.05  # of the steps; then linear decay to 0
    max_grad_norm: float = 5.0  # a longer gradient is shortened to this
    dropout: float = 0.0
    mask_share: float = 0.25  # 0.15 in BERT; on a short budget more guesses a sequence pay (Wettig et al., 2023)
    mask_smoothing: float = 0.0  # 0.7 in the paper's code: rare tokens masked more often
    precision: str = "auto"  # auto: bf16 where it is measured to be faster
    checkpoint_seconds: float = 60.0  # between two checkpoints
    log_every: int = 10  # steps between two lines of metrics.jsonl
    validate_every: int | None = 100  # steps between two looks at the validation split; None: never
    workers: int = 0  # processes that prepare micro-batches ahead, beside this one; no result hangs on them

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "log_every"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("warmup_share", "mask_share", "dropout"):
            _require(0 <= getattr(self, name) < 1, name, getattr(self, name), "a number from 0 to below 1")
        for name in ("learning_rate", "max_grad_norm", "eps", "max_epochs"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "a number above 0")
        budget = self.budget_seconds
        _require(budget is None or budget > 0, "budget_seconds", budget, "a number above 0, or None")
        for name in ("steps", "validate_every"):
            _require(getattr(self, name) is None or getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(self.workers >= 0, "workers", self.workers, "0 or more")
        _require(self.max_length >= 3, "max_length", self.max_length, "3 or more")
        _require(self.precision in PRECISIONS, "precision", self.precision, " or ".join(PRECISIONS))

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, without `workers`, which another go at the run may change."""
        return json.loads(json.dumps({name: value for name, value in asdict(self).items() if name != "workers"}))


@dataclass(frozen=True)
class DistilConfig(TrainingConfig):
    """Settings of a distillation; `DistilConfig.paper()` has the official ones.

    The official script's flags, with their published value (the script's default where the published command is
    silent), and where they are here:

    ================================  ==========  ==========================================================
    --alpha_ce, _mlm, _cos            5, 2, 1     alpha_ce, alpha_mlm, alpha_cos (README.md's command for one GPU)
    --alpha_mse                       0           alpha_mse
    --temperature                     2.0         temperature
    --restrict_ce_to_mask             off         ce_positions="all"
    --mlm_mask_prop                   0.15        mask_share
    --mlm_smoothing                   0.7         mask_smoothing
    --word_mask, _keep, _rand         .8, .1, .1  fixed, in `masking.mask_tokens`
    --freeze_pos_embs                 on          freeze_positions (the script obeys it for RoBERTa and GPT-2 only)
    --n_epoch                         3           max_epochs, with budget_seconds=None
    --batch_size                      5           batch_size, of one process
    --gradient_accumulation_steps     50          accumulate
    --group_by_size                   on          fixed, in `batches.epoch_batches`; bins of 4 tokens
    --learning_rate                   5e-4        learning_rate
    --warmup_prop                     0.05        warmup_share
    --adam_epsilon                    1e-6        eps
    betas                             .9, .98     betas (distiller.py)
    --weight_decay                    0.0         weight_decay
    --max_grad_norm                   5.0         max_grad_norm
    --seed                            56          seed
    dropout                           0.1         dropout (training_configs/distilbert-base-uncased.json)
    longest sequence                  512         max_length (the model's positions, lm_seqs_dataset.py)
    student's layers                  0 2 4 7 9 11  layers=None (scripts/extract_distilbert.py)
    --initializer_range               0.02        without effect here: the student starts from copied weights
    --fp16                            off         precision (there fp16 by apex, here bf16)
    --log_interval                    500         log_every
    --checkpoint_interval             4000        checkpoint_seconds: steps differ in length, a loss of work does not
    ================================  ==========  ==========================================================

    Raises:
        ValueError: a setting is outside its range, or all weights of losses are 0.
    """

    layers: tuple[int, ...] | None = None  # teacher's layers that the student starts from
    alpha_ce: float = 5.0  # weight of each loss in the sum, as in `distillation_loss`
    alpha_mlm: float = 2.0
    alpha_cos: float = 1.0
    alpha_mse: float = 0.0  # on logits; off in the published command
    temperature: float = 2.0  # T, of both softmaxes in L_ce
    ce_positions: str = "masked"  # or "all": at which positions L_ce compares the two
    freeze_positions: bool = False  # keep the position embeddings as copied

    def __post_init__(self) -> None:
        super().__post_init__()
        require_weights({name: getattr(self, name) for name in ("alpha_ce", "alpha_mlm", "alpha_cos", "alpha_mse")})
        _require(self.temperature > 0, "temperature", self.temperature, "a number above 0")
        _require(self.ce_positions in ("masked", "all"), "ce_positions", self.ce_positions, "masked or all")

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
    """Settings of giving a headless encoder a masked-LM head.

    Raises:
        ValueError: a setting is outside its range.
    """

    learning_rate: float = 5e-4
    max_epochs: float = 20.0
    trained_tokens: int = 11500  # word embeddings of so many, the most frequent, are trained


_FOR_PLAIN_TEXT = ("steps", "budget_seconds", "max_epochs", "mask_share", "mask_smoothing", "validate_every")


@dataclass(frozen=True)
class FinetuneConfig(TrainingConfig):
    """Settings of a fine-tuning: BERT's (appendix A.3), and of a second distillation those of the official script.

    Raises:
        ValueError: a setting is outside its range.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5  # of 5e-5, 3e-5 and 2e-5, BERT's choices; a small model bears the highest
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_share: float = 0.1
    max_grad_norm: float = 1.0
    dropout: float = 0.1  # of encoder and head alike, in place of the shares in the model's configuration
    validate_every: int | None = None  # a look follows each epoch instead
    temperature: float = 2.0  # these three: with a teacher only
    alpha_ce: float = 0.5
    alpha_task: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.epochs >= 1, "epochs", self.epochs, "1 or more")
        _require(self.temperature > 0, "temperature", self.temperature, "a number above 0")
        require_weights({"alpha_ce": self.alpha_ce, "alpha_task": self.alpha_task})

    def to_json(self) -> dict[str, Any]:
        """The settings that have a meaning here."""
        return {name: value for name, value in super().to_json().items() if name not in _FOR_PLAIN_TEXT}


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value}: expected {expected}.")
