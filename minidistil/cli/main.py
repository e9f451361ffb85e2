"""The command line: `minidistil`, or `python -m minidistil`, without an argument the main job."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from minidistil import __version__
from minidistil.cli import bias, course, distil, doctor, export, finetune, models
from minidistil.cli.options import add_text_flags, add_training_flags, numbers, words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 2 bad input (one sentence says what), 130 interrupted."""
    typed = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    if typed and typed[0].startswith("--") and typed[0] not in ("--help", "--version"):
        parser.error(f"{typed[0]} stands before a command; the main job with flags: minidistil distil --layers 0,1,2 …")
    options = parser.parse_args(typed, argparse.Namespace(typed=typed))
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nminidistil: interrupted; the same command goes on where it was.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `minidistil … | head`
        sys.stderr.close()
        return 0
    except NotImplementedError as error:  # only where the package's solutions are withheld
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)  # with its class, from Python 3.11 on
        file = Path(frame.f_code.co_filename).name
        print(f"minidistil: {name} in {file} is not written yet: solve its exercise first.", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"minidistil: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def entry() -> None:
    """The command `minidistil`."""
    # Large blocks in pages of 2 MB, where Linux has them: a training step on a CPU takes 15 % less time. PyTorch looks
    # when it first needs memory, so a program of one's own has to set it in its environment.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidistil",
        description="DistilBERT from scratch. Without a command: distil the offline teacher and report.",
    )
    parser.add_argument("--version", action="version", version=f"minidistil {__version__}")
    parser.set_defaults(run=distil.first_light)
    commands_of_parser = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, help: str) -> argparse.ArgumentParser:
        return commands_of_parser.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:].rstrip(' …')}.")

    _add_model_commands(add)
    _add_finetune_command(add)
    _add_ablate_command(add)
    _add_bias_command(add)
    _add_export_command(add)
    _add_course_commands(add)
    return parser


def _add_model_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("distil", help="distil a teacher into a student with some of its layers")
    command.add_argument("--teacher", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--layers", type=numbers, metavar="0,2,4", help="teacher's layers to start from (every other)")
    for name, published in (("ce", 5), ("mlm", 2), ("cos", 1), ("mse", 0)):
        command.add_argument(f"--alpha-{name}", type=float, metavar="X", help=f"weight of L_{name} ({published})")
    command.add_argument(
        "--paper",
        action="store_true",
        help="the published settings, where no flag says otherwise, in place of the values in brackets here",
    )
    command.add_argument("--temperature", type=float, metavar="T", help="softens teacher and student in L_ce (2)")
    add_training_flags(command, "runs/distil", learning_rate="1e-3")
    command.set_defaults(run=distil.distil)

    command = add("teach", help="give an official encoder a masked-LM head: makes the offline teacher")
    command.add_argument(
        "--teacher",
        metavar="NAME",
        help="go on from this teacher, such as minilm, with a fresh schedule (official MiniLM under a fresh head)",
    )
    command.add_argument(
        "--test-text",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="files never trained on, to report figures on",
    )
    add_training_flags(command, "runs/teach", learning_rate="5e-4")
    command.set_defaults(run=distil.teach)

    command = add("fill", help="guess the words behind [MASK]")
    command.add_argument("text", nargs="+", help="a sentence with one [MASK] or several; or several sentences")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--top-k", type=int, default=5, metavar="K", help="how many words for each [MASK] (5)")
    command.add_argument("--targets", type=words, metavar="A,B,C", help="rank only these words, each a single token")
    command.add_argument(
        "--json", action="store_true", help="print the guesses as JSON: a list, or for several texts a list of lists"
    )
    command.set_defaults(run=models.fill)

    command = add("embed", help="a vector of length 1 for each text: alike in meaning, alike in direction")
    command.add_argument("text", nargs="+", help="one text or several, each in quotation marks")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write a .npy array of shape (texts, width) there instead of printing JSON",
    )
    command.set_defaults(run=models.embed)

    command = add("evaluate", help="masked accuracy and perplexity on held-out text")
    command.add_argument("model", help="ladder name, hub id or folder")
    command.add_argument(
        "--teacher",
        metavar="NAME",
        help="compare with this model: agreement, and the share of its accuracy that is kept",
    )
    command.add_argument(
        "--text", type=Path, nargs="+", metavar="FILE", help="whole files instead of the docs' test split"
    )
    command.add_argument("--json", action="store_true", help="print the figures as JSON")
    command.set_defaults(run=models.evaluate)

    command = add("tokenize", help="a text's pieces, ids and places")
    command.add_argument("text", help="a text in quotation marks")
    command.add_argument(
        "--model", default="minilm", metavar="NAME", help="ladder name, hub id, folder or vocab.txt (minilm)"
    )
    command.add_argument("--json", action="store_true", help="print ids, tokens, offsets and type_ids as JSON")
    command.set_defaults(run=models.tokenize)

    command = add("bench", help="speed against the library that one would use instead")
    command.add_argument("name", help="tokenizer, attention, inference or step")
    command.add_argument(
        "--backends",
        type=words,
        metavar="A,B",
        help="for inference only, compare these: fp32, bf16, int8, onnx, onnx-int8",
    )
    command.set_defaults(run=models.bench)

    command = add("plan", help="what the paper's distillation takes: memory, time and cost")
    command.add_argument("--tokens", type=float, metavar="N", help="tokens in the text (BERT's corpus, 3.28e9)")
    command.add_argument(
        "--tflops",
        type=float,
        dest="teraflops",
        metavar="X",
        help="peak speed of a GPU in TFLOP/s (V100 in fp32, 15.7)",
    )
    command.add_argument(
        "--utilisation",
        type=float,
        metavar="X",
        help="share of that speed put to use, 0 to 1 (that of the paper's run)",
    )
    command.add_argument("--price", type=float, metavar="X", help="price of a GPU for an hour, in any currency")
    command.add_argument("--batch-size", type=int, metavar="B", help="sequences in a micro-batch (5)")
    command.add_argument("--max-length", type=int, metavar="L", help="tokens in a sequence (512)")
    command.set_defaults(run=models.plan)


def _add_ablate_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("ablate", help="distil again and again, each time without one part of the recipe")
    command.add_argument("--teacher", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument(
        "--group", default="losses", help="what is left out or changed in turn: losses or settings (losses)"
    )
    command.add_argument(
        "--seeds",
        type=numbers,
        default=(1, 2, 3),
        metavar="1,2,3",
        help="every variant is run with each of these seeds (1,2,3)",
    )
    command.add_argument("--steps", type=int, default=250, metavar="N", help="optimiser steps of a run (250)")
    command.add_argument("--batch-size", type=int, metavar="B", help="sequences in a micro-batch (16)")
    command.add_argument("--max-length", type=int, metavar="L", help="tokens in the longest sequence (128)")
    command.add_argument(
        "--precision", choices=("fp32", "bf16"), default="fp32", help="number format of all runs (fp32)"
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("runs/ablation"),
        metavar="DIR",
        help="a folder with a sub-folder for each run (runs/ablation)",
    )
    add_text_flags(command)
    command.set_defaults(run=distil.ablate)


def _add_bias_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("bias", help="what a model says of two groups in the same sentences, with intervals")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--teacher", metavar="NAME", help="compare with this model: what was inherited")
    command.add_argument(
        "--templates", type=Path, metavar="FILE", help="sentences, one a line, with {group} and [MASK] in each"
    )
    command.add_argument(
        "--groups", type=words, metavar="A,B", help="the two words that take the place of {group} (woman,man)"
    )
    command.add_argument("--words", type=words, metavar="A,B,C", help="words to compare at [MASK] (36 occupations)")
    command.add_argument("--json", action="store_true", help="print all figures as JSON")
    command.set_defaults(run=bias.bias)


def _add_export_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("export", help="a model as an ONNX graph or in int8, checked as soon as it is written")
    command.add_argument("model", help="ladder name, hub id or folder")
    command.add_argument(
        "--format",
        choices=("onnx", "onnx-int8", "int8"),
        default="onnx",
        help="graph, graph in int8, or int8 weights for this library (onnx)",
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files (required)")
    command.add_argument(
        "--task", choices=("fill-mask", "classification"), default="fill-mask", help="the model's head (fill-mask)"
    )
    command.set_defaults(run=export.export)


def _add_finetune_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("finetune", help="train an encoder with a new head on a task: cola, sst-2, mrpc, sts-b …")
    flag = command.add_argument
    flag("task", help="cola, sst-2, mrpc, sts-b, qqp, mnli, qnli, rte, wnli, squad, conll or imdb")
    flag("--model", default="minilm", metavar="NAME", help="encoder: ladder name, hub id or folder (minilm)")
    flag("--data", type=Path, metavar="DIR", help="the task's files, GLUE's as DIR/CoLA/train.tsv (the hub)")
    flag("--out", type=Path, metavar="DIR", help="the run's folder (runs/TASK)")
    flag("--results", type=Path, metavar="FILE", help="add the figures to this JSON file of many runs")
    flag("--epochs", type=int, metavar="N", help="passes over the examples (3)")
    flag("--seed", type=int, metavar="N", help="start of every random draw (56)")
    flag("--learning-rate", type=float, metavar="X", help="the highest, after the warm-up (5e-5)")
    flag("--batch-size", type=int, metavar="B", help="texts in a micro-batch (32)")
    flag("--accumulate", type=int, metavar="N", help="micro-batches in an optimiser step (1)")
    flag("--max-length", type=int, metavar="L", help="tokens in a text (128; for squad 384 is usual)")
    flag(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        help="auto, the default: bf16 where it is measured to be faster",
    )
    flag("--teacher", metavar="DIR", help="model/ of a run on the same task: distil it a second time, as on SQuAD")
    flag("--temperature", type=float, metavar="T", help="softens what student and teacher say (2)")
    flag("--alpha-ce", type=float, metavar="X", help="weight of the teacher's answers (0.5)")
    flag("--alpha-task", type=float, metavar="X", help="weight of the right answers (0.5)")
    command.set_defaults(run=finetune.finetune)


def _add_course_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("check", help="the package's own tests of a chapter on your exercises")
    command.add_argument("chapter", help="ch01, ch02 …")
    command.add_argument("--file", type=Path, metavar="FILE", help="your file (the chapter's one in exercises/)")
    command.set_defaults(run=course.check)

    command = add("progress", help="a map of the exercises: written, checked, passed")
    command.add_argument("--check", action="store_true", help="first check what changed since it was last checked")
    command.set_defaults(run=course.progress)

    command = add("hint", help="one hint for one exercise")
    command.add_argument("chapter", help="ch01, ch02 …")
    command.add_argument("number", type=int, nargs="?", default=1, help="1, 2 or 3: each says more (1)")
    command.add_argument("exercise", nargs="?", help="its name (the first one that is not written yet)")
    command.set_defaults(run=course.hint)

    command = add("graduate", help="your own pieces run the official weights and fill a mask")
    command.add_argument("text", nargs="?", help="a sentence with one [MASK] (one about a list)")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.set_defaults(run=course.graduate)

    command = add("grade", help="check a folder of submissions, each in a process with limits")
    command.add_argument("folder", type=Path, help="a sub-folder or a file for each student")
    command.add_argument("--csv", type=Path, metavar="FILE", help="write the table there, too, as CSV")
    command.add_argument(
        "--chapters", type=words, default=(), metavar="ch01,ch02", help="grade only these chapters (all)"
    )
    command.add_argument(
        "--seconds", type=float, default=120, metavar="N", help="time for one chapter of one student (120)"
    )
    command.add_argument(
        "--memory", type=float, default=3, metavar="GIB", help="memory for it, beyond what Python and torch take (3)"
    )
    command.set_defaults(run=course.grade)

    command = add("handout", help="a copy of the course for students, without solutions")
    command.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    command.add_argument(
        "--chapters",
        type=words,
        default=(),
        metavar="ch03,ch04",
        help="withhold the solutions of these chapters only (all)",
    )
    command.set_defaults(run=course.handout)

    command = add("doctor", help="what this machine has, and what to do about what is missing")
    command.add_argument(
        "--parity", action="store_true", help="compare with the official libraries on each device that is here"
    )
    command.set_defaults(run=doctor.doctor)
