"""`minidistil clinic`: recorded distillations in which one thing is wrong, to be found from the record.

The record of a run is free: its curves, its guesses, beside those of healthy runs. A test costs a point, a wrong
diagnosis two; what is said against a wrong one is read from the records of that fault, never written by hand. The
records are made by `python -m minidistil.runs.patients`, the faults are in `minidistil.runs.faults`.
"""

import functools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from minidistil.files import data_folder, read_small
from minidistil.runs.faults import FAULTS

HEALTHY, POINTS, TEST_COSTS, ERROR_COSTS = "healthy", 10, 1, 2
BARS = "▁▂▃▄▅▆▇█"
CURVES = {
    "loss": "loss", "ce": "L_ce", "mlm": "L_mlm", "cos": "L_cos", "gradient_norm": "gradient norm",
    "learning_rate": "learning rate",
}  # fmt: skip
TESTS = {  # what can be asked for, and the figures that it gives
    "masks": {
        "hidden": "hidden tokens, as a share of all",
        "shown_as_mask": "of these, shown as [MASK]",
        "special_hidden": "of these, [CLS] and [SEP]",
        "label_is_original": "labels that are the hidden token",
    },
    "padding": {
        "counted": "positions that the losses count, over real tokens",
        "padding_leak": "change of a text's hidden states beside a longer text",
    },
    "order": {
        "new_sequences": "different sequences, as a share of all that could have been read",
        "length_trend": "correlation of a batch's length with its number",
    },
    "formulas": {
        "ce_ratio": "L_ce as logged, over its formula in float64",
        "mlm_ratio": "L_mlm likewise",
        "cos_ratio": "L_cos likewise",
        "total_ratio": "loss as logged, over 5 L_ce + 2 L_mlm + 1 L_cos as logged",
    },
    "weights": {
        "moved": "distance of all weights from the start, over their norm",
        "layers_moved": "that of the layers",
        "words_moved": "that of the word embeddings",
        "untied": "difference of the head's matrix from the word embeddings",
    },
    "teacher": {
        "teacher_moved": "distance of the teacher's weights from the start",
        "teacher_twice": "difference of its hidden states when asked twice",
        "teacher_accuracy": "its masked accuracy on held-out text",
    },
    "student": {
        "student_twice": "difference of the student's hidden states in two training passes",
        "entropy_ratio": "entropy of its guesses, over that of its teacher's",
        "accuracy": "its masked accuracy on held-out text",
        "hidden_cosine": "cosine of its hidden states with its teacher's",
    },
    "start": {
        "start_accuracy": "masked accuracy before the first step",
        "start_cosine": "cosine with the teacher's hidden states before the first step",
    },
    "arithmetic": {
        "coarse": "share of the hidden states that fit in bf16 exactly",
        "second_gradient": "gradient norm of the same batch a second time, over the first",
        "last_rate": "learning rate of the last step, over the highest",
    },
}
WORDS = {name: words for test in TESTS.values() for name, words in test.items()}


@functools.cache
def records() -> dict[str, list[dict[str, Any]]]:
    """The runs of each fault, and the healthy ones, one for each seed.

    Raises:
        ValueError: their file is damaged.
    """
    path, found = data_folder() / "clinic.json", dict[str, list[dict[str, Any]]]()
    try:
        for run in json.loads(read_small(path))["runs"]:
            found.setdefault(run["fault"], []).append(run)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): reinstall the project.") from error
    return found


def apart(some: list[float], others: list[float]) -> bool:
    """Whether the values of two groups of runs differ by more than those of either among themselves.

    >>> apart([1.0, 1.1], [1.3, 1.4]), apart([1.0, 1.1], [1.15, 1.4])
    (True, False)
    """
    gap = max(min(some) - max(others), min(others) - max(some))
    size = max(map(abs, [*some, *others]))
    return gap > max(max(some) - min(some), max(others) - min(others), 1e-3 * size)


def values(fault: str, name: str) -> list[float]:
    """A figure of all runs of a fault."""
    return [run["figures"][name] for run in records()[fault]]


@functools.cache
def admitted() -> list[str]:
    """The faults that are offered: each differs from the healthy runs in its mark, by more than seeds do."""
    whole = [key for key in FAULTS if len(records().get(key, [])) == len(records()[HEALTHY])]
    return [key for key in whole if apart(values(key, FAULTS[key].mark), values(HEALTHY, FAULTS[key].mark))]


class Case:
    """One run to be diagnosed.

    Args:
        number: from 1 to the number of cases.

    Raises:
        ValueError: there is no such case.
    """

    def __init__(self, number: int):
        keys = sorted(admitted(), key=lambda key: random.Random(key).random())  # an order that tells nothing
        if not 1 <= number <= len(keys):
            raise ValueError(f"There is no case {number}: expected a number from 1 to {len(keys)}.")
        self.number: int = number
        self.fault: str = keys[number - 1]
        self.run: dict[str, Any] = records()[self.fault][number % 3]
        self.points: int = POINTS
        self.found: bool = False

    def record(self) -> Iterator[str]:
        """What may be seen for nothing: curves and guesses, beside a healthy run's."""
        healthy = records()[HEALTHY][0]
        yield f"Case {self.number}. Four layers taught two, 64 wide, {self.run['log'][-1]['step']} steps."
        yield f"{'':<15}{'this run: first, last':<49}healthy: last"
        for name, words in CURVES.items():
            line = [entry[name] for entry in self.run["log"]]
            yield f"{words:<15}{line[0]:>9.4g} {bars(line):<25} {line[-1]:>9.4g}   {healthy['log'][-1][name]:>9.4g}"
        for text, guesses in self.run["guesses"].items():
            yield f"{text}  {', '.join(guesses)}  (healthy: {', '.join(healthy['guesses'][text])})"

    def test(self, name: str) -> Iterator[str]:
        """The figures of a test, for a point, beside the range of the healthy runs.

        Raises:
            ValueError: there is no such test.
        """
        if name not in TESTS:
            raise ValueError(f"There is no test {name!r}: expected one of {', '.join(TESTS)}.")
        self.points -= TEST_COSTS
        if name == "masks":
            yield from table(self.run["row"])
        for figure, words in TESTS[name].items():
            healthy = values(HEALTHY, figure)
            here = self.run["figures"][figure]
            yield f"{words}: {here:.4g}  (healthy: {min(healthy):.4g} to {max(healthy):.4g})"

    def diagnose(self, key: str) -> str:
        """Whether this fault is it; if not, the figure that speaks against it, for two points.

        Raises:
            ValueError: there is no such fault.
        """
        if key not in admitted():
            raise ValueError(f"There is no fault {key!r}: expected one of {', '.join(admitted())}.")
        fault = FAULTS[key]
        if key == self.fault:
            self.found = True
            return f"Yes, {fault.says}. {fault.why} What was replaced: {fault.piece}."
        self.points -= ERROR_COSTS
        figure = against(self.run, key)
        seen = values(key, figure)
        return (
            f"It cannot be that {fault.says}: then this would be {min(seen):.4g} to {max(seen):.4g}, and it is "
            f"{self.run['figures'][figure]:.4g}: {WORDS[figure]}."
        )


def against(run: dict[str, Any], key: str) -> str:
    """The figure in which a run is furthest from those of a fault that it does not have; first the fault's own mark."""

    def distance(name: str) -> float:
        """From the range of the fault's runs, in units of what seeds change in either kind of run."""
        seen, own = values(key, name), values(run["fault"], name)
        least = 1e-3 * max(map(abs, [*seen, *own, 1e-9]))
        outside = max(min(seen) - run["figures"][name], run["figures"][name] - max(seen), 0.0)
        return outside / max(max(seen) - min(seen), max(own) - min(own), least)

    mark = FAULTS[key].mark
    return mark if distance(mark) > 1 else max(WORDS, key=distance)


def table(row: dict[str, list[str]]) -> Iterator[str]:
    """A sequence's tokens and, below them, its labels.

    >>> print(*table({"input_ids": ["[CLS]", "[MASK]"], "labels": ["", "a"]}), sep="|")
    input_ids   [CLS]  [MASK]|labels             a
    """
    widths = [max(map(len, column)) for column in zip(*row.values(), strict=True)]
    for name, line in row.items():
        cells = (f"{token:<{width}}" for token, width in zip(line, widths, strict=True))
        yield f"{name:<11} {'  '.join(cells)}".rstrip()


def bars(line: list[float]) -> str:
    """A curve in one line of text.

    >>> bars([0.0, 1.0, 2.0])
    '▁▄█'
    """
    low, high = min(line), max(line)
    return "".join(BARS[int(7 * (value - low) / ((high - low) or 1.0))] for value in line)


def play(case: Case, ask: Callable[[str], str], say: Callable[[str], None]) -> None:
    """The game in a terminal, until the fault is found, the points are used up, or the input ends."""
    for line in case.record():
        say(line)
    say(f"\nA test costs {TEST_COSTS} point, a wrong diagnosis {ERROR_COSTS}. Tests: {', '.join(TESTS)}. Faults:")
    for key in admitted():
        say(f"  {key:<16} {FAULTS[key].says}")
    while not case.found and case.points > 0:
        try:
            word = ask(f"{case.points} points. A test, a fault, or an empty line to stop: ").strip()
        except EOFError:
            word = ""
        if not word:
            break
        try:
            for line in case.test(word) if word in TESTS else [case.diagnose(word)]:
                say(line)
        except ValueError:
            say(f"{word!r} is no test and no fault of the lists above.")
    if case.found:
        say(f"Found with {max(case.points, 0)} points of {POINTS}.")
    else:
        say(f"It was: {FAULTS[case.fault].says}. {FAULTS[case.fault].why}")
