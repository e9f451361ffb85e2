"""The records of the clinic: the command makes them with the faults in place, and each shows its own."""

import dataclasses
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.runs import patients


def test_the_command_runs_the_module_that_the_faults_change(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(patients, "main", made.append)
    monkeypatch.delitem(sys.modules, "minidistil.runs.patients")
    runpy.run_module("minidistil.runs.patients", run_name="__main__")
    assert [path.name for path in made] == ["clinic.json"]


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, Any]]:
    """Two steps of some runs, with a teacher that knows nothing."""
    corpus = patients.reviews()
    tokenizer = WordPiece.train(corpus.train[:200], vocab_size=300)
    torch.manual_seed(0)
    teacher = MaskedLM(dataclasses.replace(patients.SIZES, vocab_size=len(tokenizer)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patients, "STEPS", 4)
        keys = (patients.HEALTHY, "visible", "teacher_drops", "frozen", "alphas")
        return {key: patients.record(key, 1, corpus, tokenizer, teacher) for key in keys}


def test_the_shown_row_has_a_label_for_each_hidden_token(records: dict[str, dict[str, Any]]) -> None:
    for key in (patients.HEALTHY, "visible"):
        ids, labels = records[key]["row"]["input_ids"], records[key]["row"]["labels"]
        assert len(ids) == len(labels) <= patients.ROW
        assert ids[0] == "[CLS]"
        assert any(labels)
        assert not [label for token, label in zip(ids, labels, strict=True) if token == "[MASK]" and not label]
    assert "[MASK]" not in records["visible"]["row"]["input_ids"]


def test_a_record_shows_its_fault(records: dict[str, dict[str, Any]]) -> None:
    figures = {key: record["figures"] for key, record in records.items()}
    healthy = figures[patients.HEALTHY]
    assert healthy["shown_as_mask"] == pytest.approx(0.8, abs=0.15)
    assert figures["visible"]["shown_as_mask"] < 0.1
    assert healthy["teacher_twice"] == 0 < figures["teacher_drops"]["teacher_twice"]
    assert figures["frozen"]["moved"] < healthy["moved"]
    assert healthy["total_ratio"] == pytest.approx(1) != pytest.approx(figures["alphas"]["total_ratio"])
