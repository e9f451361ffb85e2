"""Take the README's pictures out of the notebooks that draw them: python data/pictures/take.py"""

import base64
import json
from pathlib import Path

HERE = Path(__file__).parent
PICTURES = {
    "two_encoders.png": ("04_encoder.ipynb", "plots.two_encoders("),
    "three_losses.png": ("06_losses.ipynb", "plots.three_losses("),
}


def picture(notebook: str, call: str) -> bytes:
    """The PNG that the cell with this call has stored."""
    cells = json.loads((HERE.parents[1] / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["cell_type"] == "code" and call in "".join(cell["source"])]
    (data,) = [output["data"] for output in cell["outputs"] if "image/png" in output.get("data", {})]
    return base64.b64decode("".join(data["image/png"]))


if __name__ == "__main__":
    for name, source in PICTURES.items():
        (HERE / name).write_bytes(picture(*source))
