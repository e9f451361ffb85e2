"""Chapter 4. Two states for a while: models in evaluation mode, and modules that have shapes but no numbers yet."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


@contextlib.contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Evaluation mode, without dropout; afterwards each module is in the mode that it was in before."""
    training = [module for model in models for module in model.modules() if module.training]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextlib.contextmanager
def without_numbers() -> Iterator[None]:
    """Modules made here lie on the meta device: no memory and no random draws, since every number comes from a file.

    `nn.init` is left out. On the meta device it would draw nothing either, but importing what PyTorch needs to do so
    takes more than a second.
    """
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    """Every function of `nn.init` gives back the tensor as it is."""

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called in place of every function of PyTorch."""
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)
