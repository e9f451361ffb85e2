"""Chapter 3 to try: one attention head after another, on a sentence of one's own."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from minidistil.plots.attention import attention_maps
from minidistil.plots.style import Figure

MOST = 20  # tokens that are shown


def one_head(look: Callable[[str], tuple[Sequence[str], Any]], sentence: str) -> Callable[..., Figure]:
    """What to draw for a sentence, a layer and a head: the weights, and what part of them goes where.

    Args:
        look: gives the tokens of a text and its weights (layers, H, L, L).
        sentence: the one to begin with.

    Returns:
        A function for `explorer`.
    """
    remembered = lru_cache(8)(look)

    def draw(sentence: str = sentence, layer: int = 0, head: int = 2) -> Figure:
        tokens, weights = remembered(sentence)
        chosen = weights[layer, head]
        shares = {"before": chosen.diagonal(-1), "after": chosen.diagonal(1), "to itself": chosen.diagonal()}
        shares["to [CLS]"] = chosen[:, 0]
        before, after, *others = [f"{where} {float(share.mean()):.2f}" for where, share in shares.items()]
        said = f"{before}, {after},\n{', '.join(others)}"
        name, shown = f"layer {layer}, head {head}", chosen[:MOST, :MOST].tolist()
        figure = attention_maps({name: shown}, tokens[:MOST], f"Mean weight: {said}")
        figure.set_layout_engine(None)  # to look for the best margins takes half of the time
        width, height = figure.get_size_inches()
        figure.subplots_adjust(left=1 / width, right=1 - 0.1 / width, bottom=1 / height, top=1 - 0.75 / height)
        return figure

    return draw
