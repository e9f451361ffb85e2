"""Chapter 6: the three losses of distillation, and a toy language whose true distribution is known.

Read in this order: losses, toy_language.
"""

from minidistil.ch06_losses.losses import (
    cosine_loss,
    distillation_loss,
    logits_mse_loss,
    masked_lm_loss,
    soft_target_loss,
)
from minidistil.ch06_losses.toy_language import divergence, true_distribution

__all__ = [
    "cosine_loss", "distillation_loss", "divergence", "logits_mse_loss", "masked_lm_loss", "soft_target_loss",
    "true_distribution",
]  # fmt: skip
