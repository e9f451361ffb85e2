"""Chapter 2, masking: what is certain, and what is likely, against closed forms at fixed seeds.

A p-value above 0.001 is asked for throughout; the seeds are fixed, so a test that passes goes on passing.
"""

import math
from itertools import combinations

import pytest
import torch
from scipy.stats import binomtest, chisquare, hypergeom

from minidistil.masking import IGNORE, choose_positions, mask_tokens, token_weights

SPECIAL = (0, 100, 101, 102, 103)
MASK = 103
VOCAB = 1000


def batch(rows: int = 200, columns: int = 128) -> torch.Tensor:
    """Framed sequences with an [UNK] each; the last quarter of every other one is padding."""
    end = columns * 3 // 4
    input_ids = torch.randint(104, VOCAB, (rows, columns))
    input_ids[:, 0], input_ids[:, -1], input_ids[:, 7] = 101, 102, 100
    input_ids[::2, end - 1], input_ids[::2, end:] = 102, 0
    return input_ids


def test_exactly_the_share_of_ordinary_tokens_rounded_up() -> None:
    input_ids = batch()
    ordinary = 100 * (96 - 3) + 100 * (128 - 3)  # without frame, [UNK] and padding
    for share in (0.0, 0.15, 0.5, 1.0):
        chosen = choose_positions(input_ids, SPECIAL, share)
        assert chosen.shape == input_ids.shape
        assert int(chosen.sum()) == math.ceil(share * ordinary)
    assert int(choose_positions(batch(1, 10), SPECIAL, 1e-9).sum()) == 1


@pytest.mark.parametrize("special", SPECIAL)
def test_a_special_token_is_never_chosen(special: int) -> None:
    input_ids = batch()
    input_ids[:, 50] = MASK
    for weights in (None, token_weights(input_ids, VOCAB)):
        for share in (0.15, 1.0):
            chosen = choose_positions(input_ids, SPECIAL, share, weights)
            assert not chosen[input_ids == special].any()


def test_a_batch_of_special_tokens_alone_has_no_chosen_position() -> None:
    assert not choose_positions(torch.tensor([[101, 102, 0, 0]]), SPECIAL).any()


def test_every_ordinary_position_is_as_likely_as_any_other() -> None:
    input_ids = batch(2, 12)
    ordinary = ~torch.isin(input_ids, torch.tensor(SPECIAL))
    counts = torch.zeros_like(input_ids)
    for _ in range(4000):
        counts += choose_positions(input_ids, SPECIAL, 1e-9)
    assert chisquare(counts[ordinary].tolist()).pvalue > 0.001


def test_the_number_chosen_in_one_sequence_is_hypergeometric() -> None:
    # 3 sequences of 8 ordinary tokens each: 24 x 0.25 = 6 of them are chosen; how many in the first?
    input_ids = torch.full((3, 10), 200)
    input_ids[:, 0], input_ids[:, -1] = 101, 102
    draws = 3000
    seen = [0] * 7
    for _ in range(draws):
        seen[int(choose_positions(input_ids, SPECIAL, 0.25)[0].sum())] += 1
    expected = [draws * hypergeom.pmf(count, 24, 8, 6) for count in range(7)]
    few = slice(5, 7)  # five or six: too rare to stand alone
    assert chisquare([*seen[:5], sum(seen[few])], [*expected[:5], sum(expected[few])]).pvalue > 0.001


def test_the_chosen_split_80_10_10() -> None:
    input_ids = batch(2000)
    chosen = choose_positions(input_ids, SPECIAL)
    masked, labels = mask_tokens(input_ids, chosen, MASK, VOCAB)
    count = int(chosen.sum())
    kinds = [masked[chosen] == MASK, masked[chosen] == input_ids[chosen]]
    seen = [int(kind.sum()) for kind in kinds]
    seen.append(count - sum(seen))
    # A random token is [MASK] itself once in VOCAB - 1 draws, and never the original.
    expected = [count * (0.8 + 0.1 / (VOCAB - 1)), count * 0.1, count * 0.1 * (1 - 1 / (VOCAB - 1))]
    assert chisquare(seen, expected).pvalue > 0.001
    assert torch.equal(masked[~chosen], input_ids[~chosen])
    assert torch.equal(labels[chosen], input_ids[chosen])
    assert (labels[~chosen] == IGNORE).all()


def test_the_input_is_left_as_it_was() -> None:
    input_ids = batch()
    before = input_ids.clone()
    mask_tokens(input_ids, choose_positions(input_ids, SPECIAL), MASK, VOCAB)
    assert torch.equal(input_ids, before)


def test_each_position_draws_its_own_kind() -> None:
    # In 1000 rows of 10 chosen tokens the number of [MASK]s varies as independent draws do: variance n p (1 - p).
    input_ids = torch.full((1000, 10), 200)
    masked, _ = mask_tokens(input_ids, torch.ones_like(input_ids, dtype=torch.bool), MASK, VOCAB)
    variance = float((masked == MASK).sum(1).double().var())
    assert variance == pytest.approx(10 * 0.8 * 0.2, rel=0.2)


def test_a_random_token_is_uniform_over_all_others_special_ones_too() -> None:
    vocab = 20
    input_ids = torch.full((500, 400), 7)
    masked, _ = mask_tokens(input_ids, torch.ones_like(input_ids, dtype=torch.bool), 3, vocab)
    counts = torch.bincount(masked.flatten(), minlength=vocab)
    assert len(counts) == vocab
    others = [int(counts[token]) for token in range(vocab) if token not in (3, 7)]  # 0, 1, 2: say, [PAD], [CLS], [SEP]
    assert chisquare(others).pvalue > 0.001
    assert binomtest(int(counts[7]), input_ids.numel(), 0.1).pvalue > 0.001  # kept ones only


def test_weights_are_counts_to_the_power_of_minus_the_smoothing() -> None:
    sequences = [torch.tensor([5] * 600), torch.tensor([5] * 400 + [6] * 10)]
    weights = token_weights(sequences, 8)
    assert weights.shape == (8,)
    assert weights[5] == pytest.approx(1000**-0.7)
    assert weights[6] == pytest.approx(10**-0.7)
    assert weights[7] == 1.0  # never seen counts as once
    assert (token_weights(sequences, 8, smoothing=0.0) == 1).all()


def test_weighted_draws_without_repetition_follow_their_closed_form() -> None:
    # Two of four positions: P{i, j} = p_i p_j / (1 - p_i) + p_j p_i / (1 - p_j).
    weights = token_weights([torch.tensor([4] * 1000 + [5] * 100 + [6] * 10 + [7])], 8)
    input_ids = torch.tensor([[1, 4, 5, 6, 7, 2]])
    p = [count**-0.7 for count in (1000, 100, 10, 1)]
    p = [value / sum(p) for value in p]
    draws = 20_000
    generator = torch.Generator().manual_seed(0)
    seen = dict.fromkeys(combinations(range(4), 2), 0)
    for _ in range(draws):
        chosen = choose_positions(input_ids, (1, 2), 0.5, weights, generator)[0, 1:-1]
        first, second = chosen.nonzero().flatten().tolist()
        seen[first, second] += 1
    expected = [draws * p[i] * p[j] * (1 / (1 - p[i]) + 1 / (1 - p[j])) for i, j in seen]
    assert chisquare(list(seen.values()), expected).pvalue > 0.001


def test_masks_are_dynamic_and_the_generator_decides() -> None:
    input_ids = batch()
    first, again, other = (
        choose_positions(input_ids, SPECIAL, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    one = torch.Generator().manual_seed(1)
    draws = [choose_positions(input_ids, SPECIAL, generator=one) for _ in range(2)]
    replaced = [mask_tokens(input_ids, first, MASK, VOCAB, one)[0] for _ in range(2)]
    assert torch.equal(draws[0], first)
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(replaced[0], replaced[1])
    # Two independent choices of n out of N share a hypergeometric number of positions.
    total, count, shared = 21_800, int(first.sum()), int((first & other).sum())
    law = hypergeom(total, count, count)
    assert min(law.cdf(shared), law.sf(shared - 1)) > 0.001


def test_a_seed_of_the_callers_is_not_touched() -> None:
    input_ids = batch()
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(5)
    mask_tokens(input_ids, choose_positions(input_ids, SPECIAL, generator=generator), MASK, VOCAB, generator)
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), after)


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_share_outside_0_to_1_is_explained(share: float) -> None:
    with pytest.raises(ValueError, match=rf"is {share}: expected a number from 0 to 1"):
        choose_positions(batch(), SPECIAL, share)


@pytest.mark.parametrize("mask_token_id", [-1, VOCAB])
def test_a_vocabulary_without_mask_is_explained(mask_token_id: int) -> None:
    input_ids = batch()
    with pytest.raises(ValueError, match=rf"\[MASK\] has id {mask_token_id}: expected one in the vocabulary of 1000"):
        mask_tokens(input_ids, choose_positions(input_ids, SPECIAL), mask_token_id, VOCAB)
