"""The machine that a run is on: device, precision, memory."""

import copy
import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's parameters."""
    return next(model.parameters()).device


def best_device() -> torch.device:
    """Where models should run: what MINIDISTIL_DEVICE says if it is set, else a GPU (cuda, mps) if there is one.

    Raises:
        ValueError: MINIDISTIL_DEVICE names a device that is not here.
    """
    if name := os.environ.get("MINIDISTIL_DEVICE"):
        return device_named(name)
    return next(torch.device(kind) for kind in ("cuda", "mps", "cpu") if _count(kind))


def device_named(name: str) -> torch.device:
    """The device of this name, in torch's words: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ValueError: there is no such device here.
    """
    try:
        device = torch.device(name)
        found = (device.index or 0) < _count(device.type)
    except RuntimeError:  # no name of a device
        found = False
    if not found:
        here = [kind for kind in ("cuda", "mps", "cpu") if _count(kind)]
        raise ValueError(
            f"There is no device {name!r} here: expected one of {', '.join(here)} (--device, MINIDISTIL_DEVICE)."
        )
    return device


def _count(kind: str) -> int:
    """How many devices of a kind torch can use here."""
    backend = torch.get_device_module(kind)
    return backend.device_count() if backend.is_available() else 0


def on_one_device(device: torch.device | str | None, *models: nn.Module) -> None:
    """Move models that work together to a device; None: leave them where they are.

    Raises:
        ValueError: no such device, or None and the models are on different ones.
    """
    if device is not None:
        for model in models:
            model.to(device_named(str(device)))
    elif len(places := {str(device_of(model)) for model in models}) > 1:
        raise ValueError(
            f"The models are on {' and '.join(sorted(places))}: expected one device for both. Move one with "
            ".to(device), or give device=."
        )


def sent_to(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on another device, without waiting for it; CUDA does not wait only if memory is pinned."""
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def described(device: torch.device) -> str:
    """What a device is, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of a CPU with {torch.backends.cpu.get_cpu_capability()}"


HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in 16 bits where the precision, "fp32", "bf16" or "fp16", says so.

    Raises:
        ValueError: another precision.
    """
    if precision not in ("fp32", *HALF):
        raise ValueError(f"The precision is {precision!r}: expected fp32, bf16 or fp16.")
    return torch.autocast(device.type, HALF[precision]) if precision in HALF else nullcontext()


ModelT = TypeVar("ModelT", bound=nn.Module)


def in_16_bits(model: ModelT, precision: str) -> ModelT:
    """For a GPU, a copy of a model that is not trained, its linear layers in 16 bits; else the model itself.

    Autocast converts the weights of linear layers in every step. The copy saves that time, and computes the same.
    """
    if precision not in HALF or device_of(model).type == "cpu":
        return model
    copied = copy.deepcopy(model)
    for module in copied.modules():
        if isinstance(module, nn.Linear):
            module.to(HALF[precision])
    return copied


def precisions(device: torch.device) -> tuple[str, ...]:
    """The precisions that may be the fastest on a device; a GPU that only emulates bf16 (a T4) is fast in fp16."""
    if device.type == "cuda":
        return ("fp32", "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16")
    return ("fp32", "bf16") if device.type == "cpu" else ("fp32",)


def keep_freed_memory() -> None:
    """Ask glibc not to give freed blocks back to the system.

    A training step frees and takes the same large blocks again; fetching their pages anew each time made a
    step 1.4 times as long. Elsewhere than on Linux nothing happens.
    """
    if sys.platform == "linux":
        m_trim_threshold, m_mmap_threshold = -1, -3
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # musl has none
            libc.mallopt(m_mmap_threshold, 1 << 30)
            libc.mallopt(m_trim_threshold, (1 << 31) - 1)


def peak_memory_mib(device: torch.device) -> float | None:
    """Largest memory of this process so far: on a CUDA GPU, else resident; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
