"""The flags that several commands of `minidistil` share, and how their values are read."""

import argparse
import dataclasses
import os
import re
from pathlib import Path
from typing import Any


def add_training_flags(command: argparse.ArgumentParser, out: str, learning_rate: str) -> None:
    """Flags of `distil` and `teach`: the folder, and the settings of `TrainingConfig`."""
    add = command.add_argument
    add("--out", type=Path, default=Path(out), metavar="DIR", help=f"the run's folder ({out})")
    add("--seed", type=int, metavar="N", help="start of every random draw (56)")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="optimiser steps (as many as the budget allows)")
    length.add_argument(
        "--budget",
        type=seconds,
        metavar="6m",
        dest="budget_seconds",
        help="training time to aim at, as 90s, 6m, 1h (270s)",
    )
    add("--batch-size", type=int, metavar="B", help="sequences in a micro-batch of one process (16)")
    add("--accumulate", type=int, metavar="N", help="micro-batches in an optimiser step (1)")
    add("--max-length", type=int, metavar="L", help="tokens in the longest sequence (128)")
    add("--learning-rate", type=float, metavar="X", help=f"the highest, after the warm-up ({learning_rate})")
    add(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        help="auto, the default: bf16 where it is measured to be faster",
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="processes that prepare micro-batches ahead; a stream has one at most (0)",
    )
    add_text_flags(command)
    add("--validate-every", type=int, metavar="N", help="steps between two looks at the validation split (100)")


def add_text_flags(command: argparse.ArgumentParser) -> None:
    """Flags that say what text is read."""
    add = command.add_argument
    add(
        "--text",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="UTF-8 files, also .gz, one document a line, instead of the docs corpus (docstrings on this machine)",
    )
    add("--docs", action="store_true", help="the docs corpus as well as --text")
    add(
        "--hub",
        nargs="+",
        action="append",
        metavar=("NAME", "CONFIG"),
        help="a dataset of the hub, streamed, such as wikimedia/wikipedia 20231101.en; a third word is its revision. "
        "Given again: another dataset as well, a document of each in turn",
    )


def numbers(text: str) -> tuple[int, ...]:
    """0,2,4 as whole numbers."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole numbers with commas, such as 0,2,4")
    return tuple(map(int, text.split(",")))


def words(text: str) -> list[str]:
    """a,b as two words."""
    return text.split(",")


def seconds(text: str) -> float:
    """90s, 6m or 1h in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a duration such as 90s, 6m or 1h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def given(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The flags that name a field of the configuration and were given."""
    names = {field.name for field in dataclasses.fields(config)}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def _corpus(options: argparse.Namespace) -> Any:
    from minidistil.ch02_masking import corpus

    if options.hub:
        if options.text or options.docs or max(map(len, options.hub)) > 3:
            raise ValueError(
                "--hub takes a name, a configuration and a revision of one dataset (the next needs a --hub of its "
                "own), and goes with no other text."
            )
        return corpus.together([corpus.hub(*words) for words in options.hub])
    if not options.text:
        return _docs()
    texts = corpus.text_files(options.text)
    return _docs() + texts if options.docs else texts


def _docs() -> Any:
    from minidistil.ch02_masking import corpus

    if not corpus.docs_are_cached():
        say("reading the docstrings on this machine (once, about half a minute) …")
    return corpus.docs()


def say(line: str) -> None:
    """Print a line at once."""
    if os.environ.get("RANK", "0") == "0":  # of several processes one talks
        print(line, flush=True)
