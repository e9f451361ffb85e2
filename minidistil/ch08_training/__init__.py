"""Chapter 8: one training loop with exact resume, on one process or many.

Read in this order: settings, plan, device, compiled, parallel, checkpoints, feed, prefetch, objectives, not_finite,
loss_scale, step_numbers, training, trial, cost.
"""

from typing import TYPE_CHECKING

from minidistil.on_demand import on_demand

if TYPE_CHECKING:
    from minidistil.ch08_training.checkpoints import restore_state, save_checkpoint, training_state
    from minidistil.ch08_training.cost import step_operations
    from minidistil.ch08_training.feed import Batch, MaskedBatch, MemoryFeed, numbers_of_step
    from minidistil.ch08_training.objectives import InChunks, distillation_losses, masked_lm_losses
    from minidistil.ch08_training.parallel import processes, without_averaging, world_size
    from minidistil.ch08_training.plan import Plan, schedule
    from minidistil.ch08_training.training import (
        accumulate_gradients,
        clip_gradients,
        make_optimizer,
        train,
    )
    from minidistil.ch08_training.trial import trial_seconds

__all__ = [
    "Batch", "InChunks", "MaskedBatch", "MemoryFeed", "Plan", "accumulate_gradients", "clip_gradients",
    "distillation_losses", "make_optimizer", "masked_lm_losses", "numbers_of_step", "processes", "restore_state",
    "save_checkpoint", "schedule", "step_operations", "train", "training_state", "trial_seconds",
    "without_averaging", "world_size",
]  # fmt: skip

# Each import above is made when its name is first used: `minidistil distil --help` needs the settings alone.
if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(__name__, __file__, __all__)
