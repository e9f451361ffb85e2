"""How many steps a run takes, and the learning rate at each of them.

A run that is given a time instead of a number of steps starts from a guess, and corrects it by the time that its own
steps took. Each correction is kept with the plan: the plan alone, not the clock, decides what step n does.
"""

import math
from dataclasses import dataclass, field

CORRECT_AT = (0.1, 0.4, 0.75)  # fractions of the steps after which the number of steps is corrected


@dataclass
class Plan:
    """What a run will do here."""

    steps: int  # as guessed before the first one
    precision: str
    seconds_per_step: float  # as measured before the first one
    corrections: list[list[int]] = field(default_factory=list)  # [after this step, so many steps in all]
    compiled: bool = False  # whether the blocks are compiled, on a GPU

    def __post_init__(self) -> None:
        counts = [self.steps, *(number for correction in self.corrections for number in correction)]
        if not all(type(number) is int and number > 0 for number in counts):
            raise ValueError(f"steps must be positive whole numbers, got {counts}")
        if not all(len(correction) == 2 for correction in self.corrections):
            raise ValueError(f"corrections must be pairs of steps, got {self.corrections}")
        if type(self.compiled) is not bool:
            raise ValueError(f"compiled must be true or false, got {self.compiled!r}")
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ValueError(f"precision must be fp32, bf16 or fp16, got {self.precision!r}")

    @property
    def end(self) -> int:
        """Number of steps, as far as is known now."""
        return self.corrections[-1][1] if self.corrections else self.steps

    def place(self, step: int) -> float:
        """Where in the schedule of the first guess a step lies: from each correction on, the rest is spread anew."""
        place, start, end = 0.0, 0, self.steps
        for after, steps in self.corrections:
            if step < after:
                break
            place += (self.steps - place) * (after - start) / (end - start)
            start, end = after, steps
        return place + (self.steps - place) * (step - start) / (end - start)

    def correction_is_due(self, step: int) -> bool:
        """Whether the plan is to be corrected after so many steps: never twice, also in a resumed run."""
        done = len(self.corrections)
        if done and step <= self.corrections[-1][0]:
            return False
        return done < len(CORRECT_AT) and CORRECT_AT[done] * self.end <= step < self.end

    def correct(self, step: int, seconds_left: float, seconds_per_step: float, longest: float = math.inf) -> None:
        """Take as many more steps as fit into the time that is left: one or more, `longest` in all at most."""
        more = max(1, int(min(seconds_left / seconds_per_step, longest - step)))
        self.corrections.append([step, step + more])


def schedule(step: float, steps: int, warmup_share: float) -> float:
    """Factor on the learning rate at a step (from 0): linear up over the warm-up, linear down to 0.

    >>> [schedule(step, steps=5, warmup_share=0.4) for step in (0, 1, 2, 4)]
    [0.5, 1.0, 1.0, 0.3333333333333333]
    """
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)
