"""The site: `sphinx-build -c notebooks/site . build/site` in the top folder, with `pip install -e ".[site]"`.

The pages are the repository's own files, so that nothing is written twice. What is shown depends on the stored
outputs: nothing is run.
"""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import minidistil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # where `anchor` is looked for

project = "minidistil"
author = "the authors of minidistil"
copyright = f"{author}, Apache License 2.0"
version = release = minidistil.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["sphinx-mathjax-offline"]  # MathJax as files of the site, so that it works without a network
root_doc = "README"
include_patterns = [
    "README.md", "CHANGELOG.md", "notebooks/*.ipynb", "exercises/*.md", "minidistil/README.md", "data/README.md",
    "data/results/README.md", "notebooks/*.md", "notebooks/site/*.md",
]  # fmt: skip
exclude_patterns = [".venv", "runs", "build", "tests", ".github"]

nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, Any] = {}  # live controls need a kernel; a page shows their still picture
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "conf.anchor"
suppress_warnings = ["myst.xref_missing", "myst.header"]  # links to folders and source files

autodoc_typehints = "description"
autodoc_member_order = "bysource"


def repository() -> str:
    """The address of the repository that was cloned, "" unless it is on GitHub."""
    origin = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True).stdout
    found = re.search(r"github\.com[:/](.+?)(\.git)?$", origin.strip())
    name = os.environ.get("GITHUB_REPOSITORY") or (found[1] if found else "")
    return f"https://github.com/{name}" if name else ""


html_theme = "sphinx_book_theme"
html_static_path = html_css_files = ["narrow.css"]
html_title = "minidistil"
html_theme_options: dict[str, Any] = {"show_toc_level": 2, "home_page_in_toc": True}
if repository():
    html_theme_options |= {
        "repository_url": repository(),
        "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def anchor(heading: str) -> str:
    """What JupyterLab makes of a heading; links in notebooks and in the glossary end in it."""
    return heading.replace(" ", "-")


CONTENTS = """
```{toctree}
:hidden:
:caption: Chapters
:glob:
notebooks/[0-9]*
notebooks/A_primer
```

```{toctree}
:hidden:
:caption: Exercises
exercises/README
exercises/INSTRUCTORS
```

```{toctree}
:hidden:
:caption: The library
minidistil/README
notebooks/site/api
data/README
data/results/README
CHANGELOG
```

```{toctree}
:hidden:
:caption: Help
notebooks/glossary
notebooks/INSTALL
notebooks/FAQ
```
"""


HIDDEN = {"outputs_hidden": "hide-output", "source_hidden": "hide-input"}  # JupyterLab's words, myst-nb's tags


def added(app: Any, name: str, source: list[str]) -> None:
    """What the pages have beyond the files: contents, the exercises' texts, collapsed answers, words for pictures."""
    if name == "README":
        source[0] += CONTENTS
    elif name == "exercises/README":
        source[0] += "\n## The files\n\n" + "".join(
            f"<details><summary>{path.name}</summary>\n\n```{{literalinclude}} {path.name}\n```\n\n</details>\n\n"
            for path in sorted((ROOT / "exercises").glob("ch*.py"))
        )
    elif name == "notebooks/site/api":
        source[0] += "".join(map(documented, minidistil.__all__))
    elif str(app.env.doc2path(name)).endswith(".ipynb"):
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            hidden = cell["metadata"].get("jupyter", {})
            tags = [tag for key, tag in HIDDEN.items() if hidden.get(key)]
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), *tags]
            for output in cell.get("outputs", []):
                if about := output.get("metadata", {}).get("image/png"):
                    cell["metadata"]["mystnb"] = {"image": {"alt": about["alt"]}}
            if tags and cell["outputs"] and cell["outputs"][0].get("data") == {}:
                del cell["outputs"][0]  # .github/hide_answers.py
        source[0] = json.dumps(notebook)


def documented(name: str) -> str:
    """The directive that documents a public name, of a class with its methods."""
    public = getattr(minidistil, name)
    kind = "module" if inspect.ismodule(public) else "class" if inspect.isclass(public) else "function"
    members = "   :members:\n   :inherited-members: Module, dict, object\n" if kind == "class" else ""
    return f"\n```{{eval-rst}}\n.. auto{kind}:: minidistil.{name}\n{members}```\n"


def first_page(app: Any, error: Exception | None) -> None:
    """Write index.html, where servers look for it; the first page is README.html."""
    if not error:
        Path(app.outdir, "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n')


def setup(app: Any) -> None:
    """Add to the pages."""
    app.connect("source-read", added)
    app.connect("build-finished", first_page)
