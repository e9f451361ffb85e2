"""`torch.compile` for the blocks of the encoders, where it pays: on a CUDA GPU, in a run that is long enough.

A small step on a fast GPU waits for its many kernels to be started. A compiled block starts fewer of them, each of
which reads and writes memory once for several operations. Compiling takes a minute or two.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from minidistil.ch04_encoder.encoder import Block
from minidistil.ch08_training.device import device_of

DEVICES = ("cuda",)
LONG = 1800.0  # seconds of a run in which the trial and the compiling are few
GAIN = 0.95  # of the time of a step: what saves less is left alone


def worth_a_trial(device: torch.device, seconds: float) -> bool:
    """Whether a run of so many seconds is to find out if compiled blocks are faster."""
    return device.type in DEVICES and seconds >= LONG


@contextmanager
def compiled_blocks(models: Sequence[nn.Module], compiled: bool) -> Iterator[None]:
    """Within the context, the models' blocks are compiled, if so wanted and on a device where it pays.

    The number of sequences and their length are variables of the graph, so a batch of another shape compiles nothing
    anew; all layers of a model share one graph. Names and values of the weights stay as they are.
    """
    blocks = [module for model in models for module in model.modules() if isinstance(module, Block)]
    if not compiled or device_of(models[0]).type not in DEVICES:
        blocks = []
    for block in blocks:
        block.compile(dynamic=True)
    try:
        yield
    finally:
        for block in blocks:
            block._compiled_call_impl = None  # what nn.Module.compile() has set
