#!/usr/bin/env bash
# Writes .github/locked.txt: what requirements.txt installs, with hashes, for all systems. Needs uv.
# Without torch: its build is chosen by machine, and comes from another index. But with what torch alone asks for.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "torch; python_version < '0'" | UV_CUSTOM_COMPILE_COMMAND=.github/lock.sh uv pip compile --quiet \
    --universal --python-version 3.10 --generate-hashes --no-annotate --no-emit-package minidistil \
    --overrides /dev/stdin --output-file .github/locked.txt requirements.txt \
    <(printf '%s\n' networkx 'setuptools>=77.0.3')
