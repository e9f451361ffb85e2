"""Checkpoints: everything that a run needs to go on as if it had not stopped, in one file.

No random state is in it: the random draws of micro-batch n depend on the seed and on n alone (see `training`).
"""

import hashlib
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from minidistil.files import write_atomically

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's names for the running means of gradients and of their squares


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)  # in a streamed text, one a process
    scale: dict[str, Any] = field(default_factory=dict)  # in fp16, of the `LossScale`
    skipped: int = 0  # steps without an update: in fp16, where the gradient was not finite


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C take effect after the context, not within it.

    Python interrupts the main thread only, so in another one there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)


def optimizer_is_whole(optimizer: torch.optim.AdamW, step: int) -> bool:
    """Whether every parameter has taken exactly `step` updates: an error may have ended one midway."""
    return all(int(state["step"]) == step for state in optimizer.state.values())


def training_state(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """All tensors that the next step depends on: "model.NAME", and "exp_avg.NAME" and "exp_avg_sq.NAME" if it has them.

    AdamW has no moments of a parameter that is frozen, and before the first step of none.

    >>> model = nn.Linear(2, 1)
    >>> sorted(training_state(model, torch.optim.AdamW(model.parameters())))
    ['model.bias', 'model.weight']
    """
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach()
        if parameter in optimizer.state:
            tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in MOMENTS}
    return tensors


def restore_state(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.AdamW, step: int) -> None:
    """Make model and optimiser what they were after `step` steps, when `training_state` gave the tensors.

    The optimiser holds on to the parameters, so numbers are copied into these; the moments become its own as they are.

    Raises:
        KeyError, RuntimeError: a parameter's tensor is missing or of another shape.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> restore_state({"model.weight": torch.tensor([[2.0]])}, model, torch.optim.AdamW(model.parameters()), step=0)
    >>> model.weight.item()
    2.0
    """
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            parameter.copy_(tensors[f"model.{name}"])
        if parameter.requires_grad and f"exp_avg.{name}" in tensors:
            moments = {key: tensors[f"{key}.{name}"].to(parameter.device) for key in MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step), device=parameter.device), **moments}


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], progress: Progress, run: str = "") -> None:
    """Write weights, optimiser and progress as one safetensors file, then remove older ones.

    Args:
        tensors: the `training_state`.
        run: identifies the run; `load_checkpoint` refuses checkpoints of another one.
    """
    path = folder / f"step-{progress.step:08d}.safetensors"
    written = json.dumps(asdict(progress))
    metadata = {"progress": written, "run": run, "digest": digest(tensors, written)}
    write_atomically(path, lambda part: save_file(tensors, part, metadata=metadata))
    for old in sorted(folder.glob("step-*.safetensors")):
        if old != path:
            old.unlink()


class CheckpointWriter:
    """Writes checkpoints beside the training: the numbers are copied at once, and a thread writes the copies.

    Never two at a time: a checkpoint waits until the one before is written. OSError if that one could not be.

    Args:
        step: of the checkpoint that the folder has; then of the newest one that has not failed.
    """

    def __init__(self, folder: Path, run: str, step: int = 0):
        self.folder = folder
        self.run = run
        self.step: int = step
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def save(self, model: nn.Module, optimizer: torch.optim.AdamW, progress: Progress) -> None:
        """Begin a checkpoint."""
        self.wait()
        tensors = {name: each.to("cpu", copy=True) for name, each in training_state(model, optimizer).items()}
        self._writing = self._thread.submit(save_checkpoint, self.folder, tensors, deepcopy(progress), self.run)

    def check(self) -> None:
        """Raise the error that has ended the last checkpoint, once; go on if it is being written."""
        if self._writing and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Return when the last checkpoint is in the folder."""
        writing, self._writing = self._writing, None
        try:
            if writing:
                writing.result()
        except BaseException:
            self.step = -1
            raise


def digest(tensors: Mapping[str, Tensor], progress: str) -> str:
    """A hash of names, numbers and progress: a damaged file is noticed before it is trained on."""
    found = hashlib.sha256(progress.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW, run: str = "") -> Progress | None:
    """Put the newest checkpoint into model and optimiser; None where there is none.

    Raises:
        ValueError: the file is damaged, or belongs to another run or a model of another shape.
    """
    paths = sorted(folder.glob("step-*.safetensors"))
    if not paths:
        return None
    try:
        if not paths[-1].is_file():
            raise ValueError("it is no regular file")
        with safe_open(paths[-1], framework="pt") as file:
            metadata = file.metadata() or {}
            progress = Progress(**json.loads(metadata["progress"]))
            # Copies: Windows removes no file as long as a tensor lies in it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  no dictionary
        if metadata["run"] != run:
            raise ValueError("it was written by a run with other settings")
        if metadata["digest"] != digest(tensors, metadata["progress"]):
            raise ValueError("its content is not what was written")
        restore_state(tensors, model, optimizer, progress.step - progress.skipped)
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"The checkpoint {paths[-1]} is damaged or belongs to another run ({error}): delete it to start afresh."
        ) from error
    return progress
