"""Chapter 12: how a model treats two groups of people, and how certain such figures are.

Read in this order: bias, uncertainty, probe.
"""

from minidistil.ch12_bias.bias import (
    OCCUPATIONS,
    TEMPLATES,
    Probe,
    bias_scores,
    centred,
    group_probabilities,
    hole_probabilities,
    inheritance,
    log_ratios,
    mean_absolute_difference,
    prior_probabilities,
    prior_text,
    word_probabilities,
)
from minidistil.ch12_bias.uncertainty import (
    adjusted_p_values,
    bootstrap_interval,
    relabelled_differences,
    share_as_far,
    sign_flip_p_values,
)

__all__ = [
    "OCCUPATIONS", "TEMPLATES", "Probe", "adjusted_p_values", "bias_scores", "bootstrap_interval", "centred",
    "group_probabilities", "hole_probabilities", "inheritance", "log_ratios", "mean_absolute_difference",
    "prior_probabilities", "prior_text", "relabelled_differences", "share_as_far", "sign_flip_p_values",
    "word_probabilities",
]  # fmt: skip
