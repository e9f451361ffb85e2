"""The instructors' page and the workflow say what the code says."""

import re
import subprocess

import pytest
import yaml

from minidistil.cli.main import main
from minidistil.course import bank
from minidistil.course.chapters import chapter_keys
from minidistil.course.grade import COLUMNS
from minidistil.course.misconceptions import misconceptions
from tests.course.test_exercise_cells import SIZE, notebook_of
from tests.test_readme import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
PAGE = (ROOT / "exercises" / "INSTRUCTORS.md").read_text(encoding="utf-8")


def test_the_command_prints_all_misconceptions() -> None:
    assert "python -m minidistil.course.bank" in PAGE
    printed = "\n".join(bank.lines())
    for each in [each for key in chapter_keys() for each in misconceptions(key)]:
        assert f"{each.exercise}: {each.name}\n      {each.what}\n      What to look at: {each.look}" in printed


@pytest.mark.parametrize("key", chapter_keys())
def test_the_time_for_a_chapters_exercises_is_that_of_their_cells(key: str) -> None:
    minutes = {"core": 0, "more": 0}
    for found in SIZE.finditer(notebook_of(key).read_text(encoding="utf-8")):
        minutes[found["kind"]] += int(found["minutes"])
    assert re.search(rf"^\| {int(key[2:])} \|.*\| {minutes['core']} \+ {minutes['more']} min \|", PAGE, flags=re.M)


def test_the_columns_of_the_grades_are_named() -> None:
    assert ", ".join(COLUMNS) in PAGE


def test_the_workflow_runs_the_test_command_of_the_readme() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    (command,) = [step["run"] for step in jobs["tests"]["steps"] if "README" in step.get("name", "")]
    shown = subprocess.run(
        ["bash", "-c", command.replace("bash -ec", "echo")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert shown.stdout.strip().endswith("-m pytest -n 2")
    lint = [step["run"] for step in jobs["lint"]["steps"] if "run" in step]
    assert {".venv/bin/ruff check .", ".venv/bin/ruff format --check .", ".venv/bin/mypy"} <= set(lint)


def test_commands_on_the_page_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("handout", "grade", "check", "hint", "progress", "graduate", "distil"):
        assert f"minidistil {name}" in PAGE
        with pytest.raises(SystemExit, match="0"):
            main([name, "--help"])
        assert f"minidistil {name}" in capsys.readouterr().out
