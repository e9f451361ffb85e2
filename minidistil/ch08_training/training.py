"""One training loop, for teaching and for distilling, in one process or in several.

The optimiser's settings are those of DistilBERT's distillation script (huggingface/transformers,
research_projects/distillation, train.py and distiller.py). What that script lacks is here: exact
resume, bf16, and a report of what went wrong when a loss is NaN.

**Exact resume.** No random state has to be saved: all draws of micro-batch n (its place in the epoch's
order, its masks, its dropout) come from generators seeded by (seed, n). A checkpoint of weights, optimiser,
step number and position in a streamed text is therefore the whole state.

**Several processes.** Each has a copy of the model and, of n processes, every n-th micro-batch; after the last one of
a step the gradients are averaged over all processes, so that all copies take the same step.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.ch08_training.checkpoints import (
    CheckpointWriter,
    Progress,
    load_checkpoint,
    optimizer_is_whole,
)
from minidistil.ch08_training.device import autocast, device_of, keep_freed_memory, sent_to
from minidistil.ch08_training.feed import Batch, Feed, mix
from minidistil.ch08_training.loss_scale import LossScale
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.parallel import (
    averaging_gradients,
    gather,
    rank,
    without_averaging,
    world_size,
)
from minidistil.ch08_training.plan import Plan, schedule
from minidistil.ch08_training.prefetch import upcoming
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.step_numbers import (
    Computed,
    LateStepNumbers,
    StepNumbers,
    of_all_processes,
    reads_late,
)


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only, never on biases and layer norms.

    >>> optimizer = make_optimizer(nn.Linear(2, 2), TrainingConfig(weight_decay=0.1))
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.1, 0.0]
    """
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    plain = [parameter for name, parameter in trained if parameter.dim() < 2]
    decayed = [parameter for name, parameter in trained if parameter.dim() >= 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.eps, fused=True)


def set_dropout(model: nn.Module, probability: float) -> None:
    """Use this dropout probability everywhere in the model."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability
        elif hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = probability  # type: ignore[assignment]  # a float of our own modules


def gradient_norm(parameters: Sequence[nn.Parameter]) -> float:
    """Length of all gradients as one vector.

    Rows first, then their lengths in float64, on the CPU, as Apple's GPUs have none: a sum of a million squares in fp32
    is off in the fourth digit.
    """
    gradients = [p.grad if p.grad.dim() > 1 else p.grad[:, None] for p in parameters if p.grad is not None]
    rows = [torch.linalg.vector_norm(gradient, dim=-1).flatten() for gradient in gradients]
    return float(torch.linalg.vector_norm(torch.cat(rows).cpu(), dtype=torch.float64))


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> float:
    """Shrink all gradients by one factor, in place, so that together they are no longer than `max_norm`.

    Returns:
        Their length as it was, by `gradient_norm`; if it is not finite, the gradients must not be used.

    >>> weight = nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight], max_norm=1.0), weight.grad
    (5.0, tensor([0.6000, 0.8000]))
    """
    norm = gradient_norm(parameters)
    if norm > max_norm:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(max_norm / norm)
    return norm


class Step(nn.Module):
    """Model and losses as one module: its gradients are what several processes have to agree on.

    In fp16 the gradients are `scale.factor` times too large: see `LossScale`.
    """

    def __init__(self, model: nn.Module, losses: Losses, precision: str, batch_class: type[Batch] = Batch):
        super().__init__()
        self.model = model
        self.losses = losses
        self.precision = precision
        self.batch_class = batch_class
        self.scale: LossScale | None = LossScale() if precision == "fp16" else None

    def forward(self, *parts: Tensor) -> dict[str, Tensor]:
        """The loss terms of a micro-batch, given by its parts."""
        with autocast(parts[0].device, self.precision):
            terms = self.losses(self.model, self.batch_class(*parts))
        if self.scale is not None and terms["loss"].requires_grad:
            terms["loss"].register_hook(self.scale.enlarge)
        return terms


def accumulate_gradients(module: nn.Module, batches: Sequence[tuple[int, Batch]], seed: int) -> list[dict[str, Tensor]]:
    """Leave in the parameters the gradient of the mean loss of a step's (number, micro-batch) pairs, and nothing else.

    Before each micro-batch torch's generator, from which dropout draws, is set by `mix(seed, number)`. Gradients are
    averaged over several processes once, after the last micro-batch.

    Args:
        module: a `Step`, or one in `averaging_gradients`: gives a dictionary of scalars, "loss" among them.

    Returns:
        Each micro-batch's loss terms, detached and in fp32.

    >>> step = Step(nn.Linear(1, 1, bias=False), lambda model, batch: {"loss": model(batch.labels).sum()}, "fp32")
    >>> batches = [(number, Batch(*[torch.tensor([[x]])] * 3)) for number, x in enumerate((2.0, 4.0))]
    >>> terms = accumulate_gradients(step, batches, seed=56)
    >>> step.model.weight.grad.item()
    3.0
    """
    module.zero_grad()
    device = device_of(module)
    terms: list[dict[str, Tensor]] = []
    for place, (number, batch) in enumerate(batches, start=1):
        torch.manual_seed(mix(seed, number))
        parts = [sent_to(getattr(batch, part.name), device) for part in fields(batch)]
        with without_averaging(module) if place < len(batches) else nullcontext():
            losses = module(*parts)
            (losses["loss"] / len(batches)).backward()
        terms.append({name: value.detach().float() for name, value in losses.items()})
    return terms


def train(
    model: nn.Module,
    losses: Losses,
    feed: Feed,
    config: TrainingConfig,
    plan: Plan,
    checkpoints: Path,
    run: str = "",
) -> Iterator[Progress]:
    """Train the model in place, resuming from the newest checkpoint.

    Leaves a checkpoint in the folder, written by a thread, every `checkpoint_seconds`, at the end and, in a process
    by itself, when interrupted. The plan may be corrected between two steps.

    Args:
        run: identifies the run; checkpoints of another one are refused.

    Yields:
        The progress after every step; a resumed run also yields once before its first step.

    Raises:
        ValueError: a loss or the gradient is no longer finite, or a checkpoint is damaged.
        OSError: a checkpoint could not be written.
    """
    keep_freed_memory()
    model.train()
    set_dropout(model, config.dropout)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = make_optimizer(model, config)
    progress = load_checkpoint(checkpoints, model, optimizer, run) or Progress()
    if progress.positions:
        feed.load_state_dict(progress.positions[rank()])
    step = Step(model, losses, plan.precision, feed.batch_class)
    if step.scale and progress.scale:
        step.scale.load_state_dict(progress.scale)
    module, writer = averaging_gradients(step), CheckpointWriter(checkpoints, run, progress.step)
    reader = upcoming(feed, progress.step, config.accumulate, rank(), world_size(), config.workers)
    start, saved = time.perf_counter() - progress.seconds, time.perf_counter()
    late = reads_late(device_of(model), step.scale)
    clip, kind = (nn.utils.clip_grad_norm_, LateStepNumbers) if late else (clip_gradients, StepNumbers)
    numbers = kind(optimizer, progress, config, plan, checkpoints, step.scale, device_of(model), start)
    try:
        if progress.step:
            yield progress
        while progress.step < plan.end:
            writer.check()
            # The learning rate of this step.
            rate = config.learning_rate * schedule(plan.place(progress.step), plan.steps, config.warmup_share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            # Forward and backward through this process's micro-batches; all processes get the mean gradient.
            read = list(itertools.islice(reader, config.accumulate))
            batches = [(number, batch) for number, batch, _ in read]
            position = read[-1][-1]  # behind this step, whatever has been read since
            terms = accumulate_gradients(module, batches, config.seed)
            if step.scale:
                step.scale.shrink(parameters)
            norm = clip(parameters, config.max_grad_norm)
            # Update, unless something is not finite.
            sums = of_all_processes(terms, batches, time.perf_counter() - saved > config.checkpoint_seconds)
            numbers.update(Computed(sums, norm, batches, terms, rate, position))
            yield progress
            if numbers.wants_checkpoint:
                _save(writer, model, optimizer, progress, numbers.position)
                numbers.wants_checkpoint, saved = False, time.perf_counter()
    finally:  # also when interrupted: the last whole step is kept
        reader.close()
        in_step = progress.step == plan.end or world_size() == 1  # else the others may be elsewhere
        try:
            if in_step:
                numbers.read()
        finally:
            whole = not numbers.unread and optimizer_is_whole(optimizer, progress.step - progress.skipped)
            if writer.step != progress.step and in_step and whole:
                _save(writer, model, optimizer, progress, numbers.position)
            writer.wait()
    model.eval()


def _save(
    writer: CheckpointWriter, model: nn.Module, optimizer: torch.optim.AdamW, progress: Progress, position: Any
) -> None:
    """A checkpoint, written by the first process, with the places of all in their texts."""
    writer.step = progress.step
    positions = gather(position)
    progress.positions = positions if positions[0] else []
    if rank() == 0:
        writer.save(model, optimizer, progress)
