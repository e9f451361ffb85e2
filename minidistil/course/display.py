"""What an exercise cell answers: text, and in a notebook the same with hints and the solution folded below it."""

import html
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minidistil.course.chapters import Chapter


@dataclass
class Message:
    """A sentence, lines below it, and parts in HTML that are shown in a notebook only."""

    sentence: str
    lines: Sequence[str] = ()
    folded: Sequence[str] = ()

    def __repr__(self) -> str:
        return "\n".join([self.sentence.strip(), *self.lines])

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<pre style='white-space: pre-wrap'>{html.escape(line)}</pre>" for line in ["\n".join(self.lines)] if line
        )
        return f"<p>{marked(self.sentence.strip())}</p>{lines}{''.join(self.folded)}"


def folded(chapter: Chapter, name: str, solution: str | None) -> list[str]:
    """The hints of an exercise and last, if there is one, the solution, each to be opened alone."""
    hints = [details(f"Hint {number}", f"<p>{marked(hint)}</p>") for number, hint in enumerate(chapter.hints[name], 1)]
    code = f"<pre><code>{html.escape(solution or '')}</code></pre>"
    return [*hints, *([details("Solution: the course's own", code)] if solution else [])]


def details(summary: str, inside: str) -> str:
    """A part of a page that is folded below its summary, both in HTML."""
    return f"<details><summary>{summary}</summary>{inside}</details>"


def marked(text: str) -> str:
    """Text with `code` and *emphasis* in HTML."""
    plain, *rest = re.split(r"`([^`]+)`", html.escape(text, quote=False))
    codes = [f"<code>{each}</code>" for each in rest[::2]]
    plains = [re.sub(r"\*(\w[^*]*)\*", r"<em>\1</em>", each) for each in [plain, *rest[1::2]]]
    return "".join(part for pair in zip(plains, [*codes, ""], strict=True) for part in pair)


def tell(thing: Any) -> None:
    """Display it in a notebook, else print it."""
    ipython = sys.modules.get("IPython")  # what runs a notebook has loaded it
    if ipython and ipython.get_ipython():
        ipython.display.display(thing)
    else:
        print(thing)
