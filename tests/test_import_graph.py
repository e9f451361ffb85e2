"""The README's drawing of the package is that of the code: `python -m tests.test_import_graph` draws it anew.

A node is a chapter of the README's table with its modules; an arrow goes from what is imported to what imports it. An
arrow that follows from others is left out.
"""

import re
from pathlib import Path

from tests.test_imports import ORDER, imported

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- drawn by `python -m tests.test_import_graph` -->", "<!-- end of the drawing -->"
ROW = re.compile(r"^\| (?:\[(\d+ [^\]]+)\]\(\S+\)|(\d+ [^|]+?)) \| ([^|]*) \|", flags=re.M)


def chapters(readme: str) -> dict[str, list[str]]:
    """The modules of each node: those that come before the first chapter, the chapters, and all others."""
    rows = {linked or bare: re.findall(r"\[(\w+)\]\(minidistil/", cell) for linked, bare, cell in ROW.findall(readme)}
    listed = [module for modules in rows.values() for module in modules]
    ground = ORDER[: ORDER.index(listed[0])]
    nodes = {"Where things lie": list(ground)}
    nodes |= {title: [module for module in modules if module not in ground] for title, modules in rows.items()}
    nodes["Put to work"] = [module for module in ORDER if module not in listed and module not in ground]
    return {title: modules for title, modules in nodes.items() if modules}


def arrows(nodes: dict[str, list[str]]) -> list[tuple[int, int]]:
    """(imported, importing) node, without those that a longer way makes needless."""
    home = {module: number for number, modules in enumerate(nodes.values()) for module in modules}
    direct = {(home[other], home[module]) for module in home for other in imported(module) if other in home}
    direct = {(start, end) for start, end in direct if start != end}
    reached = set(direct)
    for middle in range(len(nodes)):  # all ways, longer and longer
        reached |= {(a, d) for a, b in reached if b == middle for c, d in reached if c == middle}
    names = list(nodes)
    up = [f"{names[end]} imports of {names[start]}" for start, end in direct if start > end]
    assert not up, f"{up}: does the README's table list all modules of these chapters?"
    return sorted(
        (start, end) for start, end in direct
        if not any((start, other) in reached and (other, end) in reached for other in range(len(nodes)))
    )  # fmt: skip


def drawing(readme: str) -> str:
    """In Mermaid, which GitHub and JupyterLab show as a picture."""
    nodes = chapters(readme)
    lines = [f'    n{number}["<b>{title}</b><br>{"<br>".join(modules)}"]' if len(modules) < 8 else
             f'    n{number}["<b>{title}</b><br>{_in_threes(modules)}"]'
             for number, (title, modules) in enumerate(nodes.items())]  # fmt: skip
    lines += [f"    n{start} --> n{end}" for start, end in arrows(nodes)]
    return "\n".join([BEGIN, "", "```mermaid", "flowchart LR", *lines, "```", "", END])


def _in_threes(modules: list[str]) -> str:
    return "<br>".join(", ".join(modules[start : start + 3]) for start in range(0, len(modules), 3))


def redrawn(readme: str) -> str:
    before, _, rest = readme.partition(BEGIN)
    return before + drawing(readme) + rest.partition(END)[2]


def test_the_drawing_is_that_of_the_code() -> None:
    readme = README.read_text(encoding="utf-8")
    assert BEGIN in readme
    assert END in readme
    assert readme == redrawn(readme), "run `python -m tests.test_import_graph`"


def test_every_module_is_drawn_once_and_ways_that_follow_are_left_out() -> None:
    nodes = chapters(README.read_text(encoding="utf-8"))
    drawn = [module for modules in nodes.values() for module in modules]
    assert sorted(drawn) == sorted(ORDER)
    assert len(arrows(nodes)) < len(nodes) * 3


if __name__ == "__main__":
    README.write_text(redrawn(README.read_text(encoding="utf-8")), encoding="utf-8")
