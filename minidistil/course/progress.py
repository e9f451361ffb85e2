"""`minidistil progress` and `minidistil hint`: what is written, what is right, and help with the next exercise.

`check` stores its verdict on a chapter's own file in the cache folder, with the file's hash: it is valid as long as the
file does not change.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from minidistil.course.chapters import HINTS, Chapter, chapter_keys, read_chapter
from minidistil.course.check import check
from minidistil.course.questions import answers
from minidistil.course.stubs import unwritten
from minidistil.course.verdict import Verdict
from minidistil.files import cache_folder, sha256, write_atomically

LEGEND = "# passes   x not right yet   o written, not checked   . not written"
_MARKS = {"passed": "#", "failed": "x", "borrowed": "x", "not written": ".", "not checked": "o"}


def remember(verdict: Verdict) -> None:
    """Store a verdict on a chapter's own file; one on another file (`check --file`) is not stored."""
    if verdict.path != verdict.chapter.path.resolve():
        return
    _store(verdict.chapter, {result.name: result.state for result in verdict.results}, verdict.passed)


def remember_one(chapter: Chapter, states: dict[str, str], name: str, state: str) -> None:
    """Store the verdict on one exercise of a chapter's own file, beside those from before the file changed."""
    known = {each: was for each, was in states.items() if was != "not checked"} | {name: state}
    _store(chapter, known, all(known.get(each) == "passed" for each in chapter.hints))


def _store(chapter: Chapter, states: dict[str, str], passed: bool) -> None:
    record = json.dumps({"file": sha256(chapter.path), "states": states, "passed": passed})
    write_atomically(_place(chapter), lambda part: part.write_text(record, encoding="utf-8"), optional=True)


def progress(check_again: bool = False) -> Iterator[str]:
    """The map, a line for each chapter; with `check_again`, chapters are checked that changed since the last time."""
    chapters = [read_chapter(key) for key in chapter_keys()]
    width = max(len(chapter.title) for chapter in chapters)
    longest = max(len(chapter.hints) for chapter in chapters)
    done = 0
    for chapter in chapters:
        try:
            states, passed = states_of(chapter, check_again)
        except ValueError as error:
            yield f"{chapter.key}  {chapter.title:<{width}}  {'?' * len(chapter.hints):<{longest}}  {error}"
            continue
        done += passed
        marks = "".join(_MARKS[state] for state in states.values())
        words = _words(chapter, states, passed) + _questions(chapter)
        yield f"{chapter.key}  {chapter.title:<{width}}  {marks:<{longest}}  {words}"
    yield LEGEND
    yield f"{done} of {len(chapters)} chapters done."


def hint(key: str, number: int = 1, name: str | None = None) -> str:
    """Hint `number` of a chapter's exercise; by default of the first one that is not written yet, else not right yet.

    Raises:
        ValueError: no such chapter, exercise or number, or Python cannot read the learner's file.
    """
    chapter = read_chapter(key)
    if name is not None and name not in chapter.hints:
        raise ValueError(f"{chapter.key} has no exercise {name!r}: expected one of {', '.join(chapter.hints)}.")
    if not 1 <= number <= HINTS:
        raise ValueError(f"There is no hint {number}: each exercise has hints 1 to {HINTS}.")
    if name is None:
        absent = unwritten(chapter.path)
        states = {} if absent else states_of(chapter, check_again=True)[0]
        name = next((each for each in chapter.hints if each in absent or states.get(each, "passed") != "passed"), None)
    if name is None:
        raise ValueError(
            f"All exercises of {chapter.key} are right: name the one you mean, {', '.join(chapter.hints)}."
        )
    more = f"\nOne more: minidistil hint {chapter.key} {number + 1} {name}" if number < HINTS else ""
    return f"{name}, hint {number} of {HINTS}: {chapter.hints[name][number - 1]}{more}"


def states_of(chapter: Chapter, check_again: bool = False) -> tuple[dict[str, str], bool]:
    """The state of each exercise, and whether the whole chapter passes; with `check_again` it is checked if it changed.

    Raises:
        ValueError: Python cannot read the chapter's file.
    """
    absent = unwritten(chapter.path)
    written = [name for name in chapter.hints if name not in absent]
    record = _recall(chapter)
    if not record and written and check_again:
        remember(check(chapter.key))
        record = _recall(chapter)
    known = record.get("states", {})
    unknown = {name: "not checked" if name in written else "not written" for name in chapter.hints}
    return {name: known.get(name, unknown[name]) for name in unknown}, record.get("passed", False)


def _words(chapter: Chapter, states: dict[str, str], passed: bool) -> str:
    total, values = len(states), list(states.values())
    if passed:
        return f"done: {total} of {total} pass"
    if values.count("not written") == total:
        return f"not begun: {chapter.path.parent.name}/{chapter.path.name}"
    if "not checked" in values:
        return f"{total - values.count('not written')} of {total} written; next: minidistil check {chapter.key}"
    following = next((name for name, state in states.items() if state != "passed"), "all of them together")
    return f"{values.count('passed')} of {total} pass; next: {following}"


def _questions(chapter: Chapter) -> str:
    right, asked = answers(chapter.key)
    return f"; questions: {right} of {asked}" if asked else ""


def _recall(chapter: Chapter) -> dict:
    """The last verdict on the chapter's file as it is now, or {}."""
    try:
        record = json.loads(_place(chapter).read_text(encoding="utf-8"))
        return record if record["file"] == sha256(chapter.path) else {}
    except (OSError, ValueError, KeyError, TypeError):  # there is none yet, or the file holds something else
        return {}


def _place(chapter: Chapter) -> Path:
    return cache_folder() / "verdicts" / f"{chapter.key}.json"
