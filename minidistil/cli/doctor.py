"""`minidistil doctor`: what this machine has for the course, and what to do about what is missing."""

import argparse
import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Iterator
from typing import Any

from minidistil.cli.messages import one_line
from minidistil.cli.options import add_command, say
from minidistil.files import cache_folder
from minidistil.hub.download import reachability
from minidistil.hub.official import OFFICIAL, STUDENT, available_offline

# What needs torch is imported where it is needed: help does not wait for it.


def add(commands: Any) -> None:
    """Add the command."""
    what = "what this machine has, and what to do about what is missing"
    parity = "compare with the official libraries on each device of this machine"
    add_command(commands, "doctor", run, what).add_argument("--parity", action="store_true", help=parity)


def run(options: argparse.Namespace) -> int:
    """The report; with --parity the comparisons instead, and 1 if something differs."""
    if options.parity:
        return _parity()
    for line in report():
        print(line)
    return 0


def _parity() -> int:
    from minidistil.parity.ladder import HEADER, devices, ladder

    say(HEADER)
    made = failed = missing = 0
    for device in devices():
        for comparison in ladder(device):
            say(comparison.line())
            made, failed, missing = made + 1, failed + comparison.fails, missing + bool(comparison.not_here)
    say(f"{made - failed - missing} comparisons hold, {failed} differ, {missing} could not be made here.")
    return 1 if failed else 0


def report() -> Iterator[str]:
    """Lines about Python, torch, devices, precision, memory, disk, hub and models; what fails is a line too."""
    import torch

    from minidistil.ch02_masking.corpus import docs_are_cached

    yield f"Python       {platform.python_version()} on {platform.system()} {platform.machine()}"
    for name in ("torch", "tokenizers", "datasets", "transformers"):
        yield f"{name:<12} {_version(name)}"
    yield f"CPU          {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    yield f"GPU          {_gpu()}"
    yield f"precision    {_precision()}"
    yield f"memory       {_memory()}"
    free = shutil.disk_usage(".").free
    yield f"disk         {free / 2**30:.1f} GiB free here{'' if free > 2**30 else ': too little, a run needs 1 GiB'}"
    yield f"cache        {cache_folder()} ({'docs corpus ready' if docs_are_cached() else 'docs corpus not made yet'})"
    pinned = OFFICIAL["minilm"]
    yield f"hub          {reachability(pinned.hub_id, 'config.json', pinned.revision)}"
    for name in OFFICIAL:
        yield f"{name:<23} {available_offline(name)}"
    yield f"{'minilm, own layers':<23} {_usable('minilm')}"
    yield f"{STUDENT:<23} {_usable(STUDENT)}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed: pip install -r requirements.txt"


def _gpu() -> str:
    from minidistil.ch08_training.device import best_device, described

    device = best_device()
    if device.type == "cpu":
        return "none; everything runs on the CPU"
    return described(device)


def _precision() -> str:
    """Time of a matrix product in fp32 and in 16 bits, on the device that training will use."""
    import torch

    from minidistil.ch08_training.device import autocast, best_device, precisions

    device = best_device()
    *_, half = precisions(device)
    left, right = torch.randn(2048, 384, device=device), torch.randn(384, 1536, device=device)
    seconds = {}
    for precision in dict.fromkeys(("fp32", half)):
        with autocast(device, precision):
            (left @ right).sum().item()
            start = time.perf_counter()
            for _ in range(10):
                product = left @ right
            product.sum().item()
            seconds[precision] = time.perf_counter() - start
    ratio = seconds["fp32"] / seconds[half]
    return f"{half} matrix products are {ratio:.2g} times as fast as fp32 ones; training takes the faster one"


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return "unknown on this system; a run takes up to 4 GiB"
    return f"{size:.1f} GiB{'' if size > 4 else ': a run takes up to 4 GiB; --batch-size 4 takes less'}"


def _usable(name: str) -> str:
    """Whether a model that the project trained is whole."""
    from minidistil.ch05_weights.heads import MaskedLM

    try:
        MaskedLM.from_pretrained(name)
    except (OSError, ValueError) as error:
        return f"not usable: {one_line(error)}"
    except NotImplementedError:  # a copy of the course without solutions
        return "not loaded: this needs code that is not written yet"
    return "verified"
