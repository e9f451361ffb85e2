"""What a process reads, step by step, and worker processes that prepare it in advance.

torch's `DataLoader` runs the workers. They read ahead of the training, so their own position in the text is useless for
an exact resume. Here each micro-batch comes with the position behind it; what was read too early is read again.
"""

import pickle
import signal
from collections.abc import Generator, Iterator
from itertools import count, islice
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from minidistil.ch08_training.feed import Batch, Feed, numbers_of_step
from minidistil.ch08_training.parallel import waiting_for

Prepared = tuple[int, Batch, Any]  # a number, its micro-batch, and the feed's position behind it


def upcoming(
    feed: Feed, step: int, accumulate: int, rank: int = 0, world_size: int = 1, workers: int = 0
) -> Generator[Prepared]:
    """What process `rank` reads from a step (from 0) on: micro-batches without end, each with the position behind it.

    Args:
        workers: processes that prepare them ahead, 0 for none; a stream is read by one of them at most. Close the
            iterator to end them.

    Raises:
        OSError: a worker was ended from outside. What a worker raises is raised here.
    """
    reader = _read(feed, step, accumulate, rank, world_size, workers)
    try:
        while True:
            with waiting_for("its text"):
                item = next(reader)
            yield item
    finally:
        reader.close()


def _read(feed: Feed, step: int, accumulate: int, rank: int, world_size: int, workers: int) -> Generator[Prepared]:
    ahead = _Upcoming(feed, step, accumulate, rank, world_size)
    if not workers:
        yield from ahead.prepared()
        return
    loader = DataLoader(
        ahead,
        batch_size=None,
        num_workers=1 if feed.in_order else workers,
        worker_init_fn=_leave_interrupts_alone,
        generator=torch.Generator(),  # else the loader would draw from the one that dropout draws from
    )
    try:
        for sent in loader:
            item = pickle.loads(sent)
            if isinstance(item, Exception):
                raise item
            yield item
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise OSError(
            f"A worker was ended from outside, most often for lack of memory ({error}): try fewer, or --workers 0."
        ) from error


class _Upcoming(IterableDataset[bytes]):
    """What `upcoming` yields; in a worker as bytes.

    Tensors would be sent as shared memory, of which a container may have little, and a file each: a corpus has more of
    them than a process may open.
    """

    def __init__(self, feed: Feed, step: int, accumulate: int, rank: int, world_size: int):
        self.feed, self.step, self.part = feed, step, (accumulate, rank, world_size)

    def __getstate__(self) -> bytes:
        return pickle.dumps(vars(self))  # where workers are not forked

    def __setstate__(self, state: bytes) -> None:
        vars(self).update(pickle.loads(state))

    def prepared(self, place: int = 0, workers: int = 1) -> Iterator[Prepared]:
        """The part of one of several workers: every so-many-th micro-batch."""
        for number in islice(self._numbers(), place, None, workers):
            yield number, self.feed[number], self.feed.state_dict()

    def _numbers(self) -> Iterator[int]:
        for step in count(self.step):
            numbers = list(numbers_of_step(step, *self.part))
            if len(numbers) != self.part[0]:
                raise ValueError(
                    f"numbers_of_step names {len(numbers)} micro-batches for step {step}: expected {self.part[0]}."
                )
            yield from numbers

    def __iter__(self) -> Iterator[bytes]:
        worker = get_worker_info()
        assert worker is not None
        try:
            for item in self.prepared(worker.id, worker.num_workers):
                yield pickle.dumps(item)
        except Exception as error:  # the loader would send it on as a page of traceback
            yield _sendable(error)


def _sendable(error: Exception) -> bytes:
    try:
        pickle.loads(sent := pickle.dumps(error))  # some exceptions cannot be made anew from their arguments
    except Exception:
        return pickle.dumps(OSError(f"{type(error).__name__}: {error}"))
    return sent


def _leave_interrupts_alone(worker: int) -> None:
    """Ctrl-C is for the process that trains: it ends its workers when it has saved its work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
