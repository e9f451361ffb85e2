"""The command `finetune` for one epoch, from a small model with random weights."""

import json
from pathlib import Path
from typing import Any

import minidistil as md
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.cli.main import main


def finetuned(task: str, data: Path, folder: Path, *more: str) -> dict[str, Any]:
    """Fine-tune from folder/start to folder/run; returns the metrics."""
    sizes = md.EncoderConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48)
    md.MaskedLM(sizes).save_pretrained(folder / "start")
    WordPiece.from_pretrained("minilm").save(folder / "start")
    command = ["finetune", task, "--data", str(data), "--model", str(folder / "start"), "--epochs", "1"]
    assert main([*command, "--precision", "fp32", "--out", str(folder / "run"), *more]) == 0
    return json.loads((folder / "run" / "metrics.json").read_text(encoding="utf-8"))
