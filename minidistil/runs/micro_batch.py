"""`--batch-size auto`: the largest micro-batch that a GPU has memory for, at the same effective batch."""

import copy
import gc
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.cost import random_batch
from minidistil.ch08_training.device import device_of, precisions
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.parallel import gather
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import Step, accumulate_gradients, make_optimizer, set_dropout
from minidistil.files import read_small

SPARE = 10  # a tenth of the memory stays free: sequences of all lengths leave gaps in it


def fitted(teacher: MaskedLM, student: MaskedLM, config: DistilConfig, out: Path) -> DistilConfig:
    """The settings with the largest micro-batch for this GPU, and as many of them as make the same effective batch.

    A run that has begun in the folder `out` keeps its own. Off CUDA nothing changes: a larger micro-batch is no faster
    on a CPU.

    Raises:
        MemoryError: there is too little memory for a single sequence.
    """
    together = config.batch_size * config.accumulate
    with suppress(OSError, ValueError, KeyError, TypeError):  # no run yet; what is damaged is named later
        earlier = json.loads(read_small(out / "config.json"))["config"]
        if earlier["batch_size"] * earlier["accumulate"] == together:
            return replace(config, batch_size=earlier["batch_size"], accumulate=earlier["accumulate"])
    if device_of(student).type != "cuda":
        return config
    sizes = [size for size in range(together, 0, -1) if together % size == 0]
    size = min(gather(next((size for size in sizes if fits(teacher, student, replace(config, batch_size=size))), 0)))
    if not size:
        raise MemoryError(
            f"a step of one sequence of {config.max_length} tokens does not fit: take a smaller --max-length or a "
            "smaller model."
        )
    return replace(config, batch_size=size, accumulate=together // size)


def fits(teacher: MaskedLM, student: MaskedLM, config: DistilConfig) -> bool:
    """Whether a step on the longest sequences has enough memory, in each precision that the run may choose."""
    try:
        _try(teacher, student, config)
    except torch.OutOfMemoryError:
        return False
    finally:
        gc.collect()
        if device_of(student).type == "cuda":
            torch.cuda.empty_cache()
    return True


def _try(teacher: MaskedLM, student: MaskedLM, config: DistilConfig) -> None:
    """A step on a copy of the student, in less than all of the memory."""
    device = device_of(student)
    spare = 0
    if device.type == "cuda":
        spare = torch.cuda.get_device_properties(device).total_memory // SPARE
    taken = torch.empty(spare, dtype=torch.uint8, device=device)
    trial = copy.deepcopy(student).train()
    set_dropout(trial, config.dropout)
    optimizer = make_optimizer(trial, replace(config, learning_rate=1e-12))
    batch = random_batch(teacher.config.vocab_size, config)
    for precision in precisions(device) if config.precision == "auto" else (config.precision,):
        step = Step(trial, distillation_losses(teacher, config), precision, MaskedBatch)
        accumulate_gradients(step, [(0, batch)], config.seed)
        optimizer.step()
    del taken
