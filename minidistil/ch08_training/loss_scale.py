"""Loss scaling: how gradients survive in fp16, whose smallest numbers are 6e-8 and whose largest is 65504.

Micikevicius et al. (2018), "Mixed Precision Training", section 3.2. The loss is multiplied by a large factor before the
backward pass, and the gradients are divided by it before they are used. A factor that is too large makes them infinite:
that step is left out and the factor halved. bf16 has the range of fp32 and needs none of this.
"""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

GROW_AFTER = 2000  # steps in a row without an infinite gradient


class LossScale:
    """The factor, which follows the gradients; as torch.amp.GradScaler has it, but without a wait for the device.

    >>> scale = LossScale()
    >>> scale.update(finite=False)
    >>> scale.factor
    32768.0
    """

    def __init__(self) -> None:
        self.factor: float = 2.0**16
        self.good: int = 0  # finite steps since the last one that was not

    def enlarge(self, gradient: Tensor) -> Tensor:
        """For a hook on the loss: everything behind it gets a gradient that is `factor` times as large."""
        return gradient * self.factor

    def shrink(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give gradients their true size, in place."""
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.div_(self.factor)

    def can_be_too_large(self) -> bool:
        """Whether a smaller factor may help against gradients that are not finite."""
        return self.factor > 1

    def update(self, finite: bool) -> None:
        """Adapt the factor after a step."""
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.factor /= 2
        elif self.good % GROW_AFTER == 0:
            self.factor *= 2

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint, as plain JSON values."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        vars(self).update(state)
