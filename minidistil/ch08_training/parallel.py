"""Several processes, one run: what each has to know of the others.

`torchrun` starts the processes and tells each its rank; torch.distributed joins them (gloo on CPUs, nccl on
GPUs). Everything here also works in a process by itself, which is rank 0 of 1.
"""

import gc
import importlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from minidistil.ch08_training.device import best_device

T = TypeVar("T")
SILENCE = 60.0  # seconds after which a process that gives no sign of life ends the run
_waits: list[tuple[str, float]] = []  # what this process waits for, and since when


@contextmanager
def processes() -> Iterator[None]:
    """Be joined, within the context, with the other processes that torchrun started; alone if it did not.

    Where torchrun is killed, or one of the processes stops, the others end as well: they would train on unseen, or wait
    for ever.

    Raises:
        ValueError: more processes than GPUs, where there are GPUs, or one device for all of them.
        ConnectionError: the processes cannot be joined, or lose one another.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    device = best_device()
    on_gpus = device.type == "cuda"
    if device.type not in ("cpu", "cuda") or (on_gpus and device.index is not None):
        raise ValueError(
            f"Several processes, and the device is {device}: expected cuda, of which each process takes a GPU of its "
            "own, or cpu (--device, MINIDISTIL_DEVICE)."
        )
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
    try:
        distributed.init_process_group("nccl" if on_gpus else "gloo")
    except distributed.DistError as error:
        raise ConnectionError(
            f"The processes cannot be joined ({_first_line(error)}): expected port {os.environ['MASTER_PORT']} "
            f"of {os.environ['MASTER_ADDR']} to be free and within reach. Choose another with torchrun's --master-port."
        ) from error
    watch = _Watch()
    try:
        yield
    except BaseException as error:
        _let_go_of_frames(error)
        if isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error)):
            raise ConnectionError(
                f"Process {rank()} has lost another one ({_first_line(error)}), which has ended or hangs: see what "
                "that one says. The same command goes on from the last checkpoint."
            ) from error
        raise
    finally:
        watch.stop()
        gc.collect()  # what is left of DistributedDataParallel holds the group, too
        distributed.destroy_process_group()


def _let_go_of_frames(error: BaseException | None) -> None:
    """Drop the variables of the calls that an exception ended, DistributedDataParallel among them.

    Freed after the group, it waits for gloo's thread with the interpreter's lock in hand, which that thread may want.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


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


def in_all(what: str, work: Callable[[], T]) -> T:
    """The result of `work`, which every process does for itself.

    Args:
        what: of the process the work is about, for the error.

    Raises:
        ValueError: it fails in one of them, with a ValueError; all raise it, so that none waits for another.
    """
    if world_size() == 1:
        return work()
    problem = ""
    try:
        result = work()
    except ValueError as error:
        problem = f"Process {rank()}'s {what}: {error}"
    if found := [each for each in gather(problem) if each]:
        raise ValueError(found[0])
    return result


def summed(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, in every process; changed in place."""
    if world_size() > 1:
        distributed.all_reduce(tensor)
    return tensor


def averaging_gradients(module: nn.Module) -> nn.Module:
    """The module, with gradients that are the mean over all processes from the end of a backward pass on."""
    return DistributedDataParallel(module) if world_size() > 1 else module


def without_averaging(module: nn.Module) -> AbstractContextManager[Any]:
    """A context in which the module's backward passes leave the gradients in this process.

    For all micro-batches of a step but the last: before that there is nothing to average yet.
    """
    return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Say which process it is, among several, that waits for this for longer than a minute: the others wait for it."""
    _waits.append((what, time.monotonic()))
    try:
        yield
    finally:
        _waits.pop()


def tell_torchrun(why: str) -> None:
    """Leave the reason for which this process ends to torchrun: the last of its report's 35 lines then says it."""
    if place := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        told = {"message": why, "extraInfo": {"py_callstack": why, "timestamp": str(int(time.time()))}}
        with suppress(OSError):
            Path(place).write_text(json.dumps({"message": told}), encoding="utf-8")


# --- Where a process or torchrun has gone ---


class _Watch:
    """Ends this process, with a sentence, where what started it has ended or another process gives no sign of life.

    The signs are numbers in the store through which the processes found each other. The first process reads those of
    all the others, and each of these reads the first one's.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self.rank, self.others = rank(), range(1, world_size()) if rank() == 0 else range(1)
        self.parent = os.getppid()
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self.watch_parent, self.watch_others)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Tell the others that no sign is to be expected any more."""
        self.over.set()
        for thread in self.threads:
            thread.join(5)

    def watch_parent(self) -> None:
        """See whether it is still there, once a second, and say what this process waits for."""
        told = 0.0
        while not self.over.wait(1):
            if os.getppid() != self.parent:
                self.end("torchrun has ended")
            for what, since in _waits[-1:]:
                if since != told and time.monotonic() - since > SILENCE:
                    told = since
                    said = (
                        f"process {self.rank} has waited for {what} for {SILENCE:.0f} seconds; the others wait for it."
                    )
                    print(f"minidistil: {said}", file=sys.stderr, flush=True)

    def watch_others(self) -> None:
        """Give a sign and read those of the others, once a second."""
        signs, heard = dict.fromkeys(self.others, b""), dict.fromkeys(self.others, time.monotonic())
        number = 0
        with suppress(distributed.DistError):  # the store ends with the first process, or with torchrun
            host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            store = distributed.TCPStore(host, port, is_master=False, wait_for_workers=False)
            while not self.over.wait(1):
                number += 1
                store.set(f"minidistil {self.rank}", str(number))
                for other in self.others:
                    key = f"minidistil {other}"
                    sign = store.get(key) if store.check([key]) else b""
                    if sign != signs[other]:
                        signs[other], heard[other] = sign, time.monotonic()
                    elif sign != b"over" and time.monotonic() - heard[other] > SILENCE:
                        self.end(f"process {other} has given no sign of life for {SILENCE:.0f} seconds")
            store.set(f"minidistil {self.rank}", "over")

    def end(self, why: str) -> None:
        """End the process at once: the main thread may wait for ever."""
        said = f"process {self.rank} ends, because {why}; the same command goes on from the last checkpoint."
        print(f"minidistil: {said}", file=sys.stderr, flush=True)
        tell_torchrun(said)
        os._exit(1)
