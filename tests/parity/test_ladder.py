"""The parity checks: the package against the official libraries, on every device of this machine."""

import math
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn

from minidistil.ch03_attention import attention
from minidistil.ch04_encoder import encoder
from minidistil.cli.main import main
from minidistil.parity import ladder as parity
from minidistil.parity.ladder import Comparison, compare_model_card, devices, ladder
from minidistil.parity.peers import (
    ARCHITECTURES,
    FP32,
    bf16_bound,
    compare_masked_lm,
    largest_difference,
    random_config,
)

SEEDS = range(100, 105)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_states_logits_loss_and_gradients_are_those_of_transformers(
    architecture: str, seed: int, precision: str
) -> None:
    found = compare_masked_lm(random_config(architecture, seed), seed, "cpu", precision)
    assert found.keys() == {"hidden states", "logits", "loss", "gradients"}
    for what, (difference, bound) in found.items():
        assert bound == FP32 if precision == "fp32" else bound < 0.05
        assert difference <= bound, what


def test_a_model_that_gives_nan_is_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([{"loss": (0.0, 1e-5)}, {"loss": (math.nan, 1e-5)}, *({"loss": (1.0, 1e-5)} for _ in range(9))])
    monkeypatch.setattr(parity, "compare_masked_lm", lambda *arguments: next(found))
    assert math.isnan(parity.compare_random_models("cpu", "bert", "fp32")["loss"][0])


@pytest.mark.parametrize("device", devices())
def test_the_ladder_holds(device: str) -> None:
    comparisons = list(ladder(device))
    assert {each.rung for each in comparisons} == {1, 4, 5, 7, 8, 9}
    assert len(comparisons) == 1 + 2 + 16 + 3
    assert not [each.line() for each in comparisons if each.fails]
    assert {each.rung for each in comparisons if each.not_here} <= {8}


def test_official_distilbert_gives_the_scores_of_its_model_card() -> None:
    try:
        ((difference, bound),) = compare_model_card("cpu").values()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert difference <= bound == 1e-4


GELU, SDPA = nn.functional.gelu, nn.functional.scaled_dot_product_attention
MISTAKES: dict[str, tuple[str, Callable]] = {
    "the approximate GELU": ("gelu", lambda x: GELU(x, approximate="tanh")),
    "ReLU": ("gelu", torch.relu),
    "no scaling": ("scaled_dot_product_attention", lambda q, k, v, **options: SDPA(q, k, v, **options, scale=1.0)),
    "no mask": ("scaled_dot_product_attention", lambda q, k, v, attn_mask, **options: SDPA(q, k, v, **options)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_shows(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, (function, wrong) = random_config("distilbert", 3), MISTAKES[mistake]
    right = compare_masked_lm(config, 3, "cpu")
    assert all(difference <= bound for difference, bound in right.values())
    functional = type("functional", (), {**vars(nn.functional), function: staticmethod(wrong)})
    for module in (encoder, attention):
        monkeypatch.setattr(module, "nn", type("nn", (), {**vars(nn), "functional": functional}))
    differing = compare_masked_lm(config, 3, "cpu")
    del differing["loss"]  # a single number, in which a small mistake can be lost
    assert all(difference > bound for difference, bound in differing.values()), differing


def test_the_bound_of_bf16_follows_from_its_eight_bits() -> None:
    assert bf16_bound(1) == pytest.approx(math.sqrt(8) / 256)
    assert bf16_bound(1, backward=True) == pytest.approx(math.sqrt(24) / 256)


def test_a_difference_is_the_largest_and_that_of_other_shapes_is_infinite() -> None:
    one, other, nan = torch.zeros(2, 2), torch.tensor([[0.0, 1.0], [-3.0, 0.0]]), torch.full((2, 2), math.nan)
    assert largest_difference(one, other) == largest_difference([one, one], [one, other]) == 3
    assert largest_difference(one, torch.zeros(2)) == math.inf
    assert math.isnan(largest_difference(one, nan))
    assert math.isnan(largest_difference([one, one], [one, nan]))


def test_only_a_small_difference_holds() -> None:
    assert not Comparison(4, "cpu", "x", 1e-6, 1e-5).fails
    assert not Comparison(4, "cpu", "x", 0, 0).fails
    assert Comparison(4, "cpu", "x", 1e-4, 1e-5).fails
    assert Comparison(4, "cpu", "x", math.nan, 1e-5).fails
    assert "DIFFERS" in Comparison(4, "cpu", "x", 1e-4, 1e-5).line()
    absent = Comparison(4, "cpu", "x", not_here="pip install x")
    assert not absent.fails
    assert absent.line().endswith("not here: pip install x")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.setattr(parity, "_RUNGS", {(1, "ids"): parity.compare_tokenizer})
    (row,) = ladder("cpu")
    assert (row.rung, row.device, row.what, row.not_here) == (1, "cpu", "ids", "pip install tokenizers")


def test_doctor_prints_the_ladder_and_fails_where_something_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parity, "_RUNGS", {(4, "attention / torch"): parity.compare_attention})
    assert main(["doctor", "--parity"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("holds") == 2 * len(devices())
    monkeypatch.setattr(parity, "FP32", 0.0)
    assert main(["doctor", "--parity"]) == 1
    assert "DIFFERS" in capsys.readouterr().out
