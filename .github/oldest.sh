#!/usr/bin/env bash
# The tests with the oldest versions that pyproject.toml allows, in an environment of their own. Needs uv.
#   .github/oldest.sh build/oldest tests/ch03_attention
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$1
shift
uv venv --quiet --seed --python 3.10 --clear "$environment"  # with pip: a test builds the wheel
# uv takes the index of torch that fits this machine: without an NVIDIA GPU, that of the CPU.
uv pip install --quiet --python "$environment" --torch-backend "${TORCH_BACKEND:-auto}" \
    --resolution lowest-direct -e ".[peers]"
uv pip list --python "$environment" | grep -E "^(torch|numpy|datasets|huggingface-hub|safetensors|transformers) "
"$environment/bin/python" -m pytest -o addopts= "${@:-tests}"
