"""Small courses for tests."""

from pathlib import Path

CONFTEST = (Path(__file__).parents[1] / "conftest.py").read_text(encoding="utf-8")
STUB = "def join_heads(heads):\n    raise NotImplementedError\n"


def write_chapter(course: Path, name: str, stubs: str, exercises: list[str], test: str = "", bank: str = "") -> None:
    """Add a chapter, such as ch03_attention, to a course; the folder need not exist yet."""
    hints = [f"# The {name[:4]}\n", *(f"## {each}\n1. a\n2. b\n3. c\n" for each in exercises)]
    files = {
        f"exercises/hints/{name[:4]}.md": "\n".join(hints),
        f"exercises/{name}.py": stubs,
        f"tests/{name}/test_{name[5:]}.py": test,
        f"tests/{name}/misconceptions.py": bank,
        "tests/conftest.py": CONFTEST,
    }
    for file, text in files.items():
        (course / file).parent.mkdir(parents=True, exist_ok=True)
        (course / file).write_text(text, encoding="utf-8")
