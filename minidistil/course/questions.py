"""Questions to click: `md.predict` before a cell that answers it, `md.quiz` at the end of a chapter's core path.

In a notebook the choices are buttons, and each is explained once it is chosen; in a page they fold out, and elsewhere
they are text. The questions of a chapter's quiz lie in exercises/questions/ch03.md:

    ## Why are the scores divided by the square root of K?
    - [ ] So that the weights sum to 1.
      The softmax does that, whatever its input.
    - [x] So that their spread does not grow with K.
      The sum of K products of independent numbers with variance 1 has variance K.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minidistil.arguments import require_kind
from minidistil.course.chapters import course_folder, read_chapter
from minidistil.course.display import details, marked
from minidistil.files import cache_folder, write_atomically


@dataclass(frozen=True)
class Choice:
    """A possible answer and what is to be said about it."""

    text: str
    explanation: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question with its choices, of which one is right."""

    question: str
    choices: Sequence[Choice]


class Quiz:
    """Questions as a notebook shows them; `answered` is called with each question that was answered rightly."""

    def __init__(self, questions: Sequence[Question], answered: Callable[[Question], None] = lambda _: None) -> None:
        self.questions: Sequence[Question] = questions
        self.answered: Callable[[Question], None] = answered

    def __repr__(self) -> str:
        return "\n\n".join("\n".join([q.question, *(f"  ( ) {c.text}" for c in q.choices)]) for q in self.questions)

    def _repr_html_(self) -> str:
        return "<br>".join(  # which sets each question apart from the choices before it
            f"<p><strong>{marked(q.question)}</strong></p>"
            + "".join(details(marked(c.text), f"<p>{_verdict(c)}</p>") for c in q.choices)
            for q in self.questions
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.widget()._repr_mimebundle_() | {"text/plain": repr(self), "text/html": self._repr_html_()}

    def widget(self) -> Any:
        """The questions with a button for each choice."""
        import ipywidgets

        return ipywidgets.VBox([self._asked(question) for question in self.questions])

    def _asked(self, question: Question) -> Any:
        import ipywidgets

        rows = [ipywidgets.HTML(f"<strong>{marked(question.question)}</strong>")]
        for choice in question.choices:
            # A button's own text can be neither marked up nor wrapped: it stands beside it.
            button = ipywidgets.Button(icon="circle-o", layout={"flex": "0 0 40px"}, tooltip=choice.text)
            words, told = ipywidgets.HTML(marked(choice.text)), ipywidgets.HTML()

            def chosen(button: Any, choice: Choice = choice, told: Any = told) -> None:
                told.value = _verdict(choice)
                button.icon = "check" if choice.right else "times"
                button.button_style = "success" if choice.right else "warning"
                if choice.right:
                    self.answered(question)

            button.on_click(chosen)
            rows += [ipywidgets.HBox([button, ipywidgets.VBox([words, told])])]
        return ipywidgets.VBox(rows, layout={"margin": "0 0 1em 0"})


def predict(question: str, choices: Mapping[str, str], answer: str) -> Quiz:
    """A question to answer before the next cell does.

    Args:
        question: what is asked.
        choices: for each possible answer what is to be said about it, right or wrong.
        answer: the right one.

    Raises:
        ValueError: fewer than two choices, or the answer is none of them.
    """
    require_kind(Mapping, choices=choices)
    if len(choices) < 2 or answer not in choices:
        raise ValueError(f"expected at least two choices with the answer among them, got {answer!r} of {[*choices]}.")
    return Quiz([Question(question, [Choice(text, why, text == answer) for text, why in choices.items()])])


def quiz(chapter: str) -> Quiz:
    """The questions of a chapter, such as "ch03"; what is answered rightly counts in `minidistil progress`.

    Raises:
        ValueError: there is no such chapter, or the file of its questions cannot be read.
        FileNotFoundError: it has no questions.
    """
    key = read_chapter(chapter).key
    questions = read_questions(key)

    def answered(question: Question) -> None:
        known = sorted({question.question, *_answered(key)})
        write_atomically(_place(key), lambda part: part.write_text(json.dumps(known), encoding="utf-8"), optional=True)

    return Quiz(questions, answered)


def read_questions(key: str) -> list[Question]:
    """The questions in exercises/questions/ of a chapter's key, such as ch03.

    Raises:
        ValueError: a question does not have two choices or more, of which one is right, each with an explanation.
        FileNotFoundError: there is no such file.
    """
    path = course_folder() / "exercises" / "questions" / f"{key}.md"
    questions = []
    for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        question, *choices = re.split(r"^- \[(?=[ x]\])", part, flags=re.M)
        found = [_choice(text) for text in choices]
        if len(found) < 2 or sum(choice.right for choice in found) != 1 or not all(c.explanation for c in found):
            raise ValueError(
                f"{path}, question {question.strip()!r}: expected two choices or more, `- [ ] …`, one of them right, "
                "`- [x] …`, each with an explanation in the lines below."
            )
        questions.append(Question(" ".join(question.split()), found))
    return questions


def answers(key: str) -> tuple[int, int]:
    """How many of a chapter's questions were answered rightly, and how many there are."""
    try:
        asked = {question.question for question in read_questions(key)}
    except FileNotFoundError:
        return 0, 0
    return len(asked & set(_answered(key))), len(asked)


def _choice(text: str) -> Choice:
    first, _, explanation = text[3:].strip().partition("\n")
    return Choice(first, " ".join(explanation.split()), text.startswith("x"))


def _verdict(choice: Choice) -> str:
    return f"<em>{'Right' if choice.right else 'No'}.</em> {marked(choice.explanation)}"


def _answered(key: str) -> list[str]:
    try:
        return [str(each) for each in json.loads(_place(key).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):  # there is none yet, or the file holds something else
        return []


def _place(key: str) -> Any:
    return cache_folder() / "answers" / f"{key}.json"
