"""The public names: documented and typed, also once installed; the version and its change log."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints, is_typeddict

import pytest

import minidistil
from tests.test_readme import ROOT

FUNCTIONS = [name for name in minidistil.__all__ if inspect.isfunction(getattr(minidistil, name))]
CLASSES = [
    name for name in minidistil.__all__ if inspect.isclass(kind := getattr(minidistil, name)) and not is_typeddict(kind)
]


def raises(thing: Any) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(thing)))))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_tells_its_errors_and_the_shapes_of_its_tensors(name: str) -> None:
    function = getattr(minidistil, name)
    told = inspect.getdoc(function) or ""
    assert "Raises:" in told or not raises(function)
    if re.search(r": torch\.Tensor\b", str(inspect.signature(function))):
        assert re.search(r"\([A-Z.…]", told), "no shape"


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_is_documented(name: str) -> None:
    kind = getattr(minidistil, name)
    assert inspect.getdoc(kind)
    for inner, method in inspect.getmembers(kind, inspect.isroutine):
        if inner[0] != "_" and (getattr(method, "__module__", None) or "").startswith("minidistil."):
            assert inspect.getdoc(method), inner
            if raises(method):
                assert re.search("Raises:|^As ", inspect.getdoc(method) or ""), inner


def test_a_public_module_is_documented() -> None:
    for name in minidistil.__all__:
        module = getattr(minidistil, name)
        assert not isinstance(module, ModuleType) or inspect.getdoc(module)


def test_the_version_is_semantic_and_has_its_changes() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", minidistil.__version__)
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert newest
    assert newest[1] == minidistil.__version__


def test_the_library_alone_does_not_install_the_course() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    alone = project.partition("\ndependencies = [")[2].partition("\n]")[0]
    assert not re.search("minilm|transformers|scikit|scipy|jupyter|pytest", alone)
    needed = re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    whole = project.partition("[project.scripts]")[0]  # with the extras
    brought = {"-e", "transformers", "sentence-transformers", "ruff", "mypy"}  # by another one, or not for learners
    assert not [name for name in needed if name not in brought and f'"{name}' not in whole]


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_every_argument_and_result_of_a_public_name_has_a_type_that_can_be_read(name: str) -> None:
    thing = getattr(minidistil, name)
    hints = get_type_hints(thing if inspect.isfunction(thing) else thing.__init__)
    parameters = inspect.signature(thing if inspect.isfunction(thing) else thing.__init__).parameters
    assert set(parameters) - {"self"} <= set(hints)
    assert not inspect.isfunction(thing) or "return" in hints
    get_type_hints(thing)


def test_the_types_of_results_are_public() -> None:
    """Each class of the package that a public function or model returns can be imported from `minidistil`."""
    forwards = [kind.forward for name in CLASSES if hasattr(kind := getattr(minidistil, name), "forward")]
    returned = [get_type_hints(each)["return"] for each in forwards]
    returned += [get_type_hints(getattr(minidistil, name))["return"] for name in FUNCTIONS]
    public = {getattr(minidistil, name) for name in minidistil.__all__ if name != "corpus"}
    found = {each for each in returned if getattr(each, "__module__", "").startswith("minidistil.")}
    assert minidistil.ModelOutput in found
    assert found <= public


def test_dir_and_the_public_names_are_complete() -> None:
    assert set(minidistil.__all__) <= set(dir(minidistil))
    assert minidistil.Encoder.__name__ == "BareEncoder"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = minidistil.no_such_name  # type: ignore[attr-defined]


USER = """import minidistil as md
model, tok = md.MaskedLM.from_pretrained("minilm"), md.WordPiece.from_pretrained("minilm")
reveal_type(model)
reveal_type(model(**tok.batch(["a text"])).logits)
reveal_type(md.fill_mask("A [MASK].", model, tok)[0])
reveal_type(md.fill_mask(["A [MASK]."], model, tok)[0][0])
reveal_type(md.SentenceEncoder.from_pretrained("minilm")(**tok.batch(["a text"])))
md.student_of("not a model")
"""


def test_a_type_checker_sees_the_types_of_what_is_installed(tmp_path: Path) -> None:
    """Of the files that a wheel carries, far from the source."""
    pytest.importorskip("mypy", reason="needs mypy: pip install mypy")
    for name in ("minidistil", "data"):
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", "."]
    built = subprocess.run([*pip, "./source"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    if built.returncode and "setuptools" in built.stderr:
        pytest.skip("needs setuptools 77 or newer in this environment: pip install 'setuptools>=77'")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"minidistil-{minidistil.__version__}-")
    with zipfile.ZipFile(wheel) as archive:
        assert "minidistil/py.typed" in archive.namelist()
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "minidistil").rglob("*.py")}
        assert files <= set(archive.namelist()), "a folder is missing in pyproject.toml's packages"
        archive.extractall(tmp_path / "installed")
    (tmp_path / "user.py").write_text(USER)
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "user.py"]
    environment = {"PATH": "", "MYPYPATH": str(tmp_path / "installed")}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500).stdout
    assert 'Revealed type is "minidistil.ch05_weights.heads.MaskedLM"' in told
    assert 'incompatible type "str"; expected "MaskedLM"' in told
    assert told.count("TypedDict(minidistil.ch05_weights.fillmask.Guess") == 2
    assert told.count('"torch._tensor.Tensor | Any"') == 1
    assert told.count('"torch._tensor.Tensor"') == 1
