"""Pictures that answer at once: a drawing function with controls for its arguments."""

import functools
from collections.abc import Callable
from typing import Any

from minidistil.plots.style import Figure, in_html


class explorer:
    """Controls, and the picture that `draw` makes of their values; without a front end the picture alone.

    Args:
        draw: from values to a figure; its defaults are the first ones.
        controls: for each argument as in `ipywidgets.interact`: (least, greatest) or (least, greatest, step) is a
            slider, a list a choice, a text a field, True or False a box to tick.
    """

    def __init__(self, draw: Callable[..., Figure], **controls: Any) -> None:
        import ipywidgets

        self.image: Any = ipywidgets.HTML()  # not an Image, which has no words for readers who cannot see it
        self.figure: Any = None

        @functools.wraps(draw)
        def redraw(**values: Any) -> None:
            self.figure = draw(**values)
            picture, metadata = self.figure._repr_png_()
            self.image.value = in_html(picture, metadata["alt"])

        self.panel: Any = ipywidgets.interactive(redraw, **controls)
        self.controls: dict[str, Any] = {control._kwarg: control for control in self.panel.kwargs_widgets}
        for control in self.controls.values():
            control.continuous_update = False  # a picture a stop of the slider, not one a pixel
        self.widget: Any = ipywidgets.VBox([self.panel, self.image])

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        picture, metadata = self.figure._repr_png_()
        shown = {"text/plain": f"<Explorer of {', '.join(self.controls)}>", "image/png": picture}
        return self.widget._repr_mimebundle_() | shown, {"image/png": metadata}
