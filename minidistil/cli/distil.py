"""`minidistil distil`: a teacher distilled into a student. Without a command, `minidistil` runs the main job."""

import argparse
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidistil.cli.options import (
    A_MODEL,
    MODEL,
    add_command,
    add_settings,
    add_training_flags,
    corpus_of,
    docs_corpus,
    given,
    numbers,
    say,
    say_if_finished,
    size_or_auto,
)
from minidistil.hub.official import STUDENT, official_name

if TYPE_CHECKING:
    from minidistil.ch08_training.settings import DistilConfig

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the command."""
    what = "distil a teacher into a student with some of its layers"
    add_command(commands, "distil", run, what, _flags, on_device=True)


def _flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch08_training.settings import DistilConfig

    command.add_argument("--teacher", **MODEL)
    start = command.add_mutually_exclusive_group()
    add_settings(start, DistilConfig(), "layers", type=numbers, metavar="0,2,4")
    further = f"train this student further: {A_MODEL} (default: a new one, of the teacher's layers)"
    start.add_argument("--student", metavar="NAME", help=further)
    add_settings(command, DistilConfig(), "alpha_ce", "alpha_mlm", "alpha_cos", "alpha_mse", "temperature")
    add_settings(command, DistilConfig(), "freeze_words")
    paper = "start from the published settings instead of the defaults shown here; other flags still apply"
    command.add_argument("--paper", action="store_true", help=paper)
    add_training_flags(command, DistilConfig(), "runs/distil", size_or_auto)


def run(options: argparse.Namespace) -> int:
    """A distillation with the settings of the flags."""
    from minidistil.ch08_training.settings import DistilConfig

    start = DistilConfig.paper() if options.paper else DistilConfig()
    settings = given(options, DistilConfig)
    auto = settings.get("batch_size") == "auto"
    if auto:
        del settings["batch_size"]
    if options.student is not None:
        settings["layers"] = None  # also with --paper: it is not made of its teacher's layers
    config = dataclasses.replace(start, **settings)
    return _distil(options.teacher, config, lambda: corpus_of(options), options.out, auto, options.student)


def main_job(options: argparse.Namespace) -> int:
    """The offline teacher distilled on the docs corpus, in about five minutes."""
    say(
        "minidistil: distils the offline teacher into a student in about five minutes; Ctrl-C stops it, the same "
        "command goes on.\n"
        "For a minute only: minidistil distil --layers 0,1,2 --budget 1m. Other commands: minidistil --help.\n"
        "The teacher is MiniLM with 6 layers, the student gets its first three and is trained with the triple loss\n"
        "on the docstrings of the installed Python packages; then the two are compared, in runs/first,\n"
        "and beside them a student that was trained for longer, minilm-student."
    )
    from minidistil.ch08_training.settings import DistilConfig

    # After minutes of training, the first layers keep more of their teacher than every other one does
    # (data/results/layers.json).
    return _distil("minilm", DistilConfig(layers=(0, 1, 2)), docs_corpus, Path("runs/first"), beside=STUDENT)


def _distil(
    name: str,
    config: "DistilConfig",
    text: Callable[[], Any],
    out: Path,
    auto: bool = False,
    start: str | None = None,
    beside: str | None = None,
) -> int:
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch07_student.student import student_of
    from minidistil.ch08_training.device import best_device, device_of
    from minidistil.ch08_training.parallel import processes, rank
    from minidistil.ch09_evaluation.speed import parameters
    from minidistil.runs.distillation import distil
    from minidistil.runs.micro_batch import fitted
    from minidistil.runs.report import comparison_table, side_by_side

    with processes():
        tokenizer = WordPiece.from_pretrained(name)
        teacher = MaskedLM.from_pretrained(name).to(best_device())
        checked = ", size and sha256 verified" if name == STUDENT or official_name(name) else ""
        say(f"teacher {name}: {parameters(teacher):,} parameters on the {device_of(teacher).type}{checked}")
        if start is None:
            student = student_of(teacher, config.layers)
        else:
            student = MaskedLM.from_pretrained(start).to(best_device())
        if auto:
            config = fitted(teacher, student, config, out)
            say(f"micro-batches of {config.batch_size} sequences, {config.accumulate} in a step")
        run = distil(teacher, student, text(), config, out, tokenizer, say, start=start or "", beside=beside)
        if rank():
            return 0
    models = {"teacher": teacher, "student": student}
    if beside is not None and "beside" in run.metrics:  # else the folder was finished without it
        models[beside] = MaskedLM.from_pretrained(beside).to(device_of(teacher))
    say(f"\n{comparison_table(run.metrics)}\n\n{side_by_side(models, tokenizer)}\n")
    say(f"training took {run.metrics['seconds']:.0f} s. Everything is in {run.folder}: report.md, curves.png, model/.")
    say(f'try: minidistil fill "The list is [MASK]." --model {shlex.quote(str(run.folder / "model"))}')
    return say_if_finished(run)
