"""What `minidistil export` does: a model in a file for use elsewhere, checked as soon as it is written."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from minidistil.cli.options import say


def export(options: argparse.Namespace) -> int:
    """Write a model as an ONNX graph or in int8, with its configuration and tokenizer beside it."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.classifiers import SequenceClassifier
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch09_evaluation.speed import parameters

    kind: Any = SequenceClassifier if options.task == "classification" else MaskedLM
    model, tokenizer = kind.from_pretrained(options.model), WordPiece.from_pretrained(options.model)
    path = _int8(model, options.out) if options.format == "int8" else _onnx(model, options.out, options.format)
    tokenizer.save(options.out)
    whole, size = 4 * parameters(model), path.stat().st_size
    say(
        f"{path}: {size / 2**20:.1f} MiB, {size / whole:.0%} of the weights in fp32; "
        "config.json and tokenizer beside it."
    )
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
        raise ValueError(f"{path} gives other logits than the model that was written: is the disk sound?")
    say(f"read back and equal; against fp32 the logits stand {signal_to_noise(exact, logits):.0f} dB above the error.")
    return path


def _onnx(model: Any, folder: Path, kind: str) -> Path:
    from minidistil.ch05_weights.weights import save_config
    from minidistil.ch11_smaller_faster.export import export_onnx, largest_difference, round_onnx
    from minidistil.files import write_atomically

    with tempfile.TemporaryDirectory() as room:
        # A graph in fp32 that is only a step to int8 must not take the place of one that somebody keeps.
        path, difference = export_onnx(model, folder if kind == "onnx" else Path(room))
        say(f"onnxruntime gives the same logits: the largest difference on six padded batches is {difference:.1e}.")
        if kind == "onnx-int8":
            rounded = round_onnx(path)
            say(f"rounded to int8, the largest difference is {largest_difference(model, rounded):.1e}.")
            path = folder / rounded.name
            write_atomically(path, lambda part: shutil.copyfile(rounded, part))
    save_config(model, folder)
    return path
