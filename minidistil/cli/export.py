"""`minidistil export`: a model as an ONNX graph or in int8, checked as soon as it is written."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from minidistil.cli.options import A_MODEL, add_command, path, say
from minidistil.files import write_atomically

# What needs torch is imported where it is needed: help does not wait for it.

HEADS = {"fill-mask": "MaskedLM", "classification": "SequenceClassifier"}


def add(commands: Any) -> None:
    """Add the command."""
    what = "a model as an ONNX graph or in int8, checked as soon as it is written"
    flag = add_command(commands, "export", run, what, on_device=True).add_argument
    flag("model", help=A_MODEL)
    formats = "an ONNX graph, the graph in int8, or int8 weights for this library (default: %(default)s)"
    flag("--format", choices=("onnx", "onnx-int8", "int8"), default="onnx", help=formats)
    flag("--out", type=path, required=True, metavar="DIR", help="folder for the files (required)")
    flag("--task", choices=HEADS, default="fill-mask", help="the model's head (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Write the model, with its configuration and tokenizer beside it."""
    import minidistil
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch08_training.device import best_device
    from minidistil.ch09_evaluation.speed import parameters

    model = getattr(minidistil, HEADS[options.task]).from_pretrained(options.model).to(best_device())
    tokenizer = WordPiece.from_pretrained(options.model)
    path = _int8(model, options.out) if options.format == "int8" else _onnx(model, options.out, options.format)
    tokenizer.save(options.out, model.config.max_position_embeddings)
    whole, size = 4 * parameters(model), path.stat().st_size
    say(f"{path}: {size / 2**20:.1f} MiB, {size / whole:.0%} of the weights in fp32, with config.json and tokenizer.")
    return 0


def _int8(model: Any, folder: Path) -> Path:
    import torch

    from minidistil.ch11_smaller_faster.export import sample
    from minidistil.ch11_smaller_faster.int8 import load_int8, save_int8, to_int8
    from minidistil.ch11_smaller_faster.quantisation import signal_to_noise

    rounded = to_int8(model)
    path = save_int8(rounded, folder)
    inputs = sample(model, batch=4, length=min(32, model.config.max_position_embeddings))
    with torch.no_grad():
        logits, written, exact = (each(**inputs).logits for each in (rounded, load_int8(type(model), folder), model))
    if not torch.equal(written, logits):
        raise ValueError(f"{path}, read back, gives other logits than the model in memory: is the disk faulty?")
    say(f"read back and equal; signal-to-noise ratio of the logits: {signal_to_noise(exact, logits):.0f} dB.")
    return path


def _onnx(model: Any, folder: Path, kind: str) -> Path:
    from minidistil.ch05_weights.weights import save_config
    from minidistil.ch11_smaller_faster.export import export_onnx, largest_difference, round_onnx

    with tempfile.TemporaryDirectory() as room:
        # On the way to int8, the graph in fp32 must not replace a file that the user keeps.
        path, difference = export_onnx(model, folder if kind == "onnx" else Path(room))
        say(f"onnxruntime gives the same logits: the largest difference on six padded batches is {difference:.1e}.")
        if kind == "onnx-int8":
            rounded = round_onnx(path)
            say(f"rounded to int8, the largest difference is {largest_difference(model, rounded):.1e}.")
            path = folder / rounded.name
            write_atomically(path, lambda part: shutil.copyfile(rounded, part))
    save_config(model, folder)
    return path
