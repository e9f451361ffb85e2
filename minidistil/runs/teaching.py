"""Chapter 8. The offline teacher: official MiniLM, given the masked-LM head that it lacks.

MiniLM was made to compare sentences; to guess words it needs a head, and its layers and word embeddings
must learn to serve that head. What is shipped is small all the same: of each official matrix only its
change, in 8 bits with one scale a row, and of the word embeddings only the rows of frequent tokens.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from minidistil.files import sha256, write_atomically
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import their_name
from minidistil.ch05_weights.weights import OWN_LAYERS, BareEncoder, apply_changes


def untaught_teacher(official: BareEncoder, seed: int) -> MaskedLM:
    """A copy of an official encoder under a fresh masked-LM head."""
    torch.manual_seed(seed)
    model = MaskedLM(official.config)
    model.encoder.load_state_dict(official.state_dict())
    return model


def train_frequent_rows_only(model: MaskedLM, counts: Tensor, count: int) -> Tensor:
    """Let training change the word embeddings of the `count` most frequent tokens only; returns their ids.

    Args:
        counts: (V,) how often each token occurs.
    """
    rows = counts.argsort(descending=True, stable=True)[:count].sort().values
    frozen = torch.ones(model.config.vocab_size, dtype=torch.bool)
    frozen[rows] = False

    def forget(parameter: Tensor) -> None:
        if parameter.grad is not None:
            parameter.grad[frozen.to(parameter.device)] = 0

    model.encoder.embeddings.word.weight.register_post_accumulate_grad_hook(forget)
    return rows


def take_changes(model: MaskedLM, official: BareEncoder, rows: Tensor) -> dict[str, Tensor]:
    """The trained tensors by BERT's names, rounded: changes of matrices in 8 bits, all else in fp16.

    The model takes the rounded values too: what is measured afterwards is what is shipped.
    """
    before = {their_name(name, "bert", prefix=False): tensor for name, tensor in official.state_dict().items()}
    names = {name: their_name(name, "bert", prefix=False) for name, _ in model.named_parameters()}
    own: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        their, now = names[name], parameter.detach().cpu()
        if their not in before or now.dim() < 2:
            own[their] = now.half()
            continue
        change = now - before[their]
        if name == "encoder.embeddings.word.weight":
            own[f"{their}.rows"] = rows.int()
            change = change[rows]
        scale = (change.abs().amax(dim=1) / 127).clamp(min=1e-12).float()
        own[f"{their}.scale"] = scale
        own[f"{their}.change"] = (change / scale[:, None]).round().to(torch.int8)
    rounded = apply_changes(before, own)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(rounded[names[name]])
    return {name: tensor.contiguous() for name, tensor in own.items()}


def save_own_layers(own: dict[str, Tensor], folder: Path, provenance: dict[str, Any]) -> None:
    """Write the trained tensors and, beside them, how they were made."""
    path = folder / f"{OWN_LAYERS}.safetensors"
    write_atomically(path, lambda part: save_file(own, part, metadata={"format": "pt"}))
    entries = {"bytes": path.stat().st_size, "sha256": sha256(path)} | provenance
    text = json.dumps(entries, indent=2) + "\n"
    write_atomically(path.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
