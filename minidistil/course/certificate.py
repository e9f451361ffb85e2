"""What `minidistil graduate` leaves: certificate.json and certificate.png; and a class's certificates in one table.

A certificate says whose pieces filled the mask, with which guesses, how many exercises pass by the last `check`, and
what the learner's own student keeps of its teacher. It is a file like any other, so whoever has it can change it:
`table` prints what is handed in, and `minidistil grade` beside it says what the code itself is worth.
"""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from minidistil import __version__, plots
from minidistil.ch08_training.device import described
from minidistil.course.graduate import Graduation, Pieces
from minidistil.course.progress import states_of
from minidistil.files import read_small, to_json, write_atomically
from minidistil.runs.report import figure

NAME = "certificate.json"
KEPT = ("retention", "teacher_masked_accuracy", "student_masked_accuracy", "seconds", "steps", "tokens")
LARGEST = 2**18  # bytes of a certificate that is read


def newest_run(folder: Path) -> Path | None:
    """The distillation that was finished last in a folder of runs; None if there is none."""
    finished = [path for path in folder.glob("*/metrics.json") if "retention" in _read(path)]
    return max(finished, key=lambda path: path.stat().st_mtime).parent if finished else None


def certificate(result: Graduation, run: Path | None, name: str = "") -> dict[str, Any]:
    """The certificate of a graduation, with what a distillation's folder says of the learner's student.

    Raises:
        ValueError: the folder holds no finished distillation.
    """
    student = None
    if run is not None:
        metrics = _read(run / "metrics.json")
        if "retention" not in metrics or any(not isinstance(metrics.get(key), int | float) for key in KEPT[1:]):
            raise ValueError(f"{run} holds no finished distillation: expected a folder that `minidistil distil` made.")
        interval = metrics.get("intervals", {}).get("retention")  # missing where the teacher has too little right
        student = {"run": run.name, "retention_interval": interval} | {key: metrics[key] for key in KEPT}
    return {
        "certificate": "minidistil graduate",
        "version": __version__,
        "date": str(datetime.date.today()),
        "name": name,
        "model": result.model,
        "machine": described(torch.device("cpu")),
        "text": result.text,
        "guesses": [{"word": each["token_str"], "score": each["score"]} for each in result.guesses or []],
        "pieces": [_chapter(each) for each in result.pieces],
        "student": student,
    }


def _chapter(pieces: Pieces) -> dict[str, Any]:
    """A chapter's row: the exercises that ran, whose they are, and how many passed when they were last checked."""
    try:
        passed = list(states_of(pieces.chapter)[0].values()).count("passed")
    except ValueError:  # Python cannot read the file
        passed = 0
    row: dict[str, Any] = {"chapter": pieces.chapter.key, "title": pieces.chapter.title}
    row |= {"yours": pieces.yours(), "packages": pieces.packages(), "passed": passed, "of": len(pieces.chapter.hints)}
    return row


def write(folder: Path, content: dict[str, Any]) -> None:
    """Leave the certificate and its picture in a folder, each whole or not at all.

    Raises:
        OSError: a file could not be written.
    """
    text = to_json(content, indent=2, ensure_ascii=False) + "\n"
    picture = plots.certificate(content)
    write_atomically(folder / "certificate.png", lambda part: plots.save(picture, part))
    write_atomically(folder / NAME, lambda part: part.write_text(text, encoding="utf-8"))


def table(folder: Path) -> Iterator[str]:
    """A line for each certificate in a folder of submissions, by the name of the student's folder or file."""
    paths = [path for path in sorted(folder.rglob(f"*{NAME}")) if path.is_file() and not path.is_symlink()]
    if not paths:
        return
    yield "Certificates as they were handed in (a file can be changed; the grades above come from the code):"
    yield f"{'student':<24} {'own pieces':>10} {'passed':>8} {'trained':>9} {'keeps':>7}  model"
    for path in paths:
        inside = path.relative_to(folder)
        student = inside.parts[0] if len(inside.parts) > 1 else path.name.removesuffix(NAME).strip("_- .")
        yield f"{_plain(student):<24} {_row(_read(path))}"


def _row(content: dict[str, Any]) -> str:
    try:
        rows = content["pieces"]
        yours, needed = (sum(len(row[name]) for row in rows) for name in ("yours", "packages"))
        passed, of = (sum(int(row[name]) for row in rows) for name in ("passed", "of"))
        text = f"{f'{yours} of {yours + needed}':>10} {f'{passed} of {of}':>8} "
        if student := content["student"]:
            text += f"{float(student['seconds']) / 60:>5.0f} min {figure(student['retention'], '.1%'):>7}"
        else:
            text += f"{'-':>9} {'-':>7}"
        return f"{text}  {_plain(content['model'])}"
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return "no certificate of minidistil graduate"


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file holds, {} if that is no dictionary."""
    try:
        value = json.loads(read_small(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _plain(text: str) -> str:
    """A student's text, short and without what a terminal would obey."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:60]
