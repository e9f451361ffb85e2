"""Chapter 8, micro-batches: number n is the same whenever it is asked for; a stream goes on from its position."""

import json
from dataclasses import replace
from types import ModuleType

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch08_training.feed import Batch, MemoryFeed, StreamFeed
from minidistil.ch08_training.settings import TrainingConfig

CONFIG = TrainingConfig(batch_size=4, max_length=32, mask_smoothing=0.7)


@pytest.fixture(scope="module")
def stream(tiny_corpus: Corpus, tokenizer: WordPiece) -> MemoryFeed:
    return MemoryFeed(sequences(tiny_corpus.train[:100], tokenizer, 32), tokenizer, CONFIG)


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def original(batch: Batch) -> list[list[int]]:
    """The sequences without masks and padding."""
    whole = torch.where(batch.labels == IGNORE, batch.input_ids, batch.labels)
    return [row[real.bool()].tolist() for row, real in zip(whole, batch.attention_mask, strict=True)]


def test_batch_n_is_the_same_whenever_it_is_asked_for(stream: MemoryFeed, tokenizer: WordPiece) -> None:
    other = MemoryFeed(stream.sequences, tokenizer, CONFIG)
    for number in (7, 0, stream.batches_per_epoch + 3, 7):
        assert same(stream[number], other[number])
    assert not torch.equal(stream[7].labels, stream[7 + stream.batches_per_epoch].labels)


def test_an_epoch_has_every_sequence_once(stream: MemoryFeed) -> None:
    read = [row for number in range(stream.batches_per_epoch) for row in original(stream[number])]
    assert sorted(read) == sorted(sequence.tolist() for sequence in stream.sequences)


def test_a_step_larger_than_the_corpus_is_refused(stream: MemoryFeed, tokenizer: WordPiece) -> None:
    config = replace(CONFIG, accumulate=len(stream.sequences) // 4)
    MemoryFeed(stream.sequences, tokenizer, config)
    with pytest.raises(ValueError, match=r"One step reads \d+ sequences, the corpus has \d+: expected a smaller"):
        MemoryFeed(stream.sequences, tokenizer, config, world_size=2)


@pytest.mark.parametrize("world_size", [1, 2])
def test_a_stream_has_every_sequence_once_a_pass_over_all_processes(
    tiny_corpus: Corpus, tokenizer: WordPiece, world_size: int
) -> None:
    corpus = Corpus("some", tiny_corpus.train[:100], [], [])
    whole = sequences(corpus.train, tokenizer, 32)
    read: list[list[int]] = []
    for rank in range(world_size):
        feed = StreamFeed(corpus, tokenizer, CONFIG, rank, world_size)
        share = sequences(corpus.stream("train", rank, world_size), tokenizer, 32)
        mine: list[list[int]] = []
        while len(mine) < len(share):
            mine += original(feed[rank + world_size * len(mine)])
        assert sorted(mine) == sorted(sequence.tolist() for sequence in share)
        read += mine
        feed[10_000]  # and it goes on with another pass
    assert sorted(read) == sorted(sequence.tolist() for sequence in whole)


def test_a_stream_goes_on_from_its_position_at_any_batch(tiny_corpus: Corpus, tokenizer: WordPiece) -> None:
    corpus = Corpus("some", tiny_corpus.train[:60], [], [])
    feed = StreamFeed(corpus, tokenizer, CONFIG)
    batches, positions = [], []
    for number in range(60):  # more than one pass
        batches.append(feed[number])
        positions.append(json.dumps(feed.state_dict()))
    for number in range(0, 59, 7):
        other = StreamFeed(corpus, tokenizer, CONFIG)
        other.load_state_dict(json.loads(positions[number]))
        assert all(same(other[n], batches[n]) for n in range(number + 1, 60))


def test_a_typical_sample_of_a_stream_spreads_over_the_lengths(tiny_corpus: Corpus, tokenizer: WordPiece) -> None:
    feed = StreamFeed(tiny_corpus, tokenizer, CONFIG)
    tokens = [int(batch.attention_mask.sum()) for batch in feed.typical(6)]
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[-1]
    assert sum(tokens) / 6 == pytest.approx(feed.tokens_per_batch, rel=0.2)
    assert int(feed.token_counts().argmax()) in tokenizer.special_ids | {tokenizer.ids(".")[0], tokenizer.ids("the")[0]}


@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 1), (4, 1), (1, 3), (3, 2), (50, 8)])
def test_processes_share_out_the_micro_batches_without_loss_or_repetition(
    accumulate: int, world_size: int, impl: ModuleType
) -> None:
    read = []
    for step in range(4):
        shares = [list(impl.numbers_of_step(step, accumulate, rank, world_size)) for rank in range(world_size)]
        assert {len(share) for share in shares} == {accumulate}
        read += sorted(number for share in shares for number in share)
    assert read == list(range(4 * accumulate * world_size))


def test_processes_take_turns(impl: ModuleType) -> None:
    assert [list(impl.numbers_of_step(1, 3, rank, 2)) for rank in (0, 1)] == [[6, 8, 10], [7, 9, 11]]
