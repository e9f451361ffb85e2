"""What starts quickly: libraries are imported only where they are used, torch included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidistil

HEAVY = {"matplotlib", "datasets", "transformers", "tokenizers", "tqdm", "huggingface_hub", "IPython", "pytest"}


def modules_after(program: str, folder: Path) -> set[str]:
    """Modules that a program has imported in the end, in a process with an empty cache of the hub."""
    environment = os.environ | {"PYTHONPATH": str(Path(minidistil.__file__).parent.parent), "HF_HOME": str(folder)}
    report = "import atexit, sys; atexit.register(lambda: print('\\nmodules', *sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", f"{report}\n{program}"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.rpartition("\nmodules ")[2].split())


def test_importing_the_package_imports_no_other_library(tmp_path: Path) -> None:
    modules = modules_after("import minidistil as md; dir(md), md.__version__", tmp_path)
    assert not modules & (HEAVY | {"torch", "numpy"})
    used = modules_after("import minidistil as md; [getattr(md, name) for name in md.__all__]", tmp_path)
    assert not (used - modules_after("import torch", tmp_path)) & HEAVY


@pytest.mark.parametrize(
    "typed",
    [
        "--help",
        "check --help",
        "fill --help",
        *(f"{each} --help" for each in ("distil", "teach", "finetune", "ablate", "plan", "bias")),
    ],
)
def test_help_does_not_wait_for_torch(typed: str, tmp_path: Path) -> None:
    program = f"import sys; sys.argv[1:] = {typed.split()}; from minidistil.cli.main import entry; entry()"
    assert not modules_after(program, tmp_path) & (HEAVY | {"torch", "numpy"})


def test_loading_the_offline_teacher_imports_neither_a_compiler_nor_a_client_of_the_hub(tmp_path: Path) -> None:
    modules = modules_after("import minidistil as md; md.MaskedLM.from_pretrained('minilm')", tmp_path)
    assert not modules & {"torch._dynamo", "httpx", "requests", "huggingface_hub.file_download"}
