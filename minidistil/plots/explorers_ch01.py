"""Chapter 1 to play with: the steps of the tokenizer on a sentence of one's own."""

from collections.abc import Callable, Sequence

from minidistil.plots.drawings_ch01 import Part, five_steps
from minidistil.plots.style import Figure

LONGEST = 40  # characters of a sentence that fit into a picture


def tokenizer_steps(steps: Callable[[str], tuple[Sequence[Part], Sequence[int]]]) -> Callable[..., Figure]:
    """`draw(sentence, step)` for `explorer`: what the steps of the tokenizer make of the sentence.

    Args:
        steps: gives for a text what `five_steps` draws: its parts, and the ids.
    """

    def draw(sentence: str = "Zoë's unhappiness: [MASK]!", step: int = 5) -> Figure:
        return five_steps(*steps(sentence[:LONGEST]), until=step)

    return draw
