"""Several processes, one run: what each has to know of the others.

`torchrun` starts the processes and tells each its rank; torch.distributed joins them (gloo on CPUs, nccl on
GPUs). Everything here also works in a process by itself, which is rank 0 of 1.
"""

import gc
import importlib
import os
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from minidistil.ch08_training.device import best_device

T = TypeVar("T")


@contextmanager
def processes() -> Iterator[None]:
    """Be joined, within the context, with the other processes that torchrun started; alone if it did not.

    Raises:
        ValueError: more processes than GPUs, where there are GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    on_gpus = best_device().type == "cuda"
    if on_gpus:
        place, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= count:
            raise ValueError(
                f"GPUs here: {count}. Expected as many processes, --nproc-per-node {count}; for more, on the "
                "CPU, set MINIDISTIL_DEVICE=cpu."
            )
        torch.cuda.set_device(place)
    # DistributedDataParallel imports this module. Imported when the group is there, it would keep the group for good,
    # as default arguments of its functions; gloo's threads would then live until the interpreter ends, and crash it.
    importlib.import_module("torch._dynamo")
    distributed.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield
    except BaseException as error:
        _let_go_of_frames(error)
        raise
    finally:
        gc.collect()  # what is left of DistributedDataParallel holds the group, too
        distributed.destroy_process_group()


def _let_go_of_frames(error: BaseException | None) -> None:
    """Drop the variables of the calls that an exception ended, DistributedDataParallel among them.

    Freed after the group, it waits for gloo's thread with the interpreter's lock in hand, which that thread may want.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def world_size() -> int:
    """Number of processes."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0; the one with 0 writes the files and talks."""
    return distributed.get_rank() if world_size() > 1 else 0


def from_first(value: T) -> T:
    """Rank 0's value, in every process: what depends on a clock or a file is decided by one of them."""
    if world_size() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, src=0)
    return values[0]


def gather(value: T) -> list[T]:
    """The values of all processes, by rank, in every process."""
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]  # each place has been filled


def summed(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, in every process; changed in place."""
    if world_size() > 1:
        distributed.all_reduce(tensor)
    return tensor


def averaging_gradients(module: nn.Module) -> nn.Module:
    """The module, with gradients that are the mean over all processes from the end of a backward pass on."""
    return DistributedDataParallel(module) if world_size() > 1 else module


def without_averaging(module: nn.Module) -> AbstractContextManager:
    """A context in which the module's backward passes leave the gradients in this process.

    For all micro-batches of a step but the last: before that there is nothing to average yet.
    """
    return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()
