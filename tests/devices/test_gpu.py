"""The cases of gpu_cases, in a process of their own.

A registered device starts threads in autograd, and a process with such threads cannot be copied as `minidistil check`
copies it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this PyTorch registers no device that is written in Python: install a newer one",
)
def test_models_run_on_an_imitated_gpu() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    cases = Path(__file__).with_name("gpu_cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", str(cases)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert "37 passed" in done.stdout, done.stdout
