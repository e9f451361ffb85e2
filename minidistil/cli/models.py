"""`minidistil fill`, `embed`, `evaluate`, `tokenize`, `bench` and `plan`: models on text, their speed and cost."""

import argparse
import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any

from minidistil.cli.options import A_MODEL, MODEL, add_command, add_settings, docs_corpus, given, path, say, words
from minidistil.files import to_json, write_atomically

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the commands."""
    flag = add_command(commands, "fill", fill, "guess the words behind [MASK]", on_device=True).add_argument
    flag("text", nargs="+", help="a sentence with one [MASK] or several; or several sentences")
    flag("--model", **MODEL)
    flag("--top-k", type=int, default=5, metavar="K", help="number of words for each [MASK] (default: %(default)s)")
    flag("--targets", type=words, metavar="A,B,C", help="rank only these words, each a single token")
    flag("--json", action="store_true", help="print JSON: a list of guesses, or for several texts a list of lists")

    what = "print a vector for each text: similar texts have similar vectors"
    flag = add_command(commands, "embed", embed, what, on_device=True).add_argument
    flag("text", nargs="+", help="one text or several, each in quotation marks")
    flag("--model", **MODEL)
    file = "write a .npy array of shape (texts, width) to this file instead of printing JSON"
    flag("--out", type=path, metavar="FILE", help=file)

    what = "measure masked accuracy and perplexity on held-out text"
    flag = add_command(commands, "evaluate", evaluate, what, on_device=True).add_argument
    flag("model", help=A_MODEL)
    flag("--teacher", metavar="NAME", help="compare with this model: agreement, and how much of its accuracy is kept")
    files = "text files, used as a whole (default: the test split of the docs corpus)"
    flag("--text", type=path, nargs="+", metavar="FILE", help=files)
    flag("--json", action="store_true", help="print the figures as JSON")

    flag = add_command(commands, "tokenize", tokenize, "print the tokens, ids and offsets of a text").add_argument
    flag("text", help="a text in quotation marks")
    flag("--model", **MODEL | {"help": "model name, hub id, folder or vocab.txt (default: %(default)s)"})
    flag("--json", action="store_true", help="print ids, tokens, offsets and type_ids as JSON")

    what = "compare the speed with that of the library that one would use instead"
    flag = add_command(commands, "bench", bench, what, on_device=True).add_argument
    flag("name", help="tokenizer, attention, inference, step or gpu (a full-size step, and resume)")
    backends = "for inference only, compare these: fp32, bf16, int8, onnx, onnx-int8"
    flag("--backends", type=words, metavar="A,B", help=backends)

    what = "estimate what the paper's distillation takes: memory, time and cost"
    add_command(commands, "plan", plan, what, _plan_flags, on_device=True)


def _plan_flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch08_training.settings import CORPUS_TOKENS, V100_FP32, DistilConfig

    flag = command.add_argument
    flag("--tokens", type=float, metavar="N", help=f"tokens in the text (default: {CORPUS_TOKENS:g}, BERT's)")
    speed = f"peak speed of a GPU in TFLOP/s (default: {V100_FP32 / 1e12:g}, a V100 in fp32)"
    flag("--tflops", type=float, dest="teraflops", metavar="X", help=speed)
    used = "fraction of that speed that is used, 0 to 1 (default: that of the paper's run)"
    flag("--utilisation", type=float, metavar="X", help=used)
    flag("--price", type=float, metavar="X", help="price of one GPU for one hour, in any currency")
    add_settings(command, DistilConfig.paper(), "batch_size", "max_length")


def fill(options: argparse.Namespace) -> int:
    """Ranked words for each [MASK]."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.fillmask import fill_mask
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch08_training.device import best_device

    tokenizer = WordPiece.from_pretrained(options.model)
    model = MaskedLM.from_pretrained(options.model).to(best_device())
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
    from minidistil.ch05_weights import heads
    from minidistil.ch08_training.device import best_device

    def write(part: Path) -> None:
        with part.open("wb") as file:
            numpy.save(file, vectors.numpy())

    tokenizer = WordPiece.from_pretrained(options.model)
    model = heads.SentenceEncoder.from_pretrained(options.model).to(best_device())
    vectors = heads.embed(options.text, model, tokenizer)  # (N, D)
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
    from minidistil.ch04_encoder.inputs import require_fit
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch08_training.device import best_device
    from minidistil.ch09_evaluation.evaluation import compare, score
    from minidistil.ch09_evaluation.held_out import masked_documents
    from minidistil.ch09_evaluation.speed import parameters, size_in_bytes, speedup_by_shape

    tokenizer = WordPiece.from_pretrained(options.model)
    model = MaskedLM.from_pretrained(options.model).to(best_device())
    require_fit(tokenizer, model, MaskedLM)
    text = masked_documents(corpus.text_files(options.text) if options.text else docs_corpus().test, tokenizer)
    figures: dict[str, Any] = {"hidden_tokens": text.count, "documents": len(text.documents.unique())}
    figures |= {"parameters": parameters(model), "bytes": size_in_bytes(model)}
    if options.teacher:
        require_one_vocabulary(options.model, options.teacher)
        teacher = MaskedLM.from_pretrained(options.teacher).to(best_device())
        comparison = compare(teacher, model, text)
        figures |= {"retention": comparison.retention} | dataclasses.asdict(comparison)
        timed = {f"{size}x{length}": found for (size, length), found in speedup_by_shape(teacher, model).items()}
        figures["speedup"] = {shape: ratio for shape, (ratio, _) in timed.items()}
        figures["intervals"] |= {f"speedup {shape}": ends for shape, (_, ends) in timed.items()}
    else:
        figures |= dataclasses.asdict(score(model, text))
    if options.json:
        print(to_json(figures, indent=2))
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
            f"The teacher {teacher} has another vocabulary than {model}, or treats capitals or accents otherwise: "
            "expected the same, as both read the same token ids."
        )


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return " to ".join(map(_number, value))
    if value is None:
        return "-"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


def tokenize(options: argparse.Namespace) -> int:
    """A text's tokens, one in each line."""
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
    """The table of one benchmark, after the date and the machine."""
    import torch

    from minidistil.bench import BENCHMARKS, backends
    from minidistil.ch08_training.device import best_device, described

    if options.name not in BENCHMARKS:
        raise ValueError(f"There is no benchmark {options.name!r}: expected one of {', '.join(BENCHMARKS)}.")
    if options.backends is not None and options.name != "inference":
        raise ValueError(f"--backends goes with `bench inference`, not with `bench {options.name}`.")
    on_any = options.name in ("step", "gpu")  # the others compare libraries on the CPU
    device = best_device() if on_any else torch.device("cpu")
    say(f"{datetime.date.today()}, {described(device)}, torch {torch.__version__}")
    for line in BENCHMARKS[options.name]() if options.backends is None else backends.table(options.backends):
        say(line)
    return 0


def plan(options: argparse.Namespace) -> int:
    """What the paper's setting takes."""
    from minidistil.ch08_training import cost
    from minidistil.ch08_training.settings import DistilConfig

    config = dataclasses.replace(DistilConfig.paper(), **given(options, DistilConfig))
    most = {"tokens": math.inf, "teraflops": math.inf, "utilisation": 1.0, "price": math.inf}
    extra = {name: getattr(options, name) for name in most if getattr(options, name) is not None}
    for name, value in extra.items():
        if not 0 < value <= most[name]:
            flag = "--tflops" if name == "teraflops" else f"--{name}"
            limit = "" if math.isinf(most[name]) else f", {most[name]:g} at most"
            raise ValueError(f"{flag} is {value:g}: expected a number above 0{limit}.")
    for line in cost.plan(config, **extra):
        say(line)
    return 0
