"""Chapter 12: how a model treats two groups of people, and how certain such figures are.

Read in this order: probe_sentences, bias, uncertainty, probe.
"""

from typing import TYPE_CHECKING

from minidistil.on_demand import on_demand

if TYPE_CHECKING:
    from minidistil.ch12_bias.bias import (
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
    from minidistil.ch12_bias.probe_sentences import OCCUPATIONS, TEMPLATES, Probe
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

# Each import above is made when its name is first used: `minidistil bias --help` needs the sentences alone.
if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(__name__, __file__, __all__)
