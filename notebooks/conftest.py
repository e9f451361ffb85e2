"""How the notebooks run as tests: the cores of each kernel, and what is made equal before outputs are compared."""

import os
from pathlib import Path

import pytest

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):  # several kernels at a time: more threads are slower
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))


def pytest_configure(config: pytest.Config) -> None:
    """Name nbval's settings by their full path, so that pytest may be started in any folder."""
    config.option.nbval_sanitize_with = str(Path(__file__).parents[1] / "tests" / "nbval.cfg")
