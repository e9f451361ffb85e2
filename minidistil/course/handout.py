"""`minidistil handout`: a copy of the course for students, without the solutions of some chapters.

For these chapters the copy leaves out the solutions in the package (the stubs take their place) with the private
helpers that nothing else uses, the misconceptions and the correct solutions in tests/, and outputs of notebooks that
show the code; for all chapters the page and the tests for instructors, and the history of the repository. What the
learner writes in exercises/ takes the place of the stubs whenever the package is imported, so that later chapters and
the notebooks run on it.
"""

import ast
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from minidistil.course.chapters import Chapter, chapter_keys, course_folder, read_chapter
from minidistil.course.stubs import definitions, is_stub, lines_of

COPIED = (
    "README.md", "LICENSE", "requirements.txt", "pyproject.toml", "minidistil", "notebooks", "exercises", "tests",
    "data",
)  # fmt: skip
LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", "*.egg-info", "one_page.py", "test_one_page.py")  # all solutions
FOR_INSTRUCTORS = ("exercises/INSTRUCTORS.md", "tests/course")
_TO_INSTRUCTORS = re.compile(r"[^.\n]*\[[^]\n]*\]\([\w/]*INSTRUCTORS\.md\)\)?\.")  # a sentence with that link


def handout(folder: Path, keys: Sequence[str] = ()) -> dict[str, list[str]]:
    """Write the copy, all of it or nothing.

    Args:
        folder: where to write it; it must not exist yet.
        keys: the chapters whose solutions are left out; by default all.

    Returns:
        For each changed module of the package the names whose code is left out.

    Raises:
        ValueError: no such chapter, a folder that exists or lies in the course, or exercises that are solved.
    """
    course = course_folder()
    chapters = [read_chapter(key) for key in keys or chapter_keys()]
    if folder.exists() or folder.resolve().is_relative_to(course.resolve()):
        raise ValueError(f"{folder} exists already or lies in the course: expected a new folder outside of it.")
    for chapter in chapters:
        _require_stubs(chapter)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _copy(course, part, chapters)
        withheld: dict[str, list[str]] = {}
        for chapter in chapters:
            for module, names in _homes(chapter).items():
                withheld.setdefault(module, []).extend(_withhold(part, chapter, module, names))
        _hide_outputs(part / "notebooks", [name for names in withheld.values() for name in names])
        _tell(part, chapters)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return withheld


def _require_stubs(chapter: Chapter) -> None:
    found = definitions(chapter.path.read_text(encoding="utf-8"))
    solved = [name for name in chapter.hints if name not in found or not is_stub(found[name])]
    if solved:
        raise ValueError(
            f"{chapter.path.name} has no stub for {solved[0]}, which is solved or missing: save your solutions "
            f"elsewhere and restore the stubs with `git checkout exercises/{chapter.path.name}`."
        )


def without_solutions(folder: Path, key: str) -> None:
    """What a submission needs in order to be graded, without the solutions of its chapter: no notebooks and no data.

    Raises:
        ValueError: the exercises in the course are solved.
    """
    course, chapter = course_folder(), read_chapter(key)
    _require_stubs(chapter)
    _copy(course, folder, [chapter], ("exercises", "tests"))
    shutil.copytree(Path(__file__).parents[1], folder / "minidistil", ignore=shutil.ignore_patterns(*LEFT_OUT))
    for module, names in _homes(chapter).items():
        _withhold(folder, chapter, module, names)


def _copy(course: Path, part: Path, chapters: Sequence[Chapter], copied: Sequence[str] = COPIED) -> None:
    withheld = [chapter.tests / name for chapter in chapters for name in ("misconceptions.py", "correct")]
    withheld += [course / name for name in FOR_INSTRUCTORS]

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = {path.name for path in withheld if path.parent == Path(folder)}
        return here | shutil.ignore_patterns(*LEFT_OUT)(folder, names)

    part.mkdir(parents=True, exist_ok=True)
    for name in copied:
        if (course / name).is_dir():
            shutil.copytree(course / name, part / name, ignore=left_out)
        elif (course / name).is_file():
            shutil.copy2(course / name, part / name)


def _homes(chapter: Chapter) -> dict[str, list[str]]:
    """The exercises of each module that defines some."""
    homes: dict[str, list[str]] = {}
    for name, own in chapter.solutions().items():
        homes.setdefault(own.__module__, []).append(name)
    return homes


def _withhold(part: Path, chapter: Chapter, module: str, names: list[str]) -> list[str]:
    """Put the stubs of a chapter into a module of the copy; returns the names whose code is left out."""
    stubs_text = chapter.path.read_text(encoding="utf-8")
    stubs, stub_lines = definitions(stubs_text), stubs_text.splitlines()
    path = part / Path(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    solved, lines = definitions(text), text.splitlines()
    helpers = _helpers(text, set(names))
    for name in sorted([*names, *helpers], key=lambda each: -solved[each].lineno):  # the last one first
        place = lines_of(solved[name])
        lines[place] = stub_lines[lines_of(stubs[name])] if name in names else []
    path.write_text(re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).rstrip() + "\n", encoding="utf-8")
    return names + helpers


def _helpers(text: str, names: set[str]) -> list[str]:
    """Private functions of a module that only these definitions and each other use."""
    tree = ast.parse(text)
    users = [(getattr(node, "name", None), set(_names_in(node))) for node in tree.body]
    gone: set[str] = set()
    while True:
        more = {
            name
            for name in definitions(text)
            if name.startswith("_") and name not in gone
            and all(user in names | gone or user == name or name not in used for user, used in users)
        }  # fmt: skip
        if not more:
            return sorted(gone)
        gone |= more


def _names_in(node: ast.AST) -> Iterator[str]:
    return (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _hide_outputs(folder: Path, names: Sequence[str]) -> None:
    """Delete the outputs of notebooks that show or fold solutions; run again, they have the stubs instead."""
    any_name = rf"({'|'.join(map(re.escape, names))})\b"
    shown = re.compile(rf"\bone_page\b|\bshow\([^)]*\b{any_name}|\bexercise\b.*\n(def|class) {any_name}")
    for path in folder.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if shown.search("".join(cell["source"])) and "outputs" in cell:
                cell["outputs"] = []
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tell(part: Path, chapters: Sequence[Chapter]) -> None:
    """Say in the copy what it is, delete links to what it lacks, and let the learner's code take the stubs' place."""
    for page in (part / "README.md", part / "exercises" / "README.md"):
        page.write_text(_TO_INSTRUCTORS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    keys = [chapter.key for chapter in chapters]
    readme = part / "README.md"
    title, _, rest = readme.read_text(encoding="utf-8").partition("\n")
    note = (
        f"> A copy for students, without the solutions of {', '.join(keys)}. What you write in `exercises/` takes "
        f"their place: when `minidistil check {keys[0]}` passes, the package, its notebooks and later chapters run on "
        "your code. Run `minidistil check` and `minidistil progress` instead of all tests: they say what is left to do."
    )
    readme.write_text(f"{title}\n\n{note}\n{rest}", encoding="utf-8")
    with (part / "minidistil" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(f"""
# A copy without solutions: what you write in exercises/ takes the place of the stubs.
from minidistil.course.learner import take_yours  # noqa: E402

take_yours({", ".join(f'"{key}"' for key in keys)})
""")
