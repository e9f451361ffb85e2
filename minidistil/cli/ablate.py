"""`minidistil ablate`: the ablations of the paper's last table, with the offline teacher."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from minidistil.cli.options import (
    MODEL,
    add_command,
    add_settings,
    add_text_flags,
    corpus_of,
    given,
    numbers,
    path,
    say,
)

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the command."""
    what = "distil again and again, each time without one part of the recipe"
    add_command(commands, "ablate", run, what, _flags, on_device=True)


def _flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch08_training.settings import DistilConfig

    flag = command.add_argument
    flag("--teacher", **MODEL)
    flag("--group", default="losses", help="what is changed in turn: losses or settings (default: %(default)s)")
    seeds = "every variant is run with each of these seeds (default: %(default)s)"
    flag("--seeds", type=numbers, default="1,2,3", metavar="1,2,3", help=seeds)
    add_settings(command, DistilConfig(), "steps", default=250, help="optimiser steps of each run")
    add_settings(command, DistilConfig(), "batch_size", "max_length")
    formats: dict[str, Any] = {"choices": ("fp32", "bf16"), "default": "fp32", "help": "number format of all runs"}
    add_settings(command, DistilConfig(), "precision", **formats)
    folder = "a folder with a sub-folder for each run (default: %(default)s)"
    flag("--out", type=path, default=Path("runs/ablation"), metavar="DIR", help=folder)
    add_text_flags(command)


def run(options: argparse.Namespace) -> int:
    """All runs of a group, then their table."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch08_training.device import best_device
    from minidistil.ch08_training.settings import DistilConfig
    from minidistil.runs.ablation import ablate, table

    config = DistilConfig(**given(options, DistilConfig) | {"validate_every": None})
    teacher = MaskedLM.from_pretrained(options.teacher).to(best_device())
    tokenizer, text = WordPiece.from_pretrained(options.teacher), corpus_of(options)
    command = f"python -m minidistil {shlex.join(options.typed)}"
    results = ablate(teacher, text, tokenizer, config, options.seeds, options.out, options.group, command, say)
    say("\n".join(["", *table(results), ""]))
    say(f"Everything is in {options.out}: {options.group}.json and a folder for each run.")
    return 0
