"""Chapter 2, masking: proportions against closed forms, at fixed seeds."""

import math

import pytest
import torch
from scipy.stats import chisquare

from minidistil.masking import IGNORE, choose_positions, mask_tokens, token_weights

SPECIAL = (0, 100, 101, 102, 103)
VOCAB = 1000


def batch(rows: int = 200, columns: int = 128) -> torch.Tensor:
    input_ids = torch.randint(104, VOCAB, (rows, columns))
    input_ids[:, 0], input_ids[:, -1], input_ids[::2, 100:] = 101, 102, 0
    input_ids[:, 7] = 100
    return input_ids


def test_exactly_the_share_and_never_a_special_token() -> None:
    input_ids = batch()
    ordinary = int((~torch.isin(input_ids, torch.tensor(SPECIAL))).sum())
    for share in (0.0, 0.15, 0.5, 1.0):
        chosen = choose_positions(input_ids, SPECIAL, share)
        assert int(chosen.sum()) == math.ceil(share * ordinary)
        assert not torch.isin(input_ids[chosen], torch.tensor(SPECIAL)).any()


def test_the_chosen_split_80_10_10() -> None:
    input_ids = batch(2000)
    chosen = choose_positions(input_ids, SPECIAL)
    masked, labels = mask_tokens(input_ids, chosen, 103, VOCAB)
    count = int(chosen.sum())
    kinds = [masked[chosen] == 103, masked[chosen] == input_ids[chosen]]
    seen = [int(kind.sum()) for kind in kinds]
    seen.append(count - sum(seen))
    # A random token is [MASK] itself once in VOCAB - 1 draws.
    expected = [count * (0.8 + 0.1 / (VOCAB - 1)), count * 0.1, count * 0.1 * (1 - 1 / (VOCAB - 1))]
    assert chisquare(seen, expected).pvalue > 0.001
    assert torch.equal(masked[~chosen], input_ids[~chosen])
    assert torch.equal(labels[chosen], input_ids[chosen])
    assert (labels[~chosen] == IGNORE).all()


def test_a_random_token_is_uniform_over_all_others() -> None:
    vocab = 20
    input_ids = torch.full((500, 400), 7)
    masked, _ = mask_tokens(input_ids, torch.ones_like(input_ids, dtype=torch.bool), 3, vocab)
    counts = torch.bincount(masked.flatten(), minlength=vocab)
    others = [int(counts[token]) for token in range(vocab) if token not in (3, 7)]
    assert chisquare(others).pvalue > 0.001
    assert int(counts[7]) == pytest.approx(0.1 * input_ids.numel(), rel=0.03)  # kept ones only


def test_smoothing_prefers_rare_tokens_as_the_formula_says() -> None:
    sequences = [torch.tensor([5] * 1000 + [6] * 10)]
    weights = token_weights(sequences, 8)
    assert weights[5] == pytest.approx(1000**-0.7)
    assert weights[6] == pytest.approx(10**-0.7)
    assert weights[7] == 1.0  # never seen counts as once
    # One position out of two tokens, drawn often: odds are the ratio of the weights.
    generator = torch.Generator().manual_seed(0)
    pair = torch.tensor([[5, 6]])
    draws = sum(bool(choose_positions(pair, (), 0.5, weights, generator)[0, 1]) for _ in range(4000))
    probability = float(weights[6] / (weights[5] + weights[6]))
    assert chisquare([draws, 4000 - draws], [4000 * probability, 4000 * (1 - probability)]).pvalue > 0.001


def test_the_generator_decides() -> None:
    input_ids = batch()
    first, again, other = (
        choose_positions(input_ids, SPECIAL, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_bad_input_is_explained() -> None:
    with pytest.raises(ValueError, match=r"is 1\.5: expected a number from 0 to 1"):
        choose_positions(batch(), SPECIAL, 1.5)
