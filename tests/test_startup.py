"""`import minidistil` takes little time beyond torch: other libraries are imported only where they are used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import minidistil

# The garbage that torch leaves is collected first: otherwise, on Python 3.13, it is collected in the measured time.
PROGRAM = """import gc, sys, time, json, torch
gc.collect()
before, start = set(sys.modules), time.process_time()
import minidistil
print(json.dumps([time.process_time() - start, sorted(set(sys.modules) - before)]))
"""
SECONDS = 0.05


def started(cache: Path) -> tuple[float, set[str]]:
    """Processor time and modules of the import, beyond torch's; compiled files are kept in `cache`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(cache), "PYTHONPATH": str(Path(minidistil.__file__).parent.parent)}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    seconds, modules = json.loads(result.stdout)
    return seconds, {name.partition(".")[0] for name in modules}


def test_importing_the_package_is_quick_and_imports_no_other_library(tmp_path: Path) -> None:
    started(tmp_path)  # compiles
    modules = started(tmp_path)[1]
    heavy = {"matplotlib", "datasets", "transformers", "tokenizers", "tqdm", "huggingface_hub", "IPython", "pytest"}
    assert not modules & heavy
    assert "minidistil" in modules
    assert any(started(tmp_path)[0] < SECONDS for _ in range(10))  # a busy machine may need some tries
