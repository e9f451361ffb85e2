"""Chapter 8. One training loop, for teaching and for distilling.

The optimiser's settings are those of DistilBERT's distillation script (huggingface/transformers,
research_projects/distillation, train.py and distiller.py). What that script lacks is here: exact
resume, bf16 and masked positions only where a loss needs no others.

**Exact resume.** Nothing random is carried along: all draws of micro-batch n (its place in the epoch's
order, its masks, its dropout) come from generators seeded by (seed, n). A checkpoint of
weights, optimiser and step number is therefore all of the state there is.

Letters in shapes: B sequences, L tokens, N masked positions, M real tokens, D width, V vocabulary.
"""

import copy
import ctypes
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from minidistil.corpus import epoch_batches, pad
from minidistil.files import write_atomically
from minidistil.heads import MaskedLM
from minidistil.losses import distillation_loss, masked_lm_loss
from minidistil.masking import IGNORE, choose_positions, mask_tokens, token_weights
from minidistil.wordpiece import WordPiece

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a run. The defaults suit minutes on a CPU; `DistilConfig.paper()` has the official ones.

    Raises:
        ValueError: a setting is outside its range.
    """

    seed: int = 56
    steps: int | None = None  # optimiser steps; None: as many as the budget allows
    budget_seconds: float = 240.0  # training time that steps=None aims at
    max_epochs: float = 3.0  # steps=None never takes more passes over the text than this
    batch_size: int = 32  # sequences in a micro-batch
    accumulate: int = 1  # micro-batches in an optimiser step
    max_length: int = 128  # tokens in a sequence, frame included
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    weight_decay: float = 0.0
    warmup_share: float = 0.05  # of the steps; then linear decay to 0
    max_grad_norm: float = 5.0
    dropout: float = 0.0
    mask_share: float = 0.15
    mask_smoothing: float = 0.0  # 0.7 in the paper's code: rare tokens masked more often
    precision: str = "auto"  # auto: bf16 where it is measured to be faster
    checkpoint_seconds: float = 60.0
    log_every: int = 10  # steps between two lines of metrics.jsonl

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "log_every"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("warmup_share", "mask_share", "dropout"):
            _require(0 <= getattr(self, name) < 1, name, getattr(self, name), "a number from 0 to below 1")
        for name in ("learning_rate", "max_grad_norm", "eps", "budget_seconds", "max_epochs"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "a number above 0")
        _require(self.steps is None or self.steps >= 1, "steps", self.steps, "1 or more")
        _require(self.max_length >= 3, "max_length", self.max_length, "3 or more")
        _require(self.precision in PRECISIONS, "precision", self.precision, " or ".join(PRECISIONS))

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))


@dataclass(frozen=True)
class DistilConfig(TrainingConfig):
    """Settings of a distillation."""

    layers: tuple[int, ...] | None = None  # teacher's layers that the student starts from
    alpha_ce: float = 5.0
    alpha_mlm: float = 2.0
    alpha_cos: float = 1.0
    temperature: float = 2.0
    ce_positions: str = "masked"  # or "all": at which positions L_ce compares the two
    freeze_positions: bool = False  # keep the position embeddings as copied

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha_ce", "alpha_mlm", "alpha_cos"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(self.temperature > 0, "temperature", self.temperature, "a number above 0")
        _require(self.ce_positions in ("masked", "all"), "ce_positions", self.ce_positions, "masked or all")

    @classmethod
    def paper(cls) -> "DistilConfig":
        """The published single-machine command and the script's defaults."""
        return cls(
            max_epochs=3.0,
            batch_size=5,
            accumulate=50,
            max_length=512,
            learning_rate=5e-4,
            dropout=0.1,
            mask_smoothing=0.7,
            ce_positions="all",
            freeze_positions=True,
        )


@dataclass(frozen=True)
class TeachConfig(TrainingConfig):
    """Settings of giving a headless encoder a masked-LM head.

    A quarter of the tokens is hidden: on a short budget more guesses a sequence pay
    (Wettig et al., 2023, "Should You Mask 15% in Masked Language Modeling?").
    """

    learning_rate: float = 5e-4
    max_epochs: float = 20.0
    mask_share: float = 0.25
    trained_tokens: int = 11500  # word embeddings of so many, the most frequent, are trained


@dataclass(frozen=True)
class Batch:
    """A masked micro-batch."""

    input_ids: Tensor  # (B, L) with masks in place
    attention_mask: Tensor  # (B, L)
    labels: Tensor  # (B, L), -100 where nothing is to be guessed


Losses = Callable[[MaskedLM, Batch], dict[str, Tensor]]  # terms by name; "loss" is the one to minimise


class BatchStream:
    """The micro-batches of a run by number: number n is the same whenever it is asked for."""

    def __init__(self, sequences: Sequence[Tensor], tokenizer: WordPiece, config: TrainingConfig):
        self.sequences = sequences
        self.tokenizer = tokenizer
        self.config = config
        self.lengths = [len(sequence) for sequence in sequences]
        self.weights = token_weights(sequences, len(tokenizer), config.mask_smoothing)
        self.batches_per_epoch = math.ceil(len(sequences) / config.batch_size)
        self._epoch = -1
        self._order: list[list[int]] = []

    def __getitem__(self, number: int) -> Batch:
        epoch, place = divmod(number, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order = epoch_batches(self.lengths, self.config.batch_size, _mix(self.config.seed, -1 - epoch))
            self._epoch = epoch
        return self._masked(self._order[place], _mix(self.config.seed, number))

    def typical(self, count: int) -> list[Batch]:
        """`count` batches spread evenly over the lengths that occur: a fair sample of the work."""
        order = epoch_batches(self.lengths, self.config.batch_size, self.config.seed)
        order.sort(key=lambda batch: self.lengths[batch[0]])
        return [self._masked(order[(2 * index + 1) * len(order) // (2 * count)], index) for index in range(count)]

    def _masked(self, indices: list[int], seed: int) -> Batch:
        tokenizer = self.tokenizer
        generator = torch.Generator().manual_seed(seed)
        input_ids, attention_mask = pad([self.sequences[index] for index in indices], tokenizer.pad_token_id)
        chosen = choose_positions(input_ids, tokenizer.special_ids, self.config.mask_share, self.weights, generator)
        masked, labels = mask_tokens(input_ids, chosen, tokenizer.mask_token_id, len(tokenizer), generator)
        return Batch(masked, attention_mask, labels)


def masked_lm_losses(model: MaskedLM, batch: Batch) -> dict[str, Tensor]:
    """The masked-LM loss, its logits computed at the masked positions only."""
    chosen = batch.labels != IGNORE
    hidden = model.encoder(batch.input_ids, batch.attention_mask).last_hidden_state  # (B, L, D)
    return {"loss": masked_lm_loss(model.head(hidden[chosen]), batch.labels[chosen])}  # (N, V)


def distillation_losses(teacher: MaskedLM, config: DistilConfig) -> Losses:
    """The triple loss against a teacher, as a function of student and batch."""

    def losses(student: MaskedLM, batch: Batch) -> dict[str, Tensor]:
        real = batch.attention_mask.bool()  # (B, L)
        at = batch.labels != IGNORE if config.ce_positions == "masked" else real
        with torch.no_grad():
            teacher_hidden = teacher.encoder(batch.input_ids, batch.attention_mask).last_hidden_state
            teacher_logits = teacher.head(teacher_hidden[at])  # (N, V)
        student_hidden = student.encoder(batch.input_ids, batch.attention_mask).last_hidden_state  # (B, L, D)
        loss = distillation_loss(
            student.head(student_hidden[at]),  # (N, V)
            teacher_logits,
            batch.labels[at],
            student_hidden[real],  # (M, D)
            teacher_hidden[real],
            config.temperature,
            config.alpha_ce,
            config.alpha_mlm,
            config.alpha_cos,
        )
        return {"loss": loss.total, "ce": loss.ce, "mlm": loss.mlm, "cos": loss.cos}

    return losses


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Factor on the learning rate at a step (from 0): linear up over the warm-up, linear down to 0."""
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def make_optimizer(model: MaskedLM, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only, never on biases and layer norms."""
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    plain = [parameter for name, parameter in trained if parameter.dim() < 2]
    decayed = [parameter for name, parameter in trained if parameter.dim() >= 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.eps, fused=True)


def set_dropout(model: MaskedLM, share: float) -> None:
    """Use this dropout everywhere in the model."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        elif hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = share  # type: ignore[assignment]  # a float of our own modules


def keep_freed_memory() -> None:
    """Ask glibc not to give freed blocks back to the system.

    A training step frees and takes the same large blocks again; fetching their pages anew each time made a
    step 1.4 times as long. Elsewhere than on Linux nothing happens.
    """
    if sys.platform == "linux":
        m_trim_threshold, m_mmap_threshold = -1, -3
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # musl has none
            libc.mallopt(m_mmap_threshold, 1 << 30)
            libc.mallopt(m_trim_threshold, (1 << 31) - 1)


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bf16 for matrix products where the precision says so."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def device_of(model: torch.nn.Module) -> torch.device:
    """Where the model's parameters lie."""
    return next(model.parameters()).device


def to_best_device(model: MaskedLM) -> MaskedLM:
    """The model on the GPU, where there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _step(
    model: MaskedLM,
    losses: Losses,
    batches: Sequence[tuple[int, Batch]],
    optimizer: torch.optim.AdamW,
    config: TrainingConfig,
    precision: str,
) -> dict[str, float]:
    """One optimiser step over (number, micro-batch) pairs; the mean of each loss term and the gradient norm."""
    device = device_of(model)
    sums: dict[str, Tensor] = {}
    for number, batch in batches:
        torch.manual_seed(_mix(config.seed, number))  # dropout
        here = Batch(*(getattr(batch, part.name).to(device) for part in fields(Batch)))
        with autocast(device, precision):
            terms = losses(model, here)
        (terms["loss"] / len(batches)).backward()
        for name, value in terms.items():
            sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach().float() / len(batches)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
    values = {name: float(value) for name, value in sums.items()} | {"gradient_norm": float(norm)}
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise ValueError(
            f"Training stopped in micro-batch {batches[0][0]}: {bad[0]} is {values[bad[0]]}. The last checkpoint is "
            "good; a lower --learning-rate or --precision fp32 helps most often."
        )
    optimizer.step()
    optimizer.zero_grad()
    return values


def seconds_per_step(
    model: MaskedLM, losses: Losses, stream: BatchStream, config: TrainingConfig, precision: str
) -> float:
    """Measured time of an optimiser step on a copy of the model, over batches of all lengths."""
    trial = copy.deepcopy(model).train()
    set_dropout(trial, config.dropout)
    optimizer = make_optimizer(trial, replace(config, learning_rate=1e-12))
    batches = stream.typical(6)
    _step(trial, losses, [(0, batches[-1])], optimizer, config, precision)  # warm up
    start = time.perf_counter()
    for batch in batches:
        _step(trial, losses, [(0, batch)], optimizer, config, precision)
    return (time.perf_counter() - start) / len(batches) * config.accumulate


@dataclass(frozen=True)
class Plan:
    """What a run will do here, settled before its first step."""

    steps: int
    precision: str
    seconds_per_step: float


def make_plan(model: MaskedLM, losses: Losses, stream: BatchStream, config: TrainingConfig) -> Plan:
    """Measure this machine: choose the precision and, unless they are given, the number of steps."""
    tried = ("fp32", "bf16") if config.precision == "auto" else (config.precision,)
    measured = {precision: seconds_per_step(model, losses, stream, config, precision) for precision in tried}
    precision = min(measured, key=lambda name: measured[name])
    steps = config.steps
    if steps is None:
        longest = math.ceil(config.max_epochs * stream.batches_per_epoch / config.accumulate)
        steps = max(1, min(longest, int(config.budget_seconds / measured[precision])))
    return Plan(steps, precision, measured[precision])


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    log: list[dict[str, float]] = field(default_factory=list)


def train(
    model: MaskedLM,
    losses: Losses,
    stream: BatchStream,
    config: TrainingConfig,
    plan: Plan,
    checkpoints: Path,
) -> Iterator[Progress]:
    """Train the model in place, resuming from the newest checkpoint; yields after every step.

    Leaves a checkpoint in the folder every `checkpoint_seconds`, when interrupted and at the end.

    Raises:
        ValueError: a loss or the gradient is no longer finite, or a checkpoint is damaged.
        OSError: a checkpoint could not be written.
    """
    model.train()
    set_dropout(model, config.dropout)
    optimizer = make_optimizer(model, config)
    progress = load_checkpoint(checkpoints, model, optimizer) or Progress()
    start, saved = time.perf_counter() - progress.seconds, time.perf_counter()
    saved_step = progress.step
    try:
        while progress.step < plan.steps:
            numbers = range(progress.step * config.accumulate, (progress.step + 1) * config.accumulate)
            batches = [(number, stream[number]) for number in numbers]
            rate = config.learning_rate * schedule(progress.step, plan.steps, config.warmup_share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            values = _step(model, losses, batches, optimizer, config, plan.precision)
            progress.step += 1
            progress.seconds = time.perf_counter() - start
            progress.tokens += sum(int(batch.attention_mask.sum()) for _, batch in batches)
            if progress.step % config.log_every == 0 or progress.step == plan.steps:
                extra = {"step": progress.step, "learning_rate": rate, "tokens": progress.tokens}
                progress.log.append(extra | values | {"seconds": round(progress.seconds, 2)})
            if time.perf_counter() - saved > config.checkpoint_seconds:
                save_checkpoint(checkpoints, model, optimizer, progress)
                saved, saved_step = time.perf_counter(), progress.step
            yield progress
    finally:  # also when interrupted: the last whole step is kept
        if saved_step != progress.step and optimizer_is_whole(optimizer, progress.step):
            save_checkpoint(checkpoints, model, optimizer, progress)
    model.eval()


def optimizer_is_whole(optimizer: torch.optim.AdamW, step: int) -> bool:
    """Whether every parameter has taken exactly `step` updates: an interrupt may fall inside one."""
    return all(int(state["step"]) == step for state in optimizer.state.values())


def save_checkpoint(folder: Path, model: MaskedLM, optimizer: torch.optim.AdamW, progress: Progress) -> None:
    """Write weights, optimiser and progress as one safetensors file, then remove older ones."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    tensors = {f"model.{name}": parameter.detach() for parameter, name in names.items()}
    for parameter, name in names.items():
        if parameter in optimizer.state:  # a frozen one is not
            tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in ("exp_avg", "exp_avg_sq")}
    path = folder / f"step-{progress.step:08d}.safetensors"
    metadata = {"progress": json.dumps(asdict(progress))}
    write_atomically(path, lambda part: save_file(tensors, part, metadata=metadata))
    for old in sorted(folder.glob("step-*.safetensors")):
        if old != path:
            old.unlink()


def load_checkpoint(folder: Path, model: MaskedLM, optimizer: torch.optim.AdamW) -> Progress | None:
    """Put the newest checkpoint into model and optimiser; None where there is none.

    Raises:
        ValueError: the file is damaged or belongs to a model of another shape.
    """
    paths = sorted(folder.glob("step-*.safetensors"))
    if not paths:
        return None
    try:
        with safe_open(paths[-1], framework="pt") as file, torch.no_grad():
            progress = Progress(**json.loads(file.metadata()["progress"]))
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(f"model.{name}"))
                if parameter.requires_grad:
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(progress.step), device=parameter.device),
                        "exp_avg": file.get_tensor(f"exp_avg.{name}").to(parameter.device),
                        "exp_avg_sq": file.get_tensor(f"exp_avg_sq.{name}").to(parameter.device),
                    }
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"The checkpoint {paths[-1]} is damaged or belongs to another run ({error}): delete it to start afresh."
        ) from error
    return progress


def _mix(seed: int, number: int) -> int:
    """A seed for draw `number` of a run; neighbouring numbers share nothing."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**64
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    return (mixed ^ mixed >> 31) % 2**63


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value}: expected {expected}.")
