"""A few trial steps on a copy of the model: they choose the precision and the number of steps on this machine.

On a GPU, those of a long run also say whether compiled blocks are faster.
"""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean

from torch import nn

from minidistil.ch08_training.compiled import GAIN, compiled_blocks, worth_a_trial
from minidistil.ch08_training.device import device_of, keep_freed_memory, precisions
from minidistil.ch08_training.feed import Batch, Feed
from minidistil.ch08_training.objectives import Losses
from minidistil.ch08_training.parallel import world_size
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.ch08_training.training import Step, accumulate_gradients, clip_gradients, make_optimizer, set_dropout

SLOWER = 3  # on a CPU without such instructions, 16 bits take more than ten times as long


def make_plan(
    model: nn.Module,
    losses: Losses,
    feed: Feed,
    config: TrainingConfig,
    together: Sequence[nn.Module] | None = None,
) -> Plan:
    """Measure this machine: choose the precision and, unless they are given, guess the number of steps.

    Args:
        together: the models that the losses read besides; the run compiles their blocks and the model's, if that pays.
            None: it compiles nothing.

    Raises:
        ValueError: nothing says when to stop.
    """
    keep_freed_memory()
    budget = math.inf if config.budget_seconds is None else config.budget_seconds
    if config.steps is None and math.isinf(budget) and math.isinf(longest(feed, config)):
        raise ValueError("The length of a streamed text is not known: give --budget or --steps.")
    tried = precisions(device_of(model)) if config.precision == "auto" else (config.precision,)
    measured = trial_seconds(model, losses, feed, config, tried)
    precision = min(measured, key=lambda name: sum(measured[name]))
    seconds = mean(measured[precision]) * config.accumulate
    steps = _steps(config, feed, budget, seconds)
    if together is None or not worth_a_trial(device_of(model), steps * seconds):
        return Plan(steps, precision, seconds)
    faster = mean(trial_seconds(model, losses, feed, config, (precision,), together)[precision]) * config.accumulate
    if faster > GAIN * seconds:
        return Plan(steps, precision, seconds)
    return Plan(_steps(config, feed, budget, faster), precision, faster, compiled=True)


def _steps(config: TrainingConfig, feed: Feed, budget: float, seconds: float) -> int:
    """As many as are asked for, or fit into the budget and the text."""
    return config.steps or int(max(1, min(longest(feed, config), budget / seconds)))


def longest(feed: Feed, config: TrainingConfig) -> float:
    """Steps that read the text `max_epochs` times."""
    batches = config.max_epochs * feed.batches_per_epoch / (config.accumulate * world_size())
    return batches if math.isinf(batches) else math.ceil(batches)


def trial_seconds(
    model: nn.Module,
    losses: Losses,
    feed: Feed,
    config: TrainingConfig,
    tried: Sequence[str],
    compiled: Sequence[nn.Module] | None = None,
) -> dict[str, list[float]]:
    """Seconds of steps of one micro-batch, in each precision, on a copy of the model, over batches of all lengths.

    Six of them, or of a short run as many as are a twentieth of its steps. Each batch is read in all precisions, one
    after the other: what else the machine does at the time slows all of them down alike. And it is read twice, of
    which the shorter time counts: the first step of a shape in 16 bits may have to make its kernels, and a single step
    that was held up must not decide. A precision that takes SLOWER times as long as another one is not tried on longer
    batches: a CPU without instructions for 16 bits would need minutes for them.

    Args:
        compiled: None, or the models that have their blocks compiled, as the copy has them then.

    Returns:
        For each precision that was tried to the end, the seconds by batch.
    """
    trial = copy.deepcopy(model).train()
    set_dropout(trial, config.dropout)
    modules = {precision: Step(trial, losses, precision, feed.batch_class) for precision in tried}
    optimizer = make_optimizer(trial, replace(config, learning_rate=1e-12))
    parameters = [parameter for parameter in trial.parameters() if parameter.requires_grad]
    batches = feed.typical(6 if config.steps is None else max(1, min(6, config.steps // 20)))

    def seconds(module: Step, batch: Batch) -> float:
        start = time.perf_counter()
        accumulate_gradients(module, [(0, batch)], config.seed)
        clip_gradients(parameters, config.max_grad_norm)
        optimizer.step()
        return time.perf_counter() - start

    measured: dict[str, list[float]] = {precision: [] for precision in tried}
    with compiled_blocks([trial, *(compiled or ())], compiled is not None):
        for batch in batches:
            twice = [{name: seconds(modules[name], batch) for name in measured} for _ in range(2)]
            for precision, times in measured.items():
                times.append(min(each[precision] for each in twice))
            fastest = min(map(sum, measured.values()))
            measured = {name: times for name, times in measured.items() if sum(times) < SLOWER * fastest}
    return measured
