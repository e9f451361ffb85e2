"""What the command line says when something goes wrong: one line, short, harmless to a terminal."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from minidistil.cli import distil
from minidistil.cli.main import main
from minidistil.cli.messages import LONGEST, one_line


def test_an_error_is_one_line_without_control_characters() -> None:
    text = "a\r\n\tb\x1b[31m\x07 \x9b2J\u202e\u2028c\ud800\x00 d’é字🙂"
    assert one_line(ValueError(text)) == "a b [31m 2J c d’é字🙂"


def test_a_long_error_keeps_its_beginning_and_its_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distil", "--text", "\x1b[2J" + "/long" * 700]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) == len("minidistil: ") + LONGEST
    assert line.startswith("minidistil: There is no text file [2J/long")
    assert line.endswith("long: expected a UTF-8 file, plain or .gz.")
    assert line.isprintable()


def test_torchrun_repeats_the_sentence_at_the_end_of_its_own_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(path))  # as torchrun sets them
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert main(["distil", "--text", str(tmp_path / "none")]) == 2
    report = str(ChildFailedError("minidistil", {0: ProcessFailure(0, 1, 2, str(path))}))
    assert f"traceback : {capsys.readouterr().err.removeprefix('minidistil: ')}" in report


@pytest.mark.parametrize(
    ("error", "amount"),
    [
        (lambda: torch.empty(1 << 50), "4503599627370496 bytes at once"),
        (lambda: bytearray(1 << 60), "out of memory: take"),
        # As torch words it for a GPU.
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total"), "20.00 GiB at"),
    ],
)
def test_too_little_memory_is_answered_with_what_to_make_smaller(
    error: object, amount: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(options: object) -> int:
        if isinstance(error, BaseException):
            raise error
        return error()  # type: ignore[operator]

    monkeypatch.setattr(distil, "main_job", run)
    assert main([]) == 2
    printed = capsys.readouterr().err
    assert amount in printed
    assert "smaller --batch-size" in printed


def test_other_errors_of_torch_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distil, "main_job", lambda options: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        main([])


def test_a_text_that_does_not_fit_in_memory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "zeros.txt"
    with path.open("wb") as file:
        file.truncate(100 << 30)  # of which nothing is on the disk

    def less_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (10 << 30, 10 << 30))

    command = [sys.executable, "-m", "minidistil", "distil", "--text", str(path), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, preexec_fn=less_memory, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "zeros.txt is too large" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "typed",
    [
        ["distil", "--out", ""],
        ["distil", "--out="],
        ["teach", "--test-text", ""],
        ["export", "minilm", "--out", ""],
        ["evaluate", "minilm", "--text", ""],
        ["finetune", "sst-2", "--data", ""],
        ["grade", ""],
        ["handout", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_not_this_folder(
    typed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(typed)
    assert stop.value.code == 2
    wrong = typed[-1].rstrip("=") or typed[-2]
    assert re.search(f"{wrong if wrong[0] == '-' else 'folder|DIR'}: .*empty", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_no_flag_takes_an_empty_name_as_a_path() -> None:
    for file in Path(distil.__file__).parent.glob("*.py"):
        assert "type=Path" not in file.read_text(encoding="utf-8"), file.name
