"""Hide the answers to predictions altogether, after a notebook has been run and saved.

    python .github/hide_answers.py [NOTEBOOK ...]

JupyterLab shows the first line of a collapsed output, which often is the answer, unless the first of several outputs
has no text. So each collapsed cell gets an empty first output.
"""

import json
import sys
from pathlib import Path
from typing import Any

EMPTY: dict[str, Any] = {"output_type": "display_data", "data": {}, "metadata": {}}


def collapsed(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells whose output is collapsed, and not empty."""
    cells = [cell for cell in notebook["cells"] if cell["metadata"].get("jupyter", {}).get("outputs_hidden")]
    return [cell for cell in cells if cell["outputs"]]


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in collapsed(notebook):
            if cell["outputs"][0] != EMPTY:
                cell["outputs"].insert(0, EMPTY)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
