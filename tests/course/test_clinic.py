"""The clinic: what is offered can be told apart, from the records alone; and the faults are in the real code."""

import doctest
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from minidistil.ch06_losses import losses
from minidistil.ch08_training import feed
from minidistil.cli.main import main
from minidistil.course import clinic
from minidistil.files import data_folder
from minidistil.runs.faults import FAULTS


def cases() -> list[clinic.Case]:
    return [clinic.Case(number) for number in range(1, len(clinic.admitted()) + 1)]


def test_the_records_are_small_and_have_three_seeds_of_everything() -> None:
    assert (data_folder() / "clinic.json").stat().st_size < 3_000_000
    assert len(clinic.admitted()) >= 20
    for key in (clinic.HEALTHY, *clinic.admitted()):
        assert [run["seed"] for run in clinic.records()[key]] == [1, 2, 3]


@pytest.mark.parametrize("key", list(FAULTS))
def test_a_fault_that_is_offered_differs_in_a_test_by_more_than_seeds(key: str) -> None:
    mark = FAULTS[key].mark
    assert mark in clinic.WORDS
    some, healthy = ([run["figures"][mark] for run in clinic.records()[each]] for each in (key, clinic.HEALTHY))
    gap = min(abs(one - other) for one in some for other in healthy)
    spread = max(max(values) - min(values) for values in (some, healthy))
    outside = min(some) > max(healthy) or max(some) < min(healthy)
    assert (key in clinic.admitted()) == (outside and gap > spread and gap > 1e-3 * max(map(abs, some + healthy)))


def test_against_every_wrong_diagnosis_speaks_a_figure_of_the_record() -> None:
    for key in clinic.admitted():
        for run in clinic.records()[key]:
            for wrong in set(clinic.admitted()) - {key}:
                figure = clinic.against(run, wrong)
                seen = clinic.values(wrong, figure)
                value = run["figures"][figure]
                assert value < min(seen) or value > max(seen), (key, wrong, figure)


def test_a_case_is_solved_by_its_own_fault_and_points_are_spent() -> None:
    case = clinic.Case(3)
    assert any("healthy" in line for line in case.test("masks"))
    (wrong, *_) = [key for key in clinic.admitted() if key != case.fault]
    said = case.diagnose(wrong)
    assert "cannot be" in said
    figure = clinic.against(case.run, wrong)
    assert f"{case.run['figures'][figure]:.4g}" in said
    assert clinic.WORDS[figure] in said
    assert not case.found
    assert case.points == clinic.POINTS - clinic.TEST_COSTS - clinic.ERROR_COSTS
    assert FAULTS[case.fault].piece in case.diagnose(case.fault)
    assert case.found


def test_the_cases_are_all_faults_once() -> None:
    assert sorted(case.fault for case in cases()) == sorted(clinic.admitted())
    for case in cases():
        assert FAULTS[case.fault].says not in "\n".join(case.record())


def test_the_terminal_plays_to_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fault = clinic.Case(2).fault
    answers = iter(["padding", "nonsense", fault])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert main(["clinic", "2"]) == 0
    said = capsys.readouterr().out
    assert clinic.WORDS["counted"] in said
    assert "'nonsense'" in said
    assert f"Found with {clinic.POINTS - 1} points" in said
    monkeypatch.setattr("builtins.input", lambda prompt: "")
    assert main(["clinic", "2"]) == 0
    assert f"It was: {FAULTS[fault].says}" in capsys.readouterr().out
    assert main(["clinic", "99"]) == 2
    assert "no case 99" in capsys.readouterr().err


@pytest.mark.parametrize("key", list(FAULTS))
def test_a_fault_is_planted_in_the_package_and_taken_out_again(key: str) -> None:
    fault = FAULTS[key]
    module, _, name = fault.piece.rpartition(".")
    try:
        owner: Any = __import__(module, fromlist=[name])
    except ModuleNotFoundError:
        module, _, kind = module.rpartition(".")
        owner = getattr(__import__(module, fromlist=[kind]), kind)
    right = getattr(owner, name)
    with fault.planted():
        assert getattr(owner, name) is not right
    assert getattr(owner, name) is right or getattr(owner, name) == right


def test_three_faults_do_what_they_say() -> None:
    student, teacher = torch.randn(5, 7), torch.randn(5, 7)
    right = losses.soft_target_loss(student, teacher, 2.0)
    with FAULTS["t_squared"].planted():
        torch.testing.assert_close(losses.soft_target_loss(student, teacher, 2.0) * 4, right)
    ids, chosen = torch.tensor([[2, 7, 8, 9, 3]]), torch.tensor([[False, True, False, True, False]])
    with FAULTS["labels"].planted():
        assert feed.mask_tokens(ids, chosen, 4, 20)[1].tolist() == [[-100, 8, -100, 3, -100]]
    with FAULTS["bf16_norm"].planted():
        out = nn.LayerNorm(8)(torch.randn(3, 8))
    torch.testing.assert_close(out.bfloat16().float(), out, rtol=0, atol=0)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(clinic).failed == 0


def test_the_records_hold_plain_numbers() -> None:
    text = (data_folder() / "clinic.json").read_text(encoding="utf-8")
    assert json.loads(text)["command"] == "python -m minidistil.runs.patients"
    assert "NaN" not in text


@pytest.mark.parametrize("content", ['{"runs": [', '{"runs": [1]}', "[]"])
def test_a_damaged_file_of_records_is_named(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clinic.json").write_text(content, encoding="utf-8")
    monkeypatch.setattr(clinic, "data_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"clinic\.json is damaged"):
        clinic.records.__wrapped__()
