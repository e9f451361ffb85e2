"""TODO docstring."""

import argparse
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidistil.cli.options import _corpus, _docs, given, say

FIRST_LIGHT = Path("runs/first")


def first_light(options: argparse.Namespace) -> int:
    """The main job."""
    from minidistil.ch08_training.settings import DistilConfig

    say(
        "minidistil: distils the offline teacher (MiniLM, 6 layers) into a student of its first three,\n"
        "trained with the triple loss on the docstrings of the installed Python packages, then compares the two."
    )
    # In minutes, the first layers keep more of their teacher than every other one does (data/results/layers.json).
    return _run_distil("minilm", DistilConfig(layers=(0, 1, 2)), _docs, FIRST_LIGHT)


def distil(options: argparse.Namespace) -> int:
    """A distillation with settings of one's own."""
    from minidistil.ch08_training.settings import DistilConfig

    start = DistilConfig.paper() if options.paper else DistilConfig()
    config = dataclasses.replace(start, **given(options, DistilConfig))
    return _run_distil(options.teacher, config, lambda: _corpus(options), options.out)


def _run_distil(name: str, config: Any, text: Callable[[], Any], out: Path) -> int:
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch07_student.student import student_of
    from minidistil.ch08_training.device import device_of, to_best_device
    from minidistil.ch08_training.parallel import processes, rank
    from minidistil.ch09_evaluation.speed import parameters
    from minidistil.hub.official import official_name
    from minidistil.runs.distillation import distil
    from minidistil.runs.report import comparison_table, side_by_side

    with processes():
        tokenizer = WordPiece.from_pretrained(name)
        teacher = to_best_device(MaskedLM.from_pretrained(name))
        checked = ", size and sha256 verified" if official_name(name) else ""
        say(f"teacher {name}: {parameters(teacher):,} parameters on the {device_of(teacher).type}{checked}")
        student = to_best_device(student_of(teacher, config.layers))
        run = distil(teacher, student, text(), config, out, tokenizer, say)
        if rank():
            return 0
    say(f"\n{comparison_table(run.metrics)}\n\n{side_by_side(teacher, student, tokenizer)}\n")
    say(f"training took {run.metrics['seconds']:.0f} s. Everything is in {run.folder}: report.md, curves.png, model/.")
    say(f'try: minidistil fill "The list is [MASK]." --model {run.folder / "model"}')
    return _say_if_finished(run)


def _say_if_finished(run: Any) -> int:
    if run.was_finished:
        say(f"This run was finished already. To start afresh, delete {run.folder} or choose another folder with --out.")
    return 0


def ablate(options: argparse.Namespace) -> int:
    """The paper's last table, on the offline ladder."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch08_training.device import to_best_device
    from minidistil.ch08_training.settings import DistilConfig
    from minidistil.runs.ablation import ablate, table

    config = DistilConfig(**given(options, DistilConfig) | {"validate_every": None})
    teacher, tokenizer = MaskedLM.from_pretrained(options.teacher), WordPiece.from_pretrained(options.teacher)
    command = f"python -m minidistil {shlex.join(options.typed)}"
    text = _corpus(options)
    results = ablate(
        to_best_device(teacher), text, tokenizer, config, options.seeds, options.out, options.group, command, say
    )
    say(
        "\n".join(
            [
                "",
                *table(results),
                "",
                f"Everything is in {options.out}: {options.group}.json and a folder for each run.",
            ]
        )
    )
    return 0


def teach(options: argparse.Namespace) -> int:
    """The offline teacher, made or trained on."""
    from minidistil.ch08_training.parallel import processes
    from minidistil.ch08_training.settings import TeachConfig
    from minidistil.runs.teaching import teach

    config = TeachConfig(**given(options, TeachConfig))
    with processes():
        run = teach(_corpus(options), config, options.out, options.teacher, options.test_text, say)
    for name, figures in run.metrics["figures"].items():
        say(f"{name}: masked accuracy {figures['accuracy']:.3f}, perplexity {figures['perplexity']:.2f}")
    say(f"Everything is in {run.folder}: report.md, model/ and own/, the layers that were trained.")
    return _say_if_finished(run)
