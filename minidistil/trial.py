"""Chapter 8. A few steps on a copy of the model, to choose how the run will go on this machine."""

import copy
import math
import time
from dataclasses import replace

from torch import nn

from minidistil.microbatches import Batch, Feed
from minidistil.objectives import Losses
from minidistil.parallel import world_size
from minidistil.schedule import Plan
from minidistil.settings import TrainingConfig
from minidistil.training import Step, clipped_gradients, make_optimizer, set_dropout


def make_plan(model: nn.Module, losses: Losses, feed: Feed, config: TrainingConfig) -> Plan:
    """Measure this machine: choose the precision and, unless they are given, guess the number of steps."""
    tried = ("fp32", "bf16") if config.precision == "auto" else (config.precision,)
    measured = {precision: seconds_per_step(model, losses, feed, config, precision) for precision in tried}
    precision = min(measured, key=lambda name: measured[name])
    steps = config.steps
    if steps is None:
        steps = int(max(1, min(longest(feed, config), config.budget_seconds / measured[precision])))
    return Plan(steps, precision, measured[precision])


def longest(feed: Feed, config: TrainingConfig) -> float:
    """Steps that read the text `max_epochs` times."""
    batches = config.max_epochs * feed.batches_per_epoch / (config.accumulate * world_size())
    return batches if math.isinf(batches) else math.ceil(batches)


def seconds_per_step(model: nn.Module, losses: Losses, feed: Feed, config: TrainingConfig, precision: str) -> float:
    """Measured time of an optimiser step on a copy of the model, over batches of all lengths.

    Six of them, or of a short run as many as are a twentieth of its steps.
    """
    trial = copy.deepcopy(model).train()
    set_dropout(trial, config.dropout)
    module = Step(trial, losses, precision, feed.batch_class)
    optimizer = make_optimizer(trial, replace(config, learning_rate=1e-12))
    batches = feed.typical(6 if config.steps is None else max(1, min(6, config.steps // 20)))

    def step(batch: Batch) -> None:
        clipped_gradients(module, [(0, batch)], config)
        optimizer.step()

    step(batches[-1])  # warm up
    start = time.perf_counter()
    for batch in batches:
        step(batch)
    return (time.perf_counter() - start) / len(batches) * config.accumulate
