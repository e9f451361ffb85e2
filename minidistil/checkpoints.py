"""Chapter 8. Checkpoints: all that a run needs to go on as if nothing had happened, in one file.

Nothing random is among it: the draws of micro-batch n hang on the seed and on n alone (see `training`).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from minidistil.files import write_atomically


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)  # of the processes in a streamed text


def optimizer_is_whole(optimizer: torch.optim.AdamW, step: int) -> bool:
    """Whether every parameter has taken exactly `step` updates: an interrupt may fall inside one."""
    return all(int(state["step"]) == step for state in optimizer.state.values())


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW, progress: Progress) -> None:
    """Write weights, optimiser and progress as one safetensors file, then remove older ones."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    tensors = {f"model.{name}": parameter.detach() for parameter, name in names.items()}
    for parameter, name in names.items():
        if parameter in optimizer.state:  # a frozen one is not
            tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in ("exp_avg", "exp_avg_sq")}
    path = folder / f"step-{progress.step:08d}.safetensors"
    metadata = {"progress": json.dumps(asdict(progress))}
    write_atomically(path, lambda part: save_file(tensors, part, metadata=metadata))
    for old in sorted(folder.glob("step-*.safetensors")):
        if old != path:
            old.unlink()


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW) -> Progress | None:
    """Put the newest checkpoint into model and optimiser; None where there is none.

    Raises:
        ValueError: the file is damaged or belongs to a model of another shape.
    """
    paths = sorted(folder.glob("step-*.safetensors"))
    if not paths:
        return None
    try:
        with safe_open(paths[-1], framework="pt") as file, torch.no_grad():
            progress = Progress(**json.loads(file.metadata()["progress"]))
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(f"model.{name}"))
                if parameter.requires_grad and f"exp_avg.{name}" in file.keys():  # noqa: SIM118  no dictionary
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(progress.step), device=parameter.device),
                        "exp_avg": file.get_tensor(f"exp_avg.{name}").to(parameter.device),
                        "exp_avg_sq": file.get_tensor(f"exp_avg_sq.{name}").to(parameter.device),
                    }
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"The checkpoint {paths[-1]} is damaged or belongs to another run ({error}): delete it to start afresh."
        ) from error
    return progress
