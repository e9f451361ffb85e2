"""`minidistil teach`: makes the offline teacher, or trains it further."""

import argparse
from typing import Any

from minidistil.cli.options import add_command, add_training_flags, corpus_of, given, path, say, say_if_finished

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the command."""
    what = "train a masked-LM head on an official encoder: makes the offline teacher"
    add_command(commands, "teach", run, what, _flags, on_device=True)


def _flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch08_training.settings import TeachConfig

    teacher = "train this teacher further, such as minilm (default: the official MiniLM with a new head)"
    command.add_argument("--teacher", metavar="NAME", help=teacher)
    held_out = "files that are not trained on, to report figures on"
    command.add_argument("--test-text", type=path, nargs="+", default=[], metavar="FILE", help=held_out)
    add_training_flags(command, TeachConfig(), "runs/teach")


def run(options: argparse.Namespace) -> int:
    """Train the head and print its figures on held-out text."""
    from minidistil.ch08_training.device import best_device
    from minidistil.ch08_training.parallel import processes
    from minidistil.ch08_training.settings import TeachConfig
    from minidistil.runs.report import scores_line
    from minidistil.runs.teaching import teach

    config = TeachConfig(**given(options, TeachConfig))
    with processes():
        run = teach(corpus_of(options), config, options.out, options.teacher, options.test_text, say, best_device())
    for name, figures in run.metrics["figures"].items():
        say(scores_line(name, figures))
    say(f"Everything is in {run.folder}: report.md, model/, and own/ with the layers that were trained.")
    return say_if_finished(run)
