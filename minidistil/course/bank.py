"""The bank of misconceptions as a table for instructors, made from the code.

`python -m minidistil.course.pages` writes it anew into exercises/INSTRUCTORS.md.
"""

from collections.abc import Iterator
from pathlib import Path

from minidistil.course.chapters import chapter_keys, course_folder, read_chapter
from minidistil.course.misconceptions import misconceptions

BEGIN = "<!-- from here on made by `python -m minidistil.course.pages` -->"


def bank() -> Iterator[str]:
    """The table's lines, a chapter after the other."""
    keys = chapter_keys()
    known = {key: misconceptions(key) for key in keys}
    variants = {key: len(list((read_chapter(key).tests / "correct").glob("*.py"))) for key in keys}
    yield BEGIN
    yield ""
    yield (
        f"{sum(map(len, known.values()))} misconceptions in {len(keys)} chapters; {sum(variants.values())} whole "
        "solutions written in other ways, which all pass."
    )
    for key in keys:
        yield ""
        yield f"### {read_chapter(key).title}"
        yield ""
        yield f"{len(known[key])} misconceptions, {variants[key]} other correct solutions."
        yield ""
        yield "| exercise | misconception | what is wrong | what to look at |"
        yield "|---|---|---|---|"
        for each in known[key]:
            yield f"| `{each.exercise}` | {_cell(each.name)} | {_cell(each.what)} | {_cell(each.look)} |"


def _cell(text: str) -> str:
    """Text that stays in its cell and keeps its stars and angle brackets; code in backticks stays code."""
    if text.count("`") % 2:
        return _literal(text.replace("`", "\\`"))
    parts = text.split("`")
    return "`".join(_literal(part) if index % 2 == 0 else part.replace("|", "\\|") for index, part in enumerate(parts))


def _literal(text: str) -> str:
    for char in "|*<_":
        text = text.replace(char, "\\" + char)
    return text


def page() -> Path:
    """Where the table stands."""
    return course_folder() / "exercises" / "INSTRUCTORS.md"


def with_bank(text: str) -> str:
    """The page with the table as it is now."""
    return text.partition(BEGIN)[0] + "\n".join(bank()) + "\n"


if __name__ == "__main__":
    page().write_text(with_bank(page().read_text(encoding="utf-8")), encoding="utf-8")
