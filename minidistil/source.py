"""Show the package's own code in a notebook, instead of a copy of it."""

import inspect
import sys
import textwrap
from typing import Any


def show(*objects: Any) -> None:
    """Show the source of functions, methods or classes: formatted as code in a notebook, else printed.

    Raises:
        TypeError: an object is not a function, method or class.
    """
    for each in objects:
        if not (inspect.isfunction(each) or inspect.ismethod(each) or inspect.isclass(each)):
            raise TypeError(f"{each!r} is {type(each).__name__}: expected a function, a method or a class.")
        code = textwrap.dedent(inspect.getsource(each)).rstrip()
        ipython = sys.modules.get("IPython")  # what runs a notebook has loaded it
        if ipython and ipython.get_ipython():
            from IPython.display import Markdown, display

            display(Markdown(f"```python\n{code}\n```"))
        else:
            print(code)
