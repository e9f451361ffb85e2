"""Settings: what is refused, with its name, its value and what is expected."""

from typing import Any

import pytest

from minidistil.ch08_training.settings import DistilConfig, FinetuneConfig, TeachConfig, TrainingConfig


@pytest.mark.parametrize(
    ("setting", "kind", "words"),
    [
        ({"learning_rate": "1e-3"}, TypeError, "learning_rate '1e-3' a number"),
        ({"steps": 2.5}, TypeError, r"steps 2\.5 a whole number or None"),
        ({"steps": True}, TypeError, "steps True a whole number"),
        ({"batch_size": None}, TypeError, "batch_size None a whole number"),
        ({"precision": 32}, TypeError, "precision 32 a word"),
        ({"betas": 0.9}, TypeError, r"betas 0\.9 numbers"),
        ({"betas": (0.9,)}, TypeError, r"betas \(0\.9,\) numbers"),
        ({"layers": "0,1,2"}, TypeError, "layers '0,1,2' numbers or None"),
        ({"layers": (0, 1.5)}, TypeError, r"layers \(0, 1\.5\) numbers"),
        ({"freeze_positions": "no"}, TypeError, "freeze_positions 'no' True or False"),
        ({"betas": (0.9, 1.0)}, ValueError, r"betas \(0\.9, 1\.0\) 0 1"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate nan above 0"),
        ({"learning_rate": float("inf")}, ValueError, "learning_rate inf finite above 0"),
        ({"weight_decay": -0.1}, ValueError, r"weight_decay -0\.1 0 or more"),
        ({"mask_smoothing": -1}, ValueError, "mask_smoothing -1 0 or more"),
    ],
)
def test_a_wrong_setting_is_named(setting: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=".*".join(words.split())):
        DistilConfig(**setting)


def test_what_means_the_same_is_taken() -> None:
    assert DistilConfig(learning_rate=1, layers=[0, 2], budget_seconds=60).to_json()["layers"] == [0, 2]  # type: ignore[arg-type]
    for kind in (TrainingConfig, DistilConfig, TeachConfig, FinetuneConfig):
        assert kind() == kind(**vars(kind()))
    assert DistilConfig.paper().accumulate == 50
