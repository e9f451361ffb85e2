"""What each command on models and text does: bring the library's pieces together, print what came of it.

Each function takes the options that `cli` has read and returns the exit code. What a command needs is imported when it
runs, so that the others start quickly.
"""

import argparse
import dataclasses
import datetime
import json
import math
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIRST_LIGHT = Path("runs/first")


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
    from minidistil.runs.distillation import teach

    config = TeachConfig(**given(options, TeachConfig))
    with processes():
        run = teach(_corpus(options), config, options.out, options.teacher, options.test_text, say)
    for name, figures in run.metrics["figures"].items():
        say(f"{name}: masked accuracy {figures['accuracy']:.3f}, perplexity {figures['perplexity']:.2f}")
    say(f"Everything is in {run.folder}: report.md, model/ and own/, the layers that were trained.")
    return _say_if_finished(run)


def fill(options: argparse.Namespace) -> int:
    """Ranked words for each [MASK]."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.fillmask import fill_mask
    from minidistil.ch05_weights.heads import MaskedLM

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


def embed(options: argparse.Namespace) -> int:
    """A vector for each text."""
    import numpy

    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import SentenceEncoder, embed
    from minidistil.files import write_atomically

    def write(part: Path) -> None:
        with part.open("wb") as file:
            numpy.save(file, vectors.numpy())

    model, tokenizer = SentenceEncoder.from_pretrained(options.model), WordPiece.from_pretrained(options.model)
    vectors = embed(options.text, model, tokenizer)  # (N, D)
    if options.out is None:
        print(json.dumps(vectors.tolist()))
        return 0
    write_atomically(options.out, write)
    say(f"{vectors.shape[0]} x {vectors.shape[1]} numbers in {options.out}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Figures on held-out text, of one model, or of two with 95 % intervals."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch02_masking import corpus
    from minidistil.ch05_weights.fillmask import require_fit
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch09_evaluation.evaluation import compare, masked_documents, score
    from minidistil.ch09_evaluation.speed import parameters, size_in_bytes, speedup_by_shape

    tokenizer = WordPiece.from_pretrained(options.model)
    model = MaskedLM.from_pretrained(options.model)
    require_fit(tokenizer, model)
    text = masked_documents(corpus.text_files(options.text) if options.text else _docs().test, tokenizer)
    figures: dict[str, Any] = {"hidden_tokens": text.count, "documents": len(text.documents.unique())}
    figures |= {"parameters": parameters(model), "bytes": size_in_bytes(model)}
    if options.teacher:
        require_one_vocabulary(options.model, options.teacher)
        teacher = MaskedLM.from_pretrained(options.teacher)
        comparison = compare(teacher, model, text)
        figures |= {"retention": comparison.retention} | dataclasses.asdict(comparison)
        timed = {f"{size}x{length}": found for (size, length), found in speedup_by_shape(teacher, model).items()}
        figures["speedup"] = {shape: ratio for shape, (ratio, _) in timed.items()}
        figures["intervals"] |= {f"speedup {shape}": ends for shape, (_, ends) in timed.items()}
    else:
        figures |= dataclasses.asdict(score(model, text))
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    for name, value in figures.items():
        for inner, number in value.items() if isinstance(value, dict) else [("", value)]:
            print(f"{name + ' ' + inner:<36} {_number(number)}")
    return 0


def require_one_vocabulary(model: str, teacher: str) -> None:
    """Raise ValueError unless two models, given by name, have the same vocabulary."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece

    if WordPiece.from_pretrained(teacher).vocab != WordPiece.from_pretrained(model).vocab:
        raise ValueError(
            f"The teacher {teacher} has another vocabulary than {model}: expected the same one, as both read the same "
            "token ids."
        )


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return " to ".join(map(_number, value))
    if value is None:
        return "-"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


def tokenize(options: argparse.Namespace) -> int:
    """A text's tokens, one a line."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece

    encoding = WordPiece.from_pretrained(options.model).encode(options.text)
    if options.json:
        columns = ("ids", "tokens", "offsets", "type_ids")
        print(json.dumps({name: getattr(encoding, name) for name in columns}, ensure_ascii=False))
        return 0
    for token_id, token, (start, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True):
        print(f"{token_id:>6}  {token:<20} {f'{start}-{end}':>9}  {options.text[start:end]!r}")
    return 0


def bench(options: argparse.Namespace) -> int:
    """The table of one benchmark, under the day and the machine that it is of."""
    import torch

    from minidistil.bench import BENCHMARKS, backends
    from minidistil.ch08_training.device import described

    if options.name not in BENCHMARKS:
        raise ValueError(f"There is no benchmark {options.name!r}: expected one of {', '.join(BENCHMARKS)}.")
    if options.backends is not None and options.name != "inference":
        raise ValueError(f"--backends goes with `bench inference`, not with `bench {options.name}`.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    say(f"{datetime.date.today()}, {described(device)}, torch {torch.__version__}")
    for line in BENCHMARKS[options.name]() if options.backends is None else backends.table(options.backends):
        say(line)
    return 0


def plan(options: argparse.Namespace) -> int:
    """What the paper's setting takes."""
    from minidistil.ch08_training.cost import plan
    from minidistil.ch08_training.settings import DistilConfig

    config = dataclasses.replace(DistilConfig.paper(), **given(options, DistilConfig))
    most = {"tokens": math.inf, "teraflops": math.inf, "utilisation": 1.0, "price": math.inf}
    extra = {name: getattr(options, name) for name in most if getattr(options, name) is not None}
    for name, value in extra.items():
        if not 0 < value <= most[name]:
            flag = "--tflops" if name == "teraflops" else f"--{name}"
            limit = "" if math.isinf(most[name]) else f", {most[name]:g} at most"
            raise ValueError(f"{flag} is {value:g}: expected a number above 0{limit}.")
    for line in plan(config, **extra):
        say(line)
    return 0


def doctor(options: argparse.Namespace) -> int:
    """What this machine has; with --parity the ladder of proof, 1 if something differs."""
    if options.parity:
        return _parity()
    from minidistil.cli.doctor import report

    for line in report():
        print(line)
    return 0


def _parity() -> int:
    from minidistil.parity.ladder import HEADER, devices, ladder

    say(HEADER)
    failed = 0
    for device in devices():
        for comparison in ladder(device):
            say(comparison.line())
            failed += comparison.fails
    say(f"{failed} comparisons differ." if failed else "Everything that could be compared is the same.")
    return 1 if failed else 0
