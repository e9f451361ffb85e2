"""Work that may wait for others, done in a thread: where nothing moves for long, the wait ends with a sentence."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 300.0  # seconds
_LOG = logging.getLogger(__name__)


class WaitedTooLong(Exception):
    """Nothing has moved for `PATIENCE` seconds."""


class Watch:
    """What the work is waiting for, and since when."""

    given_up: bool = False
    who: str
    since: float

    def __init__(self, who: str):
        self.waits_for(who)

    def waits_for(self, who: str, seconds: float = 0) -> None:
        """Something has moved; `who` is to move next, at the latest in `seconds` and the patience."""
        self.who, self.since = who, time.monotonic() + seconds


def in_time(who: str, work: Callable[[Watch], T]) -> T:
    """The result of `work`, which tells the watch of each move, or its exception.

    The thread of a work that is given up may go on waiting until the program ends, but should do nothing more.

    Raises:
        WaitedTooLong: nothing has moved for `PATIENCE` seconds; the message says who was waited for.
    """
    watch, future = Watch(who), concurrent.futures.Future[T]()

    def run() -> None:
        try:
            future.set_result(work(watch))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    said = ""
    try:
        while not future.done():
            concurrent.futures.wait([future], timeout=PATIENCE / 20)
            waited = time.monotonic() - watch.since
            if waited > PATIENCE and not future.done():
                raise WaitedTooLong(f"nothing came for {PATIENCE:.0f} seconds from {watch.who}")
            if waited > PATIENCE / 10 and said != watch.who:
                said = watch.who
                _LOG.warning("waiting for %s; Ctrl-C ends it.", said)
        return future.result()
    finally:
        watch.given_up = True
