"""What each command on models and text does: bring the library's pieces together, print what came of it.

Each function takes the options that `cli` has read and returns the exit code. What a command needs is imported when it
runs, so that the others start quickly.
"""

import argparse
import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any

from minidistil.cli.options import _docs, given, say


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
    from minidistil.ch09_evaluation.evaluation import compare, score
    from minidistil.ch09_evaluation.held_out import masked_documents
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
