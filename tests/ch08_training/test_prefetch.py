"""Chapter 8, workers: the same micro-batches and positions as without, and errors in the same words."""

import os
import pickle
import signal
from collections.abc import Iterator
from itertools import islice
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
import torch.multiprocessing

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch08_training.feed import Batch, Feed, MemoryFeed, StreamFeed
from minidistil.ch08_training.prefetch import Prepared, _Upcoming, upcoming
from minidistil.ch08_training.settings import TrainingConfig

CONFIG = TrainingConfig(batch_size=4, max_length=32, mask_smoothing=0.7)


@pytest.fixture(params=["in memory", "streamed"])
def feeds(request: pytest.FixtureRequest, tiny_corpus: Corpus, tokenizer: WordPiece) -> Iterator[Feed]:
    """The same feed, from its beginning, each time that one is asked for."""

    def make() -> Iterator[Feed]:
        some = Corpus("some", tiny_corpus.train[:100], [], [])
        while True:
            if request.param == "streamed":
                yield StreamFeed(some, tokenizer, CONFIG)
            else:
                yield MemoryFeed(sequences(some.train, tokenizer, 32), tokenizer, CONFIG)

    return make()


def same(one: Prepared, other: Prepared) -> bool:
    parts = zip(vars(one[1]).values(), vars(other[1]).values(), strict=True)
    return one[0] == other[0] and one[2] == other[2] and all(torch.equal(a, b) for a, b in parts)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_prepare_the_same_micro_batches_and_draw_nothing(feeds: Iterator[Feed], workers: int) -> None:
    here = list(islice(upcoming(next(feeds), 5, 3, 1, 2), 60))  # rank 1 of 2, three a step, from step 5 on
    assert [number for number, _, _ in here] == list(range(31, 151, 2))
    before = torch.get_rng_state()
    there = list(islice(upcoming(next(feeds), 5, 3, 1, 2, workers), 60))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(same(one, other) for one, other in zip(here, there, strict=True))


def test_what_a_worker_has_read_ahead_is_in_no_position(feeds: Iterator[Feed]) -> None:
    whole = list(islice(upcoming(next(feeds), 0, 1), 30))
    reader = upcoming(next(feeds), 0, 1, workers=1)
    *_, (_, _, position) = islice(reader, 12)
    reader.close()
    again = next(feeds)
    if position is not None:
        again.load_state_dict(position)
    rest = islice(upcoming(again, 12, 1, workers=1), 18)
    assert all(same(one, other) for one, other in zip(whole[12:], rest, strict=True))


def test_workers_end_with_their_reader(feeds: Iterator[Feed]) -> None:
    before = set(torch.multiprocessing.active_children())
    reader = upcoming(next(feeds), 0, 1, workers=1)
    next(reader)
    (worker,) = set(torch.multiprocessing.active_children()) - before
    reader.close()
    worker.join(10)
    assert not worker.is_alive()


def test_a_feed_is_sent_without_shared_memory_where_processes_are_not_forked(
    feeds: Iterator[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, again = _Upcoming(next(feeds), 2, 1, 0, 1), _Upcoming(next(feeds), 2, 1, 0, 1)

    def refuse(*arguments: object) -> None:
        raise AssertionError("a file of shared memory for a tensor")

    with monkeypatch.context() as patch:
        for name in ("_share_fd_cpu_", "_share_filename_cpu_"):
            patch.setattr(torch.UntypedStorage, name, refuse)
        with pytest.raises(AssertionError, match="shared memory"):
            ForkingPickler.dumps(torch.ones(3))
        sent = ForkingPickler.dumps(ahead)
    there = pickle.loads(sent)
    assert all(same(one, other) for one, other in zip(islice(again.prepared(), 5), there.prepared(), strict=False))


class StrangeError(Exception):
    """Cannot be made anew from its arguments, like some of the hub's."""

    def __init__(self, message: str, *, response: object):
        super().__init__(message)


class Failing:
    """A feed that has three micro-batches and then a problem."""

    batch_class, in_order = Batch, False

    def __init__(self, problem: Exception | None):
        self.problem = problem

    def __getitem__(self, number: int) -> Batch:
        if number == 3 and self.problem is None:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 3 and self.problem:
            raise self.problem
        return Batch(*(torch.full((1, 2), number) for _ in range(3)))

    def state_dict(self) -> None:
        return None


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (FileNotFoundError("The dataset cannot be reached."), r"^The dataset cannot be reached\.$"),
        (StrangeError("503 Server Error", response=None), r"^StrangeError: 503 Server Error$"),
        (None, "^A worker was ended from outside, most often for lack of memory .*: try fewer, or --workers 0"),
    ],
)
def test_a_problem_of_a_worker_is_told_in_its_own_words(problem: Exception | None, message: str) -> None:
    reader = upcoming(Failing(problem), 0, 1, workers=1)  # type: ignore[arg-type]
    read: list[int] = []
    with pytest.raises(OSError, match=message):
        read.extend(number for number, _, _ in reader)
    assert problem is None or read == [0, 1, 2]  # who is killed may take along what it has sent


def test_a_step_of_another_size_is_refused(feeds: Iterator[Feed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.ch08_training.prefetch.numbers_of_step", lambda *arguments: [])
    with pytest.raises(ValueError, match="numbers_of_step names 0 micro-batches for step 4: expected 2"):
        next(upcoming(next(feeds), 4, 2))
