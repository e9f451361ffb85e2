"""Chapter 2 to play with: masks thrown at a text."""

from collections.abc import Callable, Mapping, Sequence

from minidistil.plots.drawing import box, sheet, write
from minidistil.plots.style import Figure

Throw = Callable[[float, int, float], tuple[Sequence[str], Mapping[int, str]]]
WIDE = 78  # of a line of tokens


def thrown_masks(throw: Throw) -> Callable[..., Figure]:
    """`draw(probability, seed, smoothing)` for `explorer`: which tokens of a text are hidden, and by what.

    Args:
        throw: gives for the three settings the tokens of the text and, by its position, what stands in the place of
            each chosen one.
    """

    def draw(probability: float = 0.15, seed: int = 0, smoothing: float = 0.0) -> Figure:
        tokens, now = throw(probability, seed, smoothing)
        places, x, line = [], 1.0, 0
        for place, token in enumerate(tokens):
            width = 0.95 * max(len(token), len(now.get(place, ""))) + 1.6
            if x + width > WIDE:
                x, line = 1.0, line + 1
            places.append((x, line, width))
            x += width + 0.3
        high = 6.4 * line + 15
        figure, axis = sheet(WIDE + 2, high, f"{len(now)} of {len(tokens)} tokens are chosen: what each became.")
        hidden = sum(each == "[MASK]" for each in now.values())
        write(axis, 1, high - 2, f"{len(now)} of {len(tokens)} tokens chosen, {hidden} of them [MASK]", size=11)
        for place, (token, (left, row, width)) in enumerate(zip(tokens, places, strict=True)):
            role, low = _role(token, now.get(place)), high - 9.5 - 6.4 * row
            label = f"{now[place]}\n{token}" if place in now else token
            box(axis, left, low, width, 5.4, label, role, size=8.5)
        x = 1.0
        for role, name in (("mask", "[MASK]"), ("loss", "another token"), ("right", "kept"), ("token", "not chosen")):
            box(axis, x, 1, 2.2, 2.2, "", role)
            write(axis, x + 3, 2.1, name if role == "token" else f"chosen: {name}", size=8.5)
            x += 20
        return figure

    return draw


def _role(token: str, now: str | None) -> str:
    if now is None:
        return "token"
    return "mask" if now == "[MASK]" else "right" if now == token else "loss"
