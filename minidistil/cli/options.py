"""What several commands of `minidistil` share: flags, how their values are read, the text to train on, printing."""

import argparse
import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from minidistil.ch02_masking.corpus import Corpus, HubCorpus
    from minidistil.ch08_training.settings import TrainingConfig

# What needs torch is imported where it is needed: help does not wait for it.

A_MODEL = "model name, hub id or folder"
MODEL: dict[str, Any] = {"default": "minilm", "metavar": "NAME", "help": f"{A_MODEL} (default: %(default)s)"}


class Command(argparse.ArgumentParser):
    """The parser of one command. Flags that are read from settings are added when it is chosen: settings need torch."""

    more: Callable[[Any], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, with all flags."""
        if self.more:
            self.more(self)
            self.more = None
        return super().parse_known_args(args, namespace)


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    more: Callable[[Any], None] | None = None,
    on_device: bool = False,
) -> Command:
    """Add a command that `run` carries out; `run` returns the exit code.

    Args:
        more: adds flags that need settings.
        on_device: it runs a model, on `best_device()`, which its flag --device decides.
    """
    command = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:].rstrip(' …')}.")
    command.set_defaults(run=run)
    command.more = more
    if on_device:
        where = "cpu, cuda, cuda:1, mps … (default: MINIDISTIL_DEVICE, else a GPU if there is one)"
        command.add_argument("--device", metavar="NAME", help=where)
    return command


def add_settings(command: Any, config: "TrainingConfig", *names: str, flag: str = "", **options: Any) -> None:
    """Add a flag for each of these settings, with type, default and description as the configuration has them.

    A flag that is not given is None, so that `given` finds those that are. `flag` is its name where that is not the
    setting's; `options` for `add_argument` go before what the configuration says.
    """
    from minidistil.ch08_training.settings import PRECISIONS

    for name in names:
        (setting,) = (each for each in dataclasses.fields(config) if each.name == name)
        kind = (get_args(setting.type) or (setting.type,))[0]  # int of int | None
        how = {"type": kind, "metavar": {int: "N", float: "X"}.get(kind), "help": _description(type(config), name)}
        how |= ({"choices": PRECISIONS} if name == "precision" else {}) | options
        default = how.get("default", getattr(config, name))
        if kind is bool:  # off by default; the flag has no value
            how, default = {"action": "store_const", "const": True, "help": how["help"]}, None
        if isinstance(default, float):
            default = f"{default:g}{'s' * (how['type'] is seconds)}"
        how["help"] += "" if default is None else f" (default: {default})"
        command.add_argument(flag or f"--{name.replace('_', '-')}", dest=name, **how)


def _description(config: type, name: str) -> str:
    """The description of a setting; a class that changes the default alone inherits it."""
    fields = (vars(kind).get("__dataclass_fields__", {}).get(name) for kind in config.__mro__)
    return next(field.metadata["help"] for field in fields if field and field.metadata)


def given(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The settings of a configuration whose flags were given."""
    names = {field.name for field in dataclasses.fields(config)}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def add_training_flags(
    command: argparse.ArgumentParser, config: "TrainingConfig", out: str, size: Callable[[str], Any] = int
) -> None:
    """Add the flags of `distil` and `teach`: the run's folder, the settings of every run, and the text.

    `size` reads --batch-size.
    """
    folder = "the run's folder (default: %(default)s)"
    command.add_argument("--out", type=path, default=Path(out), metavar="DIR", help=folder)
    length = command.add_mutually_exclusive_group()
    add_settings(length, config, "steps")
    add_settings(length, config, "budget_seconds", flag="--budget", type=seconds, metavar="90s|6m|1h")
    add_settings(command, config, "seed")
    add_settings(command, config, "batch_size", type=size, metavar="N" if size is int else "N|auto")
    add_settings(command, config, "accumulate", "max_length", "learning_rate", "precision")
    add_settings(command, config, "workers", "validate_every")
    add_text_flags(command)


def add_text_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags that name the text to train on."""
    flag = command.add_argument
    files = "UTF-8 files, also .gz, one document a line (default: the docs corpus, the docstrings on this machine)"
    flag("--text", type=path, nargs="+", metavar="FILE", help=files)
    flag("--docs", action="store_true", help="the docs corpus in addition to --text")
    hub = (
        "a dataset of the hub, streamed, such as wikimedia/wikipedia 20231101.en; a third word is its revision. "
        "Give --hub several times to take a document of each dataset in turn"
    )
    flag("--hub", nargs="+", action="append", metavar=("NAME", "CONFIG"), help=hub)


def corpus_of(options: argparse.Namespace) -> "Corpus | HubCorpus":
    """The text that the flags of `add_text_flags` name."""
    from minidistil.ch02_masking import corpus

    if options.hub:
        if options.text or options.docs or max(map(len, options.hub)) > 3:
            raise ValueError(
                "--hub takes the name, configuration and revision of one dataset (give --hub again for another "
                "dataset) and cannot be combined with --text or --docs."
            )
        return corpus.together([corpus.hub(*words) for words in options.hub])
    if not options.text:
        return docs_corpus()
    texts = corpus.text_files(options.text)
    return docs_corpus() + texts if options.docs else texts


def docs_corpus() -> "Corpus":
    """The docs corpus; making it for the first time takes a while, and says so."""
    from minidistil.ch02_masking import corpus

    if not corpus.docs_are_cached():
        say("reading the docstrings on this machine (once, about half a minute) …")
    return corpus.docs()


def numbers(text: str) -> tuple[int, ...]:
    """0,2,4 as whole numbers."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole numbers with commas, such as 0,2,4")
    return tuple(map(int, text.split(",")))


def path(text: str) -> Path:
    """A file or folder; never the empty name, such as that of a variable that is not set: Path("") is this folder."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty: expected a file or folder, such as . for this one")
    return Path(text)


def size_or_auto(text: str) -> int | str:
    """A whole number, or auto: the largest micro-batch that fits into the GPU's memory."""
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, or auto")
    return text if text == "auto" else int(text)


def words(text: str) -> list[str]:
    """a,b as two words."""
    return text.split(",")


def seconds(text: str) -> float:
    """90s, 6m or 1h in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a duration such as 90s, 6m or 1h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def say(line: str) -> None:
    """Print a line at once."""
    if os.environ.get("RANK", "0") == "0":  # of several processes only the first prints
        print(line, flush=True)


def say_if_finished(run: Any) -> int:
    """Say how to start again where a run was finished before; returns the exit code."""
    if run.was_finished:
        say(f"This run was finished already. To start again, delete {run.folder} or choose another folder with --out.")
    return 0
