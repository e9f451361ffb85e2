"""The addresses at which Colab and Kaggle open the notebooks of the repository that was cloned.

    python .github/buttons.py [--write]

With --write each notebook gets them in its first cell, and a second cell that says in one sentence what to do where a
package is missing. Writing again replaces both, for instance in a fork. The repository is the remote "origin"; unless
that is on GitHub, there are no addresses, and only the second cell is written.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = {"onnx", "onnxruntime", "scipy", "sentence_transformers", "sklearn", "tokenizers", "transformers"}
OPEN = "Open in [Colab]("  # begins the line with the addresses
TAG = "remove-cell"  # the site leaves the second cell out

CELL = """import importlib.util

used = ({names})
missing = [name for name in used if importlib.util.find_spec(name) is None]
if "minidistil" in missing:
    page = "{page}"
    raise ModuleNotFoundError(f"minidistil is not installed in this kernel. How, also for Colab and Kaggle: {{page}}")
if missing:
    print(f"Cells that compare with {{', '.join(missing)}} will fail: pip install -e '.[peers]', or leave them out.")"""


def repository() -> str:
    """The address of the remote "origin", "" unless it is on GitHub."""
    said = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True).stdout
    found = re.search(r"github\.com[:/](.+?)(\.git)?$", said.strip())
    return f"https://github.com/{found[1]}" if found else ""


def buttons(address: str, name: str) -> str:
    """The line with both addresses of a notebook."""
    blob = f"{address}/blob/main/notebooks/{name}"
    colab = blob.replace("https://github.com", "https://colab.research.google.com/github")
    return f"{OPEN}{colab}) · [Kaggle](https://kaggle.com/kernels/welcome?src={blob})"


def second_cell(notebook: dict[str, Any], address: str) -> dict[str, Any]:
    """The cell that says what is missing: the package, or a peer that the notebook imports."""
    used = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                    used.add((module or "").partition(".")[0])
    names = ", ".join(f'"{name}"' for name in ("minidistil", *sorted(used & PEERS))) + ("" if used & PEERS else ",")
    page = f"{address}/blob/main/notebooks/INSTALL.md" if address else "notebooks/INSTALL.md in the repository"
    source = CELL.format(names=names, page=page).splitlines(keepends=True)
    return {
        "cell_type": "code", "execution_count": 0, "id": "installed",
        "metadata": {"jupyter": {"source_hidden": True}, "tags": [TAG]}, "outputs": [], "source": source,
    }  # fmt: skip  # in the order in which notebooks are stored


def write(path: Path, address: str) -> None:
    """Put the line and the cell into a notebook, in place of what an earlier call wrote."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if TAG not in cell["metadata"].get("tags", [])]
    paragraphs = [text for text in "".join(cells[0]["source"]).split("\n\n") if not text.startswith(OPEN)]
    if address:
        paragraphs.insert(1, buttons(address, path.name))
    cells[0]["source"] = "\n\n".join(paragraphs).splitlines(keepends=True)
    notebook["cells"] = [cells[0], second_cell(notebook | {"cells": cells}, address), *cells[1:]]
    for number, cell in enumerate((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), start=1):
        cell["execution_count"] = number
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Print the addresses, or write them."""
    address = repository()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if "--write" in sys.argv[1:]:
            write(path, address)
        if address:
            print(buttons(address, path.name))
    if not address:
        print("The remote origin is not on GitHub: Colab and Kaggle cannot open these notebooks by address.")


if __name__ == "__main__":
    main()
