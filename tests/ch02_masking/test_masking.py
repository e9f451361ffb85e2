"""Chapter 2, masking: what is certain, and what is random, against closed forms at fixed seeds.

Every p-value must be above 0.001; the seeds are fixed, so a test that passes goes on passing.
"""

import math
import re
from itertools import combinations
from types import ModuleType

import pytest
import torch
from scipy.stats import binomtest, chisquare, hypergeom
from torch import Tensor

SPECIAL = (0, 100, 101, 102, 103)
MASK = 103
VOCAB = 1000


def batch(rows: int = 100, columns: int = 128) -> Tensor:
    """Sequences with [CLS], [SEP] and an [UNK] each; the last quarter of every other one is padding."""
    end = columns * 3 // 4
    input_ids = torch.randint(104, VOCAB, (rows, columns))
    input_ids[:, 0], input_ids[:, -1], input_ids[:, 7] = 101, 102, 100
    input_ids[::2, end - 1], input_ids[::2, end:] = 102, 0
    return input_ids


def some_positions(input_ids: Tensor) -> Tensor:
    """Ordinary positions, each with a probability of 0.15: what `mask_tokens` is given here."""
    return (torch.rand(input_ids.shape) < 0.15) & ~torch.isin(input_ids, torch.tensor(SPECIAL))


def all_masked(impl: ModuleType, input_ids: Tensor, mask_token_id: int = MASK, vocab_size: int = VOCAB) -> Tensor:
    """input_ids after `mask_tokens` with every position chosen."""
    return impl.mask_tokens(input_ids, torch.ones_like(input_ids, dtype=torch.bool), mask_token_id, vocab_size)[0]


def test_exactly_the_share_of_ordinary_tokens_rounded_up(impl: ModuleType) -> None:
    input_ids = batch(20)  # few: right code may take time that grows with the square of their number
    ordinary = 10 * (96 - 3) + 10 * (128 - 3)  # without [CLS], [SEP], [UNK] and padding
    for share in (0.0, 0.15, 0.1501, 0.5, 1.0):
        chosen = impl.choose_positions(input_ids, SPECIAL, share)
        assert chosen.shape == input_ids.shape
        assert chosen.dtype == torch.bool
        assert int(chosen.sum()) == math.ceil(share * ordinary), f"share {share} of {ordinary} ordinary tokens"
    assert int(impl.choose_positions(batch(1, 10), SPECIAL, 1e-9).sum()) == 1


@pytest.mark.parametrize("special", SPECIAL)
def test_a_special_token_is_never_chosen(impl: ModuleType, special: int) -> None:
    input_ids = batch(20)
    input_ids[:, 50] = MASK
    for weights in (None, torch.ones(VOCAB, dtype=torch.double)):
        for share in (0.15, 1.0):
            chosen = impl.choose_positions(input_ids, SPECIAL, share, weights)
            assert not chosen[input_ids == special].any()


def test_a_batch_of_special_tokens_alone_has_no_chosen_position(impl: ModuleType) -> None:
    assert not impl.choose_positions(torch.tensor([[101, 102, 0, 0]]), SPECIAL).any()


def test_every_ordinary_position_is_as_likely_as_any_other(impl: ModuleType) -> None:
    input_ids = batch(2, 12)
    ordinary = ~torch.isin(input_ids, torch.tensor(SPECIAL))
    counts = torch.zeros_like(input_ids)
    for _ in range(2000):
        counts += impl.choose_positions(input_ids, SPECIAL, 1e-9)
    assert chisquare(counts[ordinary].tolist()).pvalue > 0.001


def test_the_number_chosen_in_one_sequence_is_hypergeometric(impl: ModuleType) -> None:
    # 3 sequences of 8 ordinary tokens each: 24 x 0.25 = 6 of them are chosen; how many in the first?
    input_ids = torch.full((3, 10), 200)
    input_ids[:, 0], input_ids[:, -1] = 101, 102
    draws = 2000
    seen = [0] * 7
    for _ in range(draws):
        seen[int(impl.choose_positions(input_ids, SPECIAL, 0.25)[0].sum())] += 1
    expected = [draws * hypergeom.pmf(count, 24, 8, 6) for count in range(7)]
    rare = slice(5, 7)  # five or six, counted together
    assert chisquare([*seen[:5], sum(seen[rare])], [*expected[:5], sum(expected[rare])]).pvalue > 0.001


def test_weighted_draws_without_replacement_follow_their_closed_form(impl: ModuleType) -> None:
    # Two of four positions: P{i, j} = p_i p_j / (1 - p_i) + p_j p_i / (1 - p_j).
    input_ids = torch.tensor([[1, 4, 5, 6, 7, 2]])
    p = [count**-0.7 for count in (1000, 100, 10, 1)]
    weights = torch.tensor([1.0] * 4 + p, dtype=torch.double)
    p = [value / sum(p) for value in p]
    draws = 4000
    generator = torch.Generator().manual_seed(0)
    seen = dict.fromkeys(combinations(range(4), 2), 0)
    for _ in range(draws):
        chosen = impl.choose_positions(input_ids, (1, 2), 0.5, weights, generator)[0, 1:-1]
        first, second = chosen.nonzero().flatten().tolist()
        seen[first, second] += 1
    expected = [draws * p[i] * p[j] * (1 / (1 - p[i]) + 1 / (1 - p[j])) for i, j in seen]
    assert chisquare(list(seen.values()), expected).pvalue > 0.001


def test_positions_are_drawn_anew_and_the_generator_decides(impl: ModuleType) -> None:
    input_ids = batch(20)
    generator = torch.Generator().manual_seed(1)
    first, second = (impl.choose_positions(input_ids, SPECIAL, generator=generator) for _ in range(2))
    again = impl.choose_positions(input_ids, SPECIAL, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    # Two independent choices of n out of N have a hypergeometric number of positions in common.
    count, common = int(first.sum()), int((first & second).sum())
    law = hypergeom(2_180, count, count)
    assert min(law.cdf(common), law.sf(common - 1)) > 0.001, f"{common} of {count} positions are in both of two draws"


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_share_outside_0_to_1_is_explained(impl: ModuleType, share: float) -> None:
    with pytest.raises(ValueError, match="0 to 1") as caught:
        impl.choose_positions(batch(1), SPECIAL, share)
    assert str(share) in str(caught.value)


def test_80_10_10(impl: ModuleType) -> None:
    input_ids = batch(400)
    chosen = some_positions(input_ids)
    masked, _ = impl.mask_tokens(input_ids, chosen, MASK, VOCAB)
    count = int(chosen.sum())
    kinds = [masked[chosen] == MASK, masked[chosen] == input_ids[chosen]]
    seen = [int(kind.sum()) for kind in kinds]
    seen.append(count - sum(seen))
    # A random token is [MASK] itself once in VOCAB - 1 draws, and never the original.
    expected = [count * (0.8 + 0.1 / (VOCAB - 1)), count * 0.1, count * 0.1 * (1 - 1 / (VOCAB - 1))]
    assert chisquare(seen, expected).pvalue > 0.001, f"[MASK], kept, random: {seen} of {count}"


def test_what_is_not_chosen_is_left_alone(impl: ModuleType) -> None:
    input_ids = batch()
    before, chosen = input_ids.clone(), some_positions(input_ids)
    masked, _ = impl.mask_tokens(input_ids, chosen, MASK, VOCAB)
    assert masked.shape == input_ids.shape
    assert torch.equal(masked[~chosen], before[~chosen])
    assert torch.equal(input_ids, before), "the input itself was changed"


def test_labels_are_the_originals_at_chosen_positions_and_minus_100_elsewhere(impl: ModuleType) -> None:
    input_ids = batch()
    before, chosen = input_ids.clone(), some_positions(input_ids)
    _, labels = impl.mask_tokens(input_ids, chosen, MASK, VOCAB)
    assert (labels[~chosen] == -100).all()
    assert torch.equal(labels[chosen], before[chosen])


def test_each_position_has_a_draw_of_its_own(impl: ModuleType) -> None:
    # In 1000 rows of 10 chosen tokens the number of [MASK]s varies as independent draws do: variance n p (1 - p).
    masked = all_masked(impl, torch.full((1000, 10), 200))
    assert float((masked == MASK).sum(1).double().var()) == pytest.approx(10 * 0.8 * 0.2, rel=0.2)
    counts = [int((all_masked(impl, torch.full((1, 50), 200)) == MASK).sum()) for _ in range(200)]
    assert float(torch.tensor(counts).double().var()) == pytest.approx(50 * 0.8 * 0.2, rel=0.4), "from batch to batch"


def test_a_random_token_is_uniform_over_all_others_special_ones_too(impl: ModuleType) -> None:
    counts = torch.bincount(all_masked(impl, torch.full((60, 250), 7), 3, 20).flatten(), minlength=20).tolist()
    assert len(counts) == 20
    assert chisquare(counts[:3] + counts[4:7] + counts[8:]).pvalue > 0.001  # 0, 1, 2: say, [PAD], [CLS], [SEP]
    assert binomtest(counts[7], 60 * 250, 0.1).pvalue > 0.001  # kept ones only


def test_a_random_token_is_never_the_original(impl: ModuleType) -> None:
    # In a vocabulary of one word and [MASK] a random token must be [MASK], so just the kept 10 % stay.
    kept = int((all_masked(impl, torch.zeros(100, 100, dtype=torch.int64), 1, 2) == 0).sum())
    assert binomtest(kept, 10_000, 0.1).pvalue > 0.001, f"{kept} of 10000 tokens are as before, about 1000 expected"


def test_replacements_are_drawn_anew_and_from_the_generator_alone(impl: ModuleType) -> None:
    input_ids = batch()
    chosen = some_positions(input_ids)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(1)
    first, second = (impl.mask_tokens(input_ids, chosen, MASK, VOCAB, generator)[0] for _ in range(2))
    again, _ = impl.mask_tokens(input_ids, chosen, MASK, VOCAB, torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before), "a number was drawn from PyTorch's own generator"


@pytest.mark.parametrize("mask_token_id", [-1, VOCAB], ids="mask_token_id={}".format)
def test_a_vocabulary_without_mask_is_explained(impl: ModuleType, mask_token_id: int) -> None:
    input_ids = batch(1)
    with pytest.raises(ValueError, match="vocabulary of 1000") as caught:
        impl.mask_tokens(input_ids, some_positions(input_ids), mask_token_id, VOCAB)
    assert re.search(rf"(?<!\d){mask_token_id}\b", str(caught.value))


def test_weights_are_counts_to_the_power_of_minus_the_smoothing(impl: ModuleType) -> None:
    sequences = [torch.tensor([5] * 600), torch.tensor([5] * 400 + [6] * 10)]
    expected = [1.0] * 5 + [1000**-0.7, 10**-0.7, 1.0]  # a token that was never seen counts as one
    weights = impl.token_weights(sequences, 8)
    assert weights.dtype == torch.double
    assert weights.tolist() == pytest.approx(expected)
    assert impl.token_weights(sequences, 8, smoothing=0.0).tolist() == [1.0] * 8
