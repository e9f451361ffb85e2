"""What graduates take away, and what an instructor sees of it."""

import json
import shutil
from pathlib import Path

import pytest

from minidistil.cli.main import main
from minidistil.course import certificate
from minidistil.course.chapters import course_folder, read_chapter

COURSE = course_folder()
TEXT = "The caf\u00e9 has a [MASK]."
METRICS = {
    "retention": 0.875, "teacher_masked_accuracy": 0.5, "student_masked_accuracy": 0.4375, "seconds": 1800.0,
    "steps": 900, "tokens": 1_000_000, "intervals": {"retention": [0.86, 0.89]},
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder in which chapter 3 is solved, and two runs, the distillation the older one."""
    chapter = read_chapter("ch03")
    (tmp_path / "exercises" / "hints").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    shutil.copy2(COURSE / "exercises" / "hints" / "ch03.md", tmp_path / "exercises" / "hints")
    shutil.copy2(COURSE / "tests" / chapter.name / "correct" / "base.py", tmp_path / "exercises" / chapter.path.name)
    for name, metrics in (("first", METRICS), ("sst-2", {"score": 0.9})):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "metrics.json").write_text(json.dumps(metrics))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_graduating_leaves_a_certificate_and_a_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graduate", TEXT, "--name", "Ada"]) == 0
    folder = Path("runs") / "graduation"
    assert str(folder / "certificate.png") in capsys.readouterr().out
    assert (folder / "certificate.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.json", "certificate.png"]
    content = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    (row,) = content["pieces"]
    assert "MultiHeadAttention" in row["yours"]
    assert row["packages"] == []
    assert (content["name"], content["text"], content["model"]) == ("Ada", TEXT, "minilm")
    assert len(content["guesses"]) == 5
    assert content["student"] == {
        "run": "first", "retention_interval": [0.86, 0.89],
        **{name: METRICS[name] for name in certificate.KEPT},
    }  # fmt: skip


def test_the_place_and_the_run_can_be_given(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "metrics.json").write_text(json.dumps(METRICS | {"retention": 0.5}))
    assert main(["graduate", TEXT, "--run", "mine", "--out", "there"]) == 0
    content = json.loads((here / "there" / "certificate.json").read_text(encoding="utf-8"))
    assert (content["student"]["run"], content["student"]["retention"]) == ("mine", 0.5)
    assert main(["graduate", TEXT, "--run", "runs/sst-2", "--out", "nowhere"]) == 2
    assert "runs/sst-2 holds no finished distillation" in capsys.readouterr().err
    assert not (here / "nowhere").exists()


def test_a_student_whose_teacher_has_nothing_right_is_certified_in_json_that_others_read(here: Path) -> None:
    (here / "mine").mkdir()
    few = METRICS | {"retention": None, "teacher_masked_accuracy": 0.0, "intervals": {}}
    (here / "mine" / "metrics.json").write_text(json.dumps(few))
    assert main(["graduate", TEXT, "--run", "mine"]) == 0

    def refuse(name: str) -> None:
        raise ValueError(name)

    path = here / "runs" / "graduation" / "certificate.json"
    student = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)["student"]
    assert (student["retention"], student["retention_interval"]) == (None, None)
    assert list(certificate.table(here))[-1].split()[-2:] == ["-", "minilm"]


def test_what_is_wrong_or_not_ones_own_is_not_certified(here: Path) -> None:
    path = here / "exercises" / read_chapter("ch03").path.name
    right = path.read_text(encoding="utf-8")
    path.write_text(
        right + "\n\ndef join_heads(heads):\n    return heads.reshape(heads.shape[0], heads.shape[2], -1)\n"
    )
    assert main(["graduate", TEXT, "--out", "there"]) == 1
    shutil.copy2(COURSE / "exercises" / path.name, path)  # nothing is written
    assert main(["graduate", TEXT, "--out", "there"]) == 0
    assert not (here / "there").exists()


def test_a_class_is_one_table(tmp_path: Path) -> None:
    pieces = [{"yours": ["a", "b"], "packages": ["c"], "passed": 2, "of": 6}]
    good = {"pieces": pieces, "student": METRICS, "model": "minilm"}
    handed_in = {
        "ada/work/certificate.json": json.dumps(good),
        "bob/certificate.json": json.dumps(good | {"student": None, "model": "a\nb\x1b" + "c" * 99}),
        "eve_certificate.json": "[" * 5000,
        "kim/certificate.json": json.dumps({"pieces": 7}),
        "max/certificate.json": json.dumps(good | {"student": {"seconds": 1, "retention": 10**400}}),
    }
    for name, text in handed_in.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "zoe_certificate.json").symlink_to("/etc/hostname")
    _, _, ada, bob, eve, kim, maximilian = certificate.table(tmp_path)
    assert ada.split() == ["ada", "2", "of", "3", "2", "of", "6", "30", "min", "87.5%", "minilm"]
    assert bob.startswith("bob ")
    assert len(bob.splitlines()) == 1
    assert len(bob) < 150
    assert bob.isprintable()
    for student, line in (("eve", eve), ("kim", kim), ("max", maximilian)):
        assert line.split(maxsplit=1) == [student, "no certificate of minidistil graduate"]


def test_without_certificates_there_is_no_table(tmp_path: Path) -> None:
    assert not list(certificate.table(tmp_path))
