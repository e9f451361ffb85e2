"""The machine that a run is on: device, precision, memory."""

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's parameters."""
    return next(model.parameters()).device


def to_best_device(model: AnyModule) -> AnyModule:
    """The model on the GPU, where there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def described(device: torch.device) -> str:
    """What a device is, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of a CPU with {torch.backends.cpu.get_cpu_capability()}"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bf16 for matrix products where the precision, "fp32" or "bf16", says so.

    Raises:
        ValueError: another precision.
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"The precision is {precision!r}: expected fp32 or bf16.")
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


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


def peak_memory_mib() -> float | None:
    """Largest memory of this process so far: the GPU's, else its resident one; None where the system does not say."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
