"""`@md.exercise`, the exercise cell of a notebook, and `md.pieces`, which puts what earlier chapters have to use.

What is written in a cell is checked by the chapter's own tests, in another process (see `judging`). If it is right, it
takes the place of the package's function in this kernel; if not, the package's, "the course's own", stays.

This module is part of `import minidistil`: what takes time to import is imported where it is needed.
"""

import difflib
import inspect
import linecache
import os
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

from minidistil.arguments import require_kind
from minidistil.course.cells import exercises_in, settle, write_stubs
from minidistil.course.chapters import Chapter, chapter_keys, course_folder, read_chapter
from minidistil.course.display import Message, folded, tell
from minidistil.course.judging import ask
from minidistil.course.learner import Learner, replace
from minidistil.course.stubs import definitions, is_stub, is_untouched, left_to_write, lines_of
from minidistil.files import read_small

SWITCH = "MINIDISTIL_YOURS"  # 0: the learner's own code is not put to use
_own: dict[str, dict[str, Any]] = {}  # the package's functions of each chapter, by key
_in_use: dict[str, set[str]] = {}  # the exercises of each chapter whose code is the learner's in this kernel


def exercise(thing: Any = None, *, check: bool = True, show: Callable[[Any], Any] | None = None) -> Any:
    """Check a function or class of yours and put it to use; while it is not written or not right, give the course's.

    Above a definition in a notebook cell, with the name of an exercise::

        @md.exercise
        def join_heads(heads):
            ...  # your code

    What is written is saved in exercises/, and what is written there is taken while the cell is empty.

    Args:
        thing: the function or class.
        check: whether to check and save it; `@md.exercise(check=False)` gives it back as it is.
        show: called with your function once it is right; what it returns, such as a picture, is displayed.

    Returns:
        Your function if it is right, else the course's own.

    Raises:
        TypeError: not a function or class.
        ValueError: no exercise has this name, its source is not at hand, or Python cannot read the exercises file.
    """
    if thing is None:
        return lambda each: _exercise(each, sys._getframe(1), check, show)
    return _exercise(thing, sys._getframe(1), check, show)


def pieces(key: str, yours: bool = True) -> None:
    """Put what you have written of the chapters before this one to use, where it is right, and say what it is.

    Args:
        key: this chapter, such as "ch05".
        yours: False, or the environment variable MINIDISTIL_YOURS=0: everything is the course's own.

    Raises:
        ValueError: no chapter is called so.
    """
    require_kind(str, key=key)
    if not re.fullmatch(r"ch\d\d", key):
        raise ValueError(f"{key!r} is no chapter: expected a name such as 'ch05'.")
    parts: list[str] = []
    problems: list[str] = []
    for earlier in (each for each in chapter_keys() if each < key):
        try:
            chapter = read_chapter(earlier)
            right = _right(chapter) if yours and _switched_on() else set()
            _put_to_use(chapter, chapter.path, right)
            if right:
                parts.append(f"your {chapter.name[5:].replace('_', ' ')} ({len(right)} of {len(chapter.hints)})")
        except (ValueError, FileNotFoundError) as error:
            problems.append(f"Left out: {error}")
    rest = f"{', '.join(parts)}; the rest is the course's own." if parts else "the course's own code."
    tell(Message(f"Running on {rest}", problems))


def reference(name: str) -> Any:
    """The course's own function or class for an exercise, whatever is in use; what it calls may be yours.

    Raises:
        ValueError: no exercise has this name.
    """
    require_kind(str, name=name)
    return _owned(_chapter_of(name))[name]


def _right(chapter: Chapter) -> set[str]:
    """The exercises that are right in the chapter's file, which is checked if it changed since the last time."""
    from minidistil.course.progress import states_of

    states, _ = states_of(chapter)
    if "not checked" in states.values():
        answer = ask(chapter.key, chapter.path)
        if "error" in answer:
            raise ValueError(answer["error"])
        states = answer["states"]
    return {name for name, state in states.items() if state == "passed"}


# --- One cell ---


def _exercise(thing: Any, frame: FrameType, check: bool, show: Callable[[Any], Any] | None) -> Any:
    if not isinstance(thing, FunctionType | type) or thing.__name__ == "<lambda>":
        raise TypeError(f"{thing!r} is no exercise: expected @md.exercise above a `def` or `class` with its name.")
    from minidistil.course.progress import remember_one, states_of

    name = thing.__name__
    chapter = _chapter_of(name)
    own = _owned(chapter)[name]
    source = _source(name, frame)
    if not check:
        tell(Message(f"{name} is not checked and not saved: this notebook uses it as it is here."))
        return thing
    lacking = is_stub(definitions(_source_of(own))[name])  # in a copy of the course without solutions
    hints = folded(chapter, name, None if lacking else _source_of(own))
    states = states_of(chapter)[0]
    node = definitions(source)[name]
    left = left_to_write(node, definitions(chapter.path.read_bytes()).get(name))
    written = None if is_untouched(node) or left else source
    path, said = settle(chapter, name, written) if written or _switched_on() else (None, "")
    if path is None:
        _swap(chapter, {name: own})
        use = "this copy of the course has no solution of it" if lacking else "the course's own is in use"
        state = f"begun; still to write: {', '.join(left)}. Until then" if left else "not written yet:"
        tell(Message(f"{name} is {state} {use}. Hints: minidistil hint {chapter.key} 1 {name}", "", hints))
        return own
    others = _in_use.get(chapter.key, set()) - {name}
    answer = ask(chapter.key, path, sorted(chapter.hints.keys() - others - {name}))
    lines = [answer["error"]] if "error" in answer else answer["lines"][name] or answer["together"]
    state = "failed" if lines else answer["states"][name]
    if path == chapter.path:
        remember_one(chapter, states, name, state)
    if state == "passed":
        _put_to_use(chapter, path, others | {name})
        yours = chapter.solutions()[name]
        tell(Message(f"{name} passes: from here on, yours is in use. {said}", _example(yours, own), hints[-1:]))
        if show is not None:
            tell(show(yours))
        return yours
    _swap(chapter, {name: own})
    tell(Message(f"{name} is not right yet: the course's own stays in use. {said}", lines, hints))
    return own


def _example(function: Any, own: Any) -> list[str]:
    """The worked example of its docstring or, where that is gone, of the package's, with what the function answers."""
    import doctest

    told: list[str] = []

    class Told(doctest.DocTestRunner):
        def report_start(self, out: Any, test: Any, example: Any) -> None:
            pass

        def report_success(self, out: Any, test: Any, example: Any, got: str) -> None:
            told.extend([f">>> {example.source}".rstrip(), *filter(None, [got.rstrip()])])

        report_failure = report_success  # it passes: only digits or spaces differ, as torch prints them here

    code = next(filter(inspect.isfunction, vars(function).values())) if isinstance(function, type) else function
    text = next((each.__doc__ for each in (function, own) if ">>>" in (each.__doc__ or "")), "")
    names = vars(sys.modules[own.__module__]) | code.__globals__
    test = doctest.DocTestParser().get_doctest(text, names, "", None, None)
    Told(verbose=False).run(test, out=len)
    return told


def _chapter_of(name: str) -> Chapter:
    names: dict[str, str] = {}
    for key in chapter_keys():
        text = read_small(course_folder() / "exercises" / "hints" / f"{key}.md")
        names |= dict.fromkeys(re.findall(r"^## (\w+)", text, flags=re.M), key)
    if name not in names:
        near = difflib.get_close_matches(name, names) or list(names)[:3]
        raise ValueError(f"{name} is no exercise: expected the name of one, such as {', '.join(near)}.")
    if list((course_folder() / "exercises").glob(f"{names[name]}_*.py")):
        return read_chapter(names[name])
    write_stubs(names[name], [each for each, key in names.items() if key == names[name]])
    chapter = read_chapter(names[name])
    tell(
        Message(
            f"exercises/{chapter.path.name} was missing and is made anew, with nothing written in it: run the other "
            "exercise cells again as well, so that it gets what you wrote in them."
        )
    )
    return chapter


def _source(name: str, frame: FrameType) -> str:
    """The text of the definition that is being run."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    for node, text in reversed(exercises_in("".join(lines))):
        if node.name == name and lines_of(node).start < frame.f_lineno <= (node.end_lineno or 0):
            return text
    raise ValueError(
        f"The source of {name} is not at hand: expected @md.exercise above a `def` or `class` in a Python file, or in "
        "a notebook cell without a line such as %%time."
    )


def _source_of(own: Any) -> str:
    return textwrap.dedent(inspect.getsource(own))


# --- Whose code is in use ---


def _owned(chapter: Chapter) -> dict[str, Any]:
    """The package's own functions and classes of a chapter."""
    return _own.setdefault(chapter.key, chapter.solutions())


def _switched_on() -> bool:
    return os.environ.get(SWITCH) != "0"


def _put_to_use(chapter: Chapter, path: Path, names: set[str]) -> None:
    """Let these exercises of a chapter be the learner's, from this file, and the others the course's own."""
    functions = dict(_owned(chapter))
    if names:
        learner = Learner(chapter, path)
        functions |= {name: learner.functions[name] for name in names}
        learner.namespace.update(functions)  # what the learner's code calls
    _swap(chapter, functions)


def _swap(chapter: Chapter, functions: dict[str, Any]) -> None:
    """Put these in the place of what is in use, in the package and in the notebook."""
    before, notebook = chapter.solutions(), vars(sys.modules["__main__"])
    for name, function in functions.items():
        replace(before[name], name, function)
        if notebook.get(name) is before[name]:
            notebook[name] = function
    own = _owned(chapter)
    _in_use[chapter.key] = {name for name, function in chapter.solutions().items() if function is not own[name]}
