"""The command line: `minidistil`, or `python -m minidistil`, without an argument the main job."""

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minidistil import __version__

FIRST_LIGHT = Path("runs/first")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 2 bad input (one sentence says what), 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nminidistil: interrupted; the same command goes on where it was.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `minidistil … | head`
        sys.stderr.close()
        return 0
    except (ValueError, OSError) as error:
        print(f"minidistil: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def entry() -> None:
    """The command `minidistil`."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidistil",
        description="DistilBERT from scratch. Without a command: distil the offline teacher and report.",
    )
    parser.add_argument("--version", action="version", version=f"minidistil {__version__}")
    parser.set_defaults(run=_first_light)
    commands = parser.add_subparsers(metavar="COMMAND")

    command = commands.add_parser("distil", help="distil a teacher into a student with some of its layers")
    command.add_argument("--teacher", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--layers", type=_layers, metavar="0,2,4", help="teacher's layers to start from (every other)")
    for name in ("ce", "mlm", "cos", "mse"):
        command.add_argument(f"--alpha-{name}", type=float, metavar="X", help=f"weight of L_{name}")
    command.add_argument("--paper", action="store_true", help="the published settings where no flag says otherwise")
    command.add_argument("--temperature", type=float, metavar="T", help="softens both distributions in L_ce (2)")
    _add_training_flags(command, "runs/distil")
    command.set_defaults(run=_distil)

    command = commands.add_parser("teach", help="give an official encoder a masked-LM head: makes the offline teacher")
    command.add_argument("--teacher", metavar="NAME", help="go on from this teacher, as minilm, with a fresh schedule")
    command.add_argument(
        "--test-text", type=Path, nargs="+", default=[], metavar="FILE", help="report figures on it too"
    )
    _add_training_flags(command, "runs/teach")
    command.set_defaults(run=_teach)

    command = commands.add_parser("fill", help="guess the words behind [MASK]")
    command.add_argument("text", nargs="+", help="a sentence with one [MASK] or several; or several sentences")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--top-k", type=int, default=5, metavar="K", help="how many words (5)")
    command.add_argument("--targets", type=_words, metavar="A,B,C", help="only these words come into question")
    command.add_argument("--json", action="store_true", help="print the list of guesses as JSON; of texts, a list each")
    command.set_defaults(run=_fill)

    command = commands.add_parser(
        "embed", help="a vector of length 1 for each text: alike in meaning, alike in direction"
    )
    command.add_argument("text", nargs="+")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.add_argument("--out", type=Path, metavar="FILE", help="write a .npy array there instead of printing JSON")
    command.set_defaults(run=_embed)

    command = commands.add_parser("evaluate", help="masked accuracy and perplexity on held-out text")
    command.add_argument("model", help="ladder name, hub id or folder")
    command.add_argument("--teacher", metavar="NAME", help="compare with this model")
    command.add_argument(
        "--text", type=Path, nargs="+", metavar="FILE", help="whole files instead of the docs' test split"
    )
    command.add_argument("--json", action="store_true", help="print the figures as JSON")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("tokenize", help="a text's pieces, ids and places")
    command.add_argument("text")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id, folder or vocab.txt")
    command.add_argument("--json", action="store_true", help="print ids, tokens, offsets and type_ids as JSON")
    command.set_defaults(run=_tokenize)

    command = commands.add_parser("bench", help="speed against the library that one would use instead")
    command.add_argument("name", help="tokenizer, attention, inference or step")
    command.set_defaults(run=_bench)

    command = commands.add_parser("plan", help="what the paper's distillation takes: memory, time and cost")
    command.add_argument("--tokens", type=float, metavar="N", help="in the text (BERT's corpus, 3.28e9)")
    command.add_argument("--tflops", type=float, dest="teraflops", metavar="X", help="speed of a GPU (V100 fp32, 15.7)")
    command.add_argument("--utilisation", type=float, metavar="X", help="share of it put to use (the paper's own)")
    command.add_argument("--price", type=float, metavar="X", help="of a GPU and hour")
    command.add_argument("--batch-size", type=int, metavar="B", help="sequences in a micro-batch (5)")
    command.add_argument("--max-length", type=int, metavar="L", help="tokens in a sequence (512)")
    command.set_defaults(run=_plan)

    command = commands.add_parser("check", help="the package's own tests of a chapter on your exercises")
    command.add_argument("chapter", help="ch01, ch02 …")
    command.add_argument("--file", type=Path, metavar="FILE", help="your file (the chapter's one in exercises/)")
    command.set_defaults(run=_check)

    command = commands.add_parser("progress", help="a map of the exercises: written, checked, passed")
    command.add_argument("--check", action="store_true", help="first check what changed since it was last checked")
    command.set_defaults(run=_progress)

    command = commands.add_parser("hint", help="one hint for one exercise")
    command.add_argument("chapter", help="ch01, ch02 …")
    command.add_argument("number", type=int, nargs="?", default=1, help="1, 2 or 3 (1)")
    command.add_argument("exercise", nargs="?", help="its name (the first one that is not written yet)")
    command.set_defaults(run=_hint)

    command = commands.add_parser("graduate", help="your own pieces run the official weights and fill a mask")
    command.add_argument("text", nargs="?", help="a sentence with one [MASK]")
    command.add_argument("--model", default="minilm", metavar="NAME", help="ladder name, hub id or folder (minilm)")
    command.set_defaults(run=_graduate)

    command = commands.add_parser("grade", help="check a folder of submissions, each in a process with limits")
    command.add_argument("folder", type=Path, help="a sub-folder or a file for each student")
    command.add_argument("--csv", type=Path, metavar="FILE", help="write the table there, too")
    command.add_argument("--chapters", type=_words, default=(), metavar="ch01,ch02", help="only these")
    command.add_argument("--seconds", type=float, default=120, metavar="N", help="for a student's chapter (120)")
    command.add_argument("--memory", type=float, default=3, metavar="GIB", help="beyond Python and torch (3)")
    command.set_defaults(run=_grade)

    command = commands.add_parser("handout", help="a copy of the course for students, without solutions")
    command.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    command.add_argument("--chapters", type=_words, default=(), metavar="ch03,ch04", help="withhold only these")
    command.set_defaults(run=_handout)

    command = commands.add_parser("doctor", help="what this machine has, and what to do about what is missing")
    command.add_argument(
        "--parity", action="store_true", help="compare with the official libraries on each device that is here"
    )
    command.set_defaults(run=_doctor)
    return parser


def _add_training_flags(command: argparse.ArgumentParser, out: str) -> None:
    add = command.add_argument
    add("--out", type=Path, default=Path(out), metavar="DIR", help=f"the run's folder ({out})")
    add("--seed", type=int, metavar="N", help="of every random draw")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="optimiser steps")
    length.add_argument(
        "--budget", type=_seconds, metavar="6m", dest="budget_seconds", help="training time, as 90s, 6m, 1h"
    )
    add("--batch-size", type=int, metavar="B", help="sequences in a micro-batch")
    add("--accumulate", type=int, metavar="N", help="micro-batches in a step")
    add("--max-length", type=int, metavar="L", help="tokens in a sequence")
    add("--learning-rate", type=float, metavar="X", help="the highest, after the warm-up")
    add("--precision", choices=("auto", "fp32", "bf16"), help="auto: the faster one here")
    add(
        "--text",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="UTF-8 files, also .gz, one document a line, instead of the docs corpus",
    )
    add("--docs", action="store_true", help="the docs corpus as well as --text")
    add(
        "--hub",
        nargs="+",
        metavar=("NAME", "CONFIG"),
        help="a dataset of the hub, streamed, such as wikimedia/wikipedia 20231101.en; a third word is its revision",
    )
    add("--validate-every", type=int, metavar="N", help="steps between two looks at held-out text (100)")


def _layers(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected layer numbers with commas, such as 0,2,4")
    return tuple(map(int, text.split(",")))


def _words(text: str) -> list[str]:
    return text.split(",")


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a duration such as 90s, 6m or 1h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _given(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The flags that name a field of the configuration and were given."""
    names = {field.name for field in dataclasses.fields(config)}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def _corpus(options: argparse.Namespace) -> Any:
    from minidistil import corpus

    if options.hub:
        if options.text or options.docs or len(options.hub) > 3:
            raise ValueError("--hub takes a name, a configuration and a revision, and goes with no other text.")
        return corpus.hub(*options.hub)
    if not options.text:
        return _docs()
    texts = corpus.text_files(options.text)
    return _docs() + texts if options.docs else texts


def _docs() -> Any:
    from minidistil import corpus

    if not corpus.docs_are_cached():
        _say("reading the docstrings on this machine (once, about half a minute) …")
    return corpus.docs()


def _say(line: str) -> None:
    if os.environ.get("RANK", "0") == "0":  # of several processes one talks
        print(line, flush=True)


def _first_light(options: argparse.Namespace) -> int:
    from minidistil.settings import DistilConfig

    _say(
        "minidistil: distils the offline teacher (MiniLM, 6 layers) into a student with half of its layers,\n"
        "trained with the triple loss on the docstrings of the installed Python packages, then compares the two."
    )
    return _run_distil("minilm", DistilConfig(), _docs, FIRST_LIGHT)


def _distil(options: argparse.Namespace) -> int:
    from minidistil.settings import DistilConfig

    start = DistilConfig.paper() if options.paper else DistilConfig()
    config = dataclasses.replace(start, **_given(options, DistilConfig))
    return _run_distil(options.teacher, config, lambda: _corpus(options), options.out)


def _run_distil(name: str, config: Any, text: Callable[[], Any], out: Path) -> int:
    from minidistil.evaluation import parameters
    from minidistil.heads import MaskedLM
    from minidistil.official import official_name
    from minidistil.parallel import processes, rank
    from minidistil.report import comparison_table, side_by_side
    from minidistil.runs import distil
    from minidistil.student import student_of
    from minidistil.training import device_of, to_best_device
    from minidistil.wordpiece import WordPiece

    with processes():
        tokenizer = WordPiece.from_pretrained(name)
        teacher = to_best_device(MaskedLM.from_pretrained(name))
        checked = ", size and sha256 verified" if official_name(name) else ""
        _say(f"teacher {name}: {parameters(teacher):,} parameters on the {device_of(teacher).type}{checked}")
        student = to_best_device(student_of(teacher, config.layers))
        run = distil(teacher, student, text(), config, out, tokenizer, _say)
        if rank():
            return 0
    _say(f"\n{comparison_table(run.metrics)}\n\n{side_by_side(teacher, _finished_student(run), tokenizer)}\n")
    _say(f"training took {run.metrics['seconds']:.0f} s. Everything is in {run.folder}: report.md, curves.png, model/.")
    _say(f'try: minidistil fill "The list is [MASK]." --model {run.folder / "model"}')
    return _say_if_finished(run)


def _finished_student(run: Any) -> Any:
    from minidistil.heads import MaskedLM
    from minidistil.training import to_best_device

    return to_best_device(MaskedLM.from_pretrained(run.folder / "model"))


def _say_if_finished(run: Any) -> int:
    if run.was_finished:
        _say(
            f"This run was finished already. To start afresh, delete {run.folder} or choose another folder with --out."
        )
    return 0


def _teach(options: argparse.Namespace) -> int:
    from minidistil.parallel import processes
    from minidistil.runs import teach
    from minidistil.settings import TeachConfig

    config = TeachConfig(**_given(options, TeachConfig))
    with processes():
        run = teach(_corpus(options), config, options.out, options.teacher, options.test_text, _say)
    for name, figures in run.metrics["figures"].items():
        _say(f"{name}: masked accuracy {figures['accuracy']:.3f}, perplexity {figures['perplexity']:.2f}")
    _say(f"Everything is in {run.folder}: report.md, model/ and own/, the layers that were trained.")
    return _say_if_finished(run)


def _fill(options: argparse.Namespace) -> int:
    from minidistil.fillmask import fill_mask
    from minidistil.heads import MaskedLM
    from minidistil.wordpiece import WordPiece

    model, tokenizer = MaskedLM.from_pretrained(options.model), WordPiece.from_pretrained(options.model)
    results = fill_mask(options.text, model, tokenizer, options.top_k, options.targets)
    if options.json:
        print(json.dumps(results if len(results) > 1 else results[0], indent=2, ensure_ascii=False))
        return 0
    for guesses in results:
        for group in guesses if isinstance(guesses[0], list) else [guesses]:
            for guess in group:
                print(f"{guess['score']:.4f}  {guess['token_str']:<16} {guess['sequence']}")
            print()
    return 0


def _embed(options: argparse.Namespace) -> int:
    import numpy

    from minidistil.files import write_atomically
    from minidistil.heads import SentenceEncoder, embed
    from minidistil.wordpiece import WordPiece

    def write(part: Path) -> None:
        with part.open("wb") as file:
            numpy.save(file, vectors.numpy())

    model, tokenizer = SentenceEncoder.from_pretrained(options.model), WordPiece.from_pretrained(options.model)
    vectors = embed(options.text, model, tokenizer)  # (N, D)
    if options.out is None:
        print(json.dumps(vectors.tolist()))
        return 0
    write_atomically(options.out, write)
    _say(f"{vectors.shape[0]} x {vectors.shape[1]} numbers in {options.out}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from minidistil import corpus
    from minidistil.evaluation import compare, masked_text, score
    from minidistil.fillmask import require_fit
    from minidistil.heads import MaskedLM
    from minidistil.wordpiece import WordPiece

    tokenizer = WordPiece.from_pretrained(options.model)
    model = MaskedLM.from_pretrained(options.model)
    require_fit(tokenizer, model)
    documents = list(corpus.text_files(options.text)) if options.text else _docs().test
    text = masked_text(corpus.sequences(documents, tokenizer), tokenizer)
    figures: dict[str, Any] = {"hidden_tokens": text.count}
    if options.teacher:
        comparison = compare(MaskedLM.from_pretrained(options.teacher), model, text)
        figures |= {"retention": comparison.retention} | dataclasses.asdict(comparison)
    else:
        figures |= dataclasses.asdict(score(model, text))
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    for name, value in figures.items():
        for inner, number in value.items() if isinstance(value, dict) else [("", value)]:
            print(f"{name + ' ' + inner:<24} {number:,.4f}" if isinstance(number, float) else f"{name:<24} {number:,}")
    return 0


def _tokenize(options: argparse.Namespace) -> int:
    from minidistil.wordpiece import WordPiece

    encoding = WordPiece.from_pretrained(options.model).encode(options.text)
    if options.json:
        columns = ("ids", "tokens", "offsets", "type_ids")
        print(json.dumps({name: getattr(encoding, name) for name in columns}, ensure_ascii=False))
        return 0
    for token_id, token, (start, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True):
        print(f"{token_id:>6}  {token:<20} {f'{start}-{end}':>9}  {options.text[start:end]!r}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    from minidistil.bench import BENCHMARKS

    if options.name not in BENCHMARKS:
        raise ValueError(f"There is no benchmark {options.name!r}: expected one of {', '.join(BENCHMARKS)}.")
    for line in BENCHMARKS[options.name]():
        _say(line)
    return 0


def _plan(options: argparse.Namespace) -> int:
    from minidistil.estimate import plan
    from minidistil.settings import DistilConfig

    config = dataclasses.replace(DistilConfig.paper(), **_given(options, DistilConfig))
    names = ("tokens", "teraflops", "utilisation", "price")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    for name, value in given.items():
        if value <= 0:
            raise ValueError(f"--{name} is {value:g}: expected a number above 0.")
    for line in plan(config, **given):
        _say(line)
    return 0


def _check(options: argparse.Namespace) -> int:
    from minidistil.check import check
    from minidistil.progress import remember

    verdict = check(options.chapter, options.file)
    remember(verdict)
    for line in verdict.lines():
        _say(line)
    return 0 if verdict.passed else 1


def _progress(options: argparse.Namespace) -> int:
    from minidistil.progress import progress

    for line in progress(options.check):
        _say(line)
    return 0


def _hint(options: argparse.Namespace) -> int:
    from minidistil.exercises import hint

    _say(hint(options.chapter, options.number, options.exercise))
    return 0


def _graduate(options: argparse.Namespace) -> int:
    from minidistil.graduate import SENTENCE, graduate

    result = graduate(options.text or SENTENCE, options.model)
    for line in result.lines():
        _say(line)
    return 0 if result.equal else 1


def _grade(options: argparse.Namespace) -> int:
    from minidistil.grade import grade, write_csv

    grades = []
    for each in grade(options.folder, options.chapters, options.seconds, options.memory):
        grades.append(each)
        _say(each.line())
        if options.csv:  # after each one: whatever happens, what is known is kept
            write_csv(options.csv, grades)
    return 0


def _handout(options: argparse.Namespace) -> int:
    from minidistil.handout import handout

    withheld = handout(options.folder, options.chapters)
    for module, names in withheld.items():
        _say(f"{module:<24} {', '.join(names)}")
    _say(f"{options.folder} holds the course with stubs in their place. Students work with check, hint and progress.")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    if options.parity:
        return _parity()
    from minidistil.doctor import report

    for line in report():
        print(line)
    return 0


def _parity() -> int:
    from minidistil.parity import HEADER, devices, ladder

    _say(HEADER)
    failed = 0
    for device in devices():
        for comparison in ladder(device):
            _say(comparison.line())
            failed += comparison.fails
    _say(f"{failed} comparisons differ." if failed else "Everything that could be compared is the same.")
    return 1 if failed else 0
