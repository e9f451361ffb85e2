"""The package's own code where a notebook talks about it: shown, never pasted."""

import inspect
import textwrap
from typing import Any


def show(*objects: Any) -> None:
    """Display the source of functions, methods or classes: set as code in a notebook, printed elsewhere.

    Raises:
        TypeError: an object was not written in Python.
    """
    for each in objects:
        if not (inspect.isfunction(each) or inspect.ismethod(each) or inspect.isclass(each)):
            raise TypeError(f"{each!r} is {type(each).__name__}: expected a function, a method or a class.")
        code = textwrap.dedent(inspect.getsource(each)).rstrip()
        if _in_a_notebook():
            from IPython.display import Markdown, display

            display(Markdown(f"```python\n{code}\n```"))
        else:
            print(code)


def _in_a_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None
