"""The build-up of the course shows in the imports: a module knows only those that come before it."""

import ast
from pathlib import Path

import pytest

import minidistil

PACKAGE = Path(minidistil.__file__).parent

# In the order of the chapters; the files of a line may come in one chapter, in this order.
ORDER = (
    *("files", "hub", "official"),  # where things lie, needed by all
    *("source", "characters", "words", "vocabulary", "tokenizer_json", "wordpiece"),  # 1
    *("docstrings", "streams", "inputs", "batches", "corpus", "masking"),  # 2
    *("attention",),  # 3
    *("config", "encoder"),  # 4
    *("names", "weights", "heads", "classifiers", "question_answering", "fillmask"),  # 5
    *("losses", "laboratory"),  # 6
    *("student",),  # 7
    *("settings", "schedule", "parallel", "checkpoints", "microbatches", "prefetch", "objectives"),  # 8
    *("machine", "operations", "training", "trial"),  # 8
    *("teacher",),  # 8
    *("metrics", "evaluation", "speed"),  # 9
    *("task_metrics", "tasks", "glue", "samples", "windows", "answers", "squad", "conll", "imdb"),  # 10
    *("quantisation", "int8", "profiling", "export"),  # 11
    *("uncertainty", "bias"),  # 12
    *("plots", "report", "runfolder", "workshop", "runs", "finetune", "peers", "parity", "doctor"),  # all put to work
    *("ablation",),  # 9, many of chapter 8's runs
    *("stubs", "exercises", "check"),  # for learners
    *("bench", "estimate"),
    *(
        "yours",
        "progress",
        "graduate",
        "handout",
        "sandbox",
        "grade",
        "instructors",
        "api",
        "commands",
        "downstream",
        "probing",
        "smaller",
        "coursework",
        "flags",
        "cli",
    ),  # for a class
)


def imported(module: str) -> set[str]:
    """Modules of the package that a module imports, anywhere in its source."""
    paths = [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").is_file() else (PACKAGE / module).glob("*.py")
    found = set()
    for node in (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.ImportFrom) and node.module == "minidistil":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minidistil."):
            found.add(str(node.module).removeprefix("minidistil.").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("minidistil.")}
    return found - {"__version__", module}


def test_every_module_has_its_place() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    modules |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert modules == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_no_import_goes_up(module: str) -> None:
    later = set(ORDER[ORDER.index(module) :])
    assert not imported(module) & later, f"{module} imports modules that come later in the course"
