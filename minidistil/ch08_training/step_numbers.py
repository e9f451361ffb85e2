"""What steps come to, losses and gradient norm, and whether they are finite: read at once, on a GPU every few steps.

To read a number of a GPU is to wait until the GPU has done all that was asked of it; then it stands idle until the next
step is asked for. So there nothing is read in most steps. An update must not be made with a NaN in it all the same:
whether a step's numbers are finite is found out on the GPU, and from the first step on where they are not, AdamW's
kernel leaves weights and moments as they are. The step is reported when it is read, READ_EVERY steps later at most.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.ch08_training.checkpoints import Progress, interrupts_held_back
from minidistil.ch08_training.device import peak_memory_mib, sent_to
from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.loss_scale import LossScale
from minidistil.ch08_training.not_finite import report
from minidistil.ch08_training.parallel import rank, summed, world_size
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import TrainingConfig


def of_all_processes(terms: Sequence[dict[str, Tensor]], batches: Sequence[tuple[int, Batch]], save: bool) -> Tensor:
    """What a step comes to in all processes, on their device, without a wait for it: (K + 3,).

    The sums of the K loss terms' means over micro-batches, of sequences, of tokens, and 1 if rank 0 wants to save.
    """
    means = torch.stack([torch.stack(list(row.values())) for row in terms]).mean(0)  # (micro-batches, K) -> (K,)
    sizes = [(len(batch.input_ids), int(batch.attention_mask.sum())) for _, batch in batches]
    counts = torch.tensor([*map(sum, zip(*sizes, strict=True)), save and rank() == 0], dtype=means.dtype)  # (3,)
    return summed(torch.cat([means, sent_to(counts, means.device)]))


def validation_is_due(step: int, config: TrainingConfig) -> bool:
    """Whether the model is to be evaluated on held-out text after this step."""
    return config.validate_every is not None and step % config.validate_every == 0


@dataclass
class Computed:
    """A step whose gradients are there: its numbers, and what a report of them needs."""

    sums: Tensor  # (K + 3,), as `of_all_processes` gives them
    norm: float | Tensor  # length of the gradient
    batches: Sequence[tuple[int, Batch]]
    terms: Sequence[dict[str, Tensor]]
    rate: float  # learning rate
    position: Any  # in the text, behind this step


class StepNumbers:
    """Updates the weights where a step's numbers are finite, counts the step, and adds what is due to the log.

    Args:
        optimizer, config, plan: of the run.
        progress: of the run, too; it is kept up to date.
        checkpoints: their folder, for a micro-batch that is not finite.
        scale: of a run in fp16.
        device: where the model is.
        start: when the run would have started, had it not been interrupted.

    Attributes:
        position: in the text, behind the last step that was read.
        wants_checkpoint: whether the first process has asked for one in a step that was read.
        unread: steps whose numbers have not been read: none but in a `LateStepNumbers`.
    """

    def __init__(
        self,
        optimizer: torch.optim.AdamW,
        progress: Progress,
        config: TrainingConfig,
        plan: Plan,
        checkpoints: Path,
        scale: LossScale | None,
        device: torch.device,
        start: float,
    ):
        self.optimizer, self.progress, self.config, self.plan = optimizer, progress, config, plan
        self.checkpoints, self.scale, self.device, self.start = checkpoints, scale, device, start
        self.position: Any = None
        self.wants_checkpoint: bool = False
        self.unread: list[Computed] = []
        self.failed: Tensor = torch.zeros((), device=device)  # 1 from the first step on that was not finite

    def update(self, step: Computed) -> None:
        """Update and count; an interrupt waits: a step is taken and counted, or not begun.

        Raises:
            ValueError: the step is not finite, and no smaller scale of the loss can help.
        """
        assert isinstance(step.norm, float)
        numbers = [*step.sums.tolist(), step.norm]
        finite = self.require_finite(step, numbers, self.progress.step)
        with interrupts_held_back():
            if finite:
                self.optimizer.step()
            if self.scale:
                self.scale.update(finite)
                self.progress.scale = self.scale.state_dict()
                self.progress.skipped += not finite
            self.progress.step += 1
            self.count(step, numbers, self.progress.step)

    def read(self) -> None:
        """Read what has not been read: here nothing."""

    def require_finite(self, step: Computed, numbers: Sequence[float], done: int) -> bool:
        """Whether the numbers of the step after `done` ones are finite; ValueError if nothing can be done about it."""
        finite = all(map(math.isfinite, numbers))
        if not (finite or (self.scale and self.scale.can_be_too_large())):
            values = self._values(step, numbers)
            raise ValueError(report(values, step.batches, step.terms, done, self.config, self.checkpoints))
        return finite

    def count(self, step: Computed, numbers: Sequence[float], number: int) -> None:
        """Count what the step read and, every so often, add a line to the log."""
        progress = self.progress
        *_, sequences, tokens, saves, _ = numbers
        progress.tokens += int(tokens)
        progress.seconds = seconds = time.perf_counter() - self.start
        self.position, self.wants_checkpoint = step.position, self.wants_checkpoint or bool(saves)
        if not self.line_is_due(number):
            return
        before = progress.log[-1] if progress.log else {"tokens": 0, "seconds": 0.0}
        speed = (progress.tokens - before["tokens"]) / max(seconds - before["seconds"], 1e-9)
        progress.log.append(
            {"step": number, "tokens": progress.tokens, "effective_batch": int(sequences)}
            | self._values(step, numbers)
            | {"learning_rate": step.rate, "seconds": round(seconds, 2), "tokens_per_second": round(speed)}
            | {"peak_memory_mib": peak_memory_mib(self.device)}
        )

    def line_is_due(self, number: int) -> bool:
        """Whether the log has a line for this step."""
        last = number == self.plan.end
        return number % self.config.log_every == 0 or validation_is_due(number, self.config) or last

    def _values(self, step: Computed, numbers: Sequence[float]) -> dict[str, float]:
        """Mean loss terms over all processes, and the gradient norm."""
        *sums, _, _, _, norm = numbers
        means = {name: value / world_size() for name, value in zip(step.terms[0], sums, strict=True)}
        return means | {"gradient_norm": norm}


# --- The same on a GPU, without waiting for it in every step ---

READ_EVERY = 10


class LateStepNumbers(StepNumbers):
    """Reads the numbers where something needs them, and otherwise every READ_EVERY steps."""

    def update(self, step: Computed) -> None:
        """As `StepNumbers.update`; the error may come some steps later, with weights and progress before the bad one.

        From it on, AdamW's fused kernel changes nothing: it reads `found_inf`, by which torch.amp.GradScaler tells it.
        """
        assert isinstance(step.norm, Tensor)
        finite = step.sums.isfinite().all() & step.norm.isfinite()
        self.failed = torch.maximum(self.failed, (~finite).float())
        self.optimizer.found_inf = self.failed  # type: ignore[attr-defined]
        with interrupts_held_back():
            self.optimizer.step()
            self.progress.step += 1
            self.unread.append(step)
        if self.is_due(self.progress.step):
            self.read()

    def is_due(self, number: int) -> bool:
        """Whether the numbers are needed now; a correction of the plan needs the tokens so far, once."""
        corrects = self.plan.correction_is_due(number) and not self.plan.correction_is_due(number - 1)
        return number % READ_EVERY == 0 or self.line_is_due(number) or corrects

    def read(self) -> None:
        """Read and count all steps that have not been read, in one wait for the device.

        Raises:
            ValueError: one of them was not finite; the progress is set back to the step before.
        """
        if not self.unread:
            return
        with interrupts_held_back():  # all are read and counted, or none
            steps = self.unread
            norms = torch.stack([torch.as_tensor(step.norm) for step in steps])  # (steps,)
            rows = torch.cat([torch.stack([step.sums for step in steps]), norms[:, None]], 1).tolist()  # (steps, K + 4)
            self.unread, end = [], self.progress.step
            for done, (step, numbers) in enumerate(zip(steps, rows, strict=True), start=end - len(steps)):
                self.progress.step = done
                self.require_finite(step, numbers, done)
                self.count(step, numbers, done + 1)
            self.progress.step = end


def reads_late(device: torch.device, scale: LossScale | None) -> bool:
    """Whether reading numbers every step would cost time: on a GPU, unless a scale has to know them at once.

    Apple's GPUs have no fused AdamW that can be told to change nothing.
    """
    return device.type not in ("cpu", "mps") and scale is None
