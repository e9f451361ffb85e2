"""What a call does to the objects that it was given."""

import copy
from collections.abc import Callable
from typing import Any

import torch


def assert_arguments_stay(function: Callable[..., Any], *arguments: Any) -> None:
    """Call the function; fail if it changes a tensor, a list or a dictionary that belongs to the caller."""
    before = copy.deepcopy(arguments)
    function(*arguments)
    say = "the arguments belong to the caller and must not be changed: compute with copies, not in place"
    torch.testing.assert_close(arguments, before, rtol=0, atol=0, equal_nan=True, msg=say)
