"""The glossary's links: each leads to the first section of its notebook that has the term in bold or in its heading.

After sections were renamed or moved, from the top of the checkout: python -m tests.glossary
"""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import quote

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
GLOSSARY = NOTEBOOKS / "glossary.md"
ENTRY = re.compile(r"^\* \*\*(?P<term>.+?)\*\*: .+ \[(?P<number>[\w.]+)\]\((?P<notebook>\w+\.ipynb)#(?P<anchor>\S+)\)$")

SAFE = ",:?'!"  # what an anchor keeps beside letters, digits and -._~


def plain(heading: str) -> str:
    """A heading as JupyterLab makes an anchor of it."""
    return heading.replace("`", "").replace(" ", "-")


def sections(notebook: str) -> dict[str, str]:
    """The heading of each section, as `3.1 Three vectors, by hand`, and its text; the opening has the title's."""
    cells = json.loads((NOTEBOOKS / notebook).read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    parts = re.findall(r"^##? (\S+\.? .+)\n((?:(?!##? ).*\n?)*)", text, flags=re.M)
    return {heading: body for heading, body in parts if re.match(r"\w+\.", heading)}


def place(term: str, notebook: str) -> str:
    """The end of an entry: `[3.1](03_attention.ipynb#3.1-Three-vectors,-by-hand)`.

    The opening counts where it has the term in bold. Else the title, and then any text that has it.

    Raises:
        ValueError: the term does not occur in the notebook.
    """
    opening, *numbered = sections(notebook).items()
    word, bold = (
        re.compile(form, re.IGNORECASE) for form in (rf"\b{re.escape(term)}", rf"\*\*{re.escape(term)}s?\*\*")
    )
    named = (heading for heading, body in numbered if word.search(heading) or bold.search(body))
    titled = (heading for heading in (opening[0],) if word.search(heading))
    anywhere = (heading for heading, body in (*numbered, opening) if word.search(body))
    choices = (opening[:1] if bold.search(opening[1]) else (), named, titled, anywhere)
    heading = next(itertools.chain.from_iterable(choices), None)
    if not heading:
        raise ValueError(f"{term!r} does not occur in a section of {notebook}.")
    return f"[{heading.split()[0].rstrip('.')}]({notebook}#{quote(plain(heading), safe=SAFE)})"


def with_links(text: str) -> str:
    """The glossary with the links as they should be."""

    def entry(line: str) -> str:
        match = ENTRY.match(line)
        return line[: match.start("number") - 1] + place(match["term"], match["notebook"]) if match else line

    return "".join(entry(line.rstrip("\n")) + "\n" for line in text.splitlines())


if __name__ == "__main__":
    GLOSSARY.write_text(with_links(GLOSSARY.read_text(encoding="utf-8")), encoding="utf-8")
