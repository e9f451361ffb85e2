"""How the project stores what it trained: matrices in 8 bits with a scale for each row, the rest in fp16.

`minidistil.ch05_weights.weights.apply_changes` is the way back.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from minidistil.files import sha256, to_json, write_atomically


def in_8_bits(name: str, matrix: Tensor) -> dict[str, Tensor]:
    """A matrix, or its change, as whole numbers from -127 to 127 and a scale for each row."""
    scale = (matrix.abs().amax(dim=1) / 127).clamp(min=1e-12).float()
    return {f"{name}.scale": scale, f"{name}.change": (matrix / scale[:, None]).round().to(torch.int8)}


def save_own_layers(own: dict[str, Tensor], path: Path, provenance: dict[str, Any]) -> None:
    """Write tensors to path, a .safetensors, and beside it, as .json, their size and sha256 and how they were made."""
    tensors = {name: tensor.contiguous() for name, tensor in own.items()}
    write_atomically(path, lambda part: save_file(tensors, part, metadata={"format": "pt"}))
    entries = {"bytes": path.stat().st_size, "sha256": sha256(path)} | provenance
    text = to_json(entries, indent=2) + "\n"
    write_atomically(path.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
