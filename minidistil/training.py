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
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from minidistil.checkpoints import Progress, load_checkpoint, optimizer_is_whole, save_checkpoint
from minidistil.corpus import epoch_batches, pad
from minidistil.heads import MaskedLM
from minidistil.losses import distillation_loss, masked_lm_loss
from minidistil.masking import IGNORE, choose_positions, mask_tokens, token_weights
from minidistil.settings import DistilConfig, TrainingConfig
from minidistil.wordpiece import WordPiece


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
            config.alpha_mse,
        )
        return {"loss": loss.total, **loss.terms()}

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


def _mix(seed: int, number: int) -> int:
    """A seed for draw `number` of a run; neighbouring numbers share nothing."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**64
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    return (mixed ^ mixed >> 31) % 2**63
