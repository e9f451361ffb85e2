"""The command line: `minidistil`, or `python -m minidistil`; without a command it runs the main job."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from minidistil import __version__
from minidistil.cli import ablate, bias, course, distil, doctor, export, finetune, models, teach
from minidistil.cli.messages import one_line, out_of_memory
from minidistil.cli.options import Command


def parser() -> argparse.ArgumentParser:
    """All commands with their flags; each module knows its own."""
    parser = argparse.ArgumentParser(
        prog="minidistil",
        description="DistilBERT from scratch. Without a command: distil the offline teacher and report.",
    )
    parser.add_argument("--version", action="version", version=f"minidistil {__version__}")
    parser.set_defaults(run=distil.main_job)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Command)
    for module in (distil, teach, models, finetune, ablate, bias, export, course, doctor):
        module.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 2 bad input (an error message of one line), 130 interrupted."""
    typed = sys.argv[1:] if arguments is None else arguments
    commands = parser()
    if typed and typed[0].startswith("--") and typed[0] not in ("--help", "--version"):
        example = "minidistil distil --layers 0,1,2 …"
        commands.error(f"{typed[0]} comes before a command; to run the main job with flags, write: {example}")
    options = commands.parse_args(typed, argparse.Namespace(typed=typed, device=None))
    if options.device:
        os.environ["MINIDISTIL_DEVICE"] = options.device  # read by `best_device`, also in processes that are started
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nminidistil: interrupted; run the same command again to continue.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `minidistil … | head`
        sys.stderr.close()
        return 0
    except NotImplementedError as error:  # only in a copy of the course without solutions
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)  # with its class, from Python 3.11 on
        file = Path(frame.f_code.co_filename).name
        return _end(f"{name} in {file} is not written yet: solve its exercise first.")
    except (ValueError, OSError) as error:
        return _end(one_line(error))
    except (MemoryError, RuntimeError) as error:
        if not (advice := out_of_memory(error)):
            raise
        return _end(one_line(advice))


def _end(sentence: str) -> int:
    """Say why the command ends."""
    print(f"minidistil: {sentence}", file=sys.stderr)
    if "WORLD_SIZE" in os.environ:
        from minidistil.ch08_training.parallel import tell_torchrun

        tell_torchrun(sentence)
    return 2


def entry() -> None:
    """The command `minidistil`."""
    # Large blocks in pages of 2 MB, where Linux has them: a training step on a CPU takes 15 % less time. PyTorch reads
    # this when it first needs memory, so your own program has to set it in its environment.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    for stream in (sys.stdout, sys.stderr):  # a pipe in ASCII or cp1252 cannot show every character
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
