"""Chapter 2, batches: padding, grouping by length."""

import random
from types import ModuleType

import pytest
import torch

from minidistil.ch02_masking.batching import padding_share

LENGTHS = torch.randint(12, 128, (1000,), generator=torch.Generator().manual_seed(0)).tolist()


def test_padding_is_on_the_right_and_0_in_the_mask(impl: ModuleType) -> None:
    input_ids, attention_mask = impl.pad([torch.tensor([5, 6, 7]), torch.tensor([8])], pad_token_id=9)
    assert input_ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert attention_mask.dtype == torch.int64


def test_the_mask_does_not_mistake_a_token_for_padding(impl: ModuleType) -> None:
    _, attention_mask = impl.pad([torch.tensor([0, 5, 0]), torch.tensor([1, 0])], pad_token_id=0)
    assert attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_an_epoch_holds_every_sequence_once(impl: ModuleType) -> None:
    batches = impl.epoch_batches(LENGTHS, 8, seed=1)
    assert sorted(index for batch in batches for index in batch) == list(range(1000))
    assert {len(batch) for batch in impl.epoch_batches(LENGTHS, 7, seed=1)} == {7, 1000 % 7}


def test_sequences_of_similar_length_are_in_one_batch(impl: ModuleType) -> None:
    grouped = impl.epoch_batches(LENGTHS, 8, seed=1)
    in_order = [list(range(start, start + 8)) for start in range(0, 1000, 8)]
    # Lengths uniform over 12..127: of 8 at random the longest is about 8/9 of the way up, 115 to a mean of 69.5.
    assert padding_share(LENGTHS, in_order) == pytest.approx(1 - 69.5 / (12 + 116 * 8 / 9), abs=0.02)
    assert padding_share(LENGTHS, grouped) < 0.06
    bins = [[LENGTHS[index] // 4 for index in batch] for batch in grouped]
    assert max(max(each) - min(each) for each in bins) <= 1  # 30 bins of about 33: a batch of 8 is in two at most


def test_batches_come_in_random_order_and_the_seed_decides(impl: ModuleType) -> None:
    first = impl.epoch_batches(LENGTHS, 8, seed=1)
    assert first == impl.epoch_batches(LENGTHS, 8, seed=1)
    other = impl.epoch_batches(LENGTHS, 8, seed=2)
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in other}
    bins = [max(LENGTHS[index] for index in batch) // 4 for batch in first]
    for in_order in (sorted(bins), sorted(bins, reverse=True)):
        assert bins != in_order, "the batches come in the order of their lengths"


def test_within_a_bin_of_lengths_the_shuffle_decides(impl: ModuleType) -> None:
    batches = impl.epoch_batches([12, 13, 14, 15] * 50, 10, seed=1)  # one bin
    different = [len({index % 4 for index in batch}) for batch in batches]
    assert sum(different) / len(different) > 3, f"lengths 12 to 15 are one bin, but batches hold {different} of them"


def test_an_epoch_leaves_the_generators_of_others_alone(impl: ModuleType) -> None:
    before = torch.get_rng_state(), random.getstate()
    impl.epoch_batches(LENGTHS, 8, seed=1)
    assert torch.equal(torch.get_rng_state(), before[0]), (
        "a seed was set, or a number drawn, in PyTorch's own generator"
    )
    assert random.getstate() == before[1], "a seed was set, or a number drawn, in Python's own generator"


def test_padding_of_two_batches_by_hand() -> None:
    # Lengths 2 and 4 padded to 4, 3 alone: of 11 positions 2 are padding.
    assert padding_share([2, 3, 4], [[0, 2], [1]]) == pytest.approx(2 / 11)
