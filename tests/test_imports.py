"""The build-up of the course shows in the imports: a file knows only its own chapter and those before it."""

import ast
import re
from pathlib import Path

import pytest

import minidistil

PACKAGE = Path(minidistil.__file__).parent
BELOW = ("arguments", "files", "source")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in BELOW)
FACES = sorted(PACKAGE.glob("ch*/__init__.py"))
ABOVE = ("parity", "runs", "bench", "course", "cli")  # what stands above the chapters, in this order


def number(module: str) -> int:
    """Where a module such as minidistil.ch03_attention.attention stands: its chapter, 0 below and 100 up above them."""
    shelf = module.split(".")[1]
    if match := re.match(r"ch(\d\d)_", shelf):
        return int(match[1])
    return 100 + ABOVE.index(shelf) if shelf in ABOVE else 0


def name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_a_file(module: str) -> bool:
    return PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py").is_file()


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, anywhere in its source."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            files = {module for module in inner if is_a_file(module)}
            found |= files if files == inner else {node.module, *files}
    return {module for module in found if module.startswith("minidistil.")}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_import_goes_up(path: Path) -> None:
    up = {module for module in imported(path) if number(module) > number(name(path))}
    assert not up, f"{name(path)} imports what comes later in the course"


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "__init__"], ids=name)
def test_files_import_files_and_not_the_faces_of_chapters(path: Path) -> None:
    assert not [module for module in imported(path) if re.fullmatch(r"minidistil\.ch\d\d_\w+", module)]


@pytest.mark.parametrize("face", FACES, ids=name)
def test_a_chapter_is_read_in_the_order_of_its_imports(face: Path) -> None:
    match = re.search(r"Read in this order: ([\w,\s]+)\.", ast.get_docstring(ast.parse(face.read_text())) or "")
    assert match, face
    order = [f"{name(face)}.{each}" for each in re.split(r",\s*", match[1])]
    assert sorted(order) == sorted(name(path) for path in face.parent.glob("*.py") if path != face)
    for place, module in enumerate(order):
        own = imported(face.parent / f"{module.rpartition('.')[2]}.py")
        assert not own & set(order[place + 1 :]), f"{module} imports a file that is read after it"


def test_a_chapter_has_one_name_on_all_shelves() -> None:
    root, names = PACKAGE.parent, [face.parent.name for face in FACES]
    assert [each[2:4] for each in names] == [f"{number:02}" for number in range(1, len(names) + 1)]
    assert [path.stem for path in sorted((root / "exercises").glob("ch*.py"))] == names
    assert [path.name for path in sorted((root / "tests").glob("ch*"))] == names
    assert {each.removeprefix("ch") for each in names} <= {path.stem for path in (root / "notebooks").glob("*.ipynb")}
