"""Chapter 5: the heads, official weights in and out, and filling a mask.

Read in this order: tensor_names, weights, sentence_config, heads, classifiers, question_answering, fillmask.
"""

from minidistil.ch05_weights.classifiers import SequenceClassifierHead, sequence_loss
from minidistil.ch05_weights.fillmask import best_words, mask_probabilities
from minidistil.ch05_weights.heads import MaskedLMHead, mean_pooling
from minidistil.ch05_weights.question_answering import answer_loss
from minidistil.ch05_weights.tensor_names import their_name

__all__ = [
    "MaskedLMHead", "SequenceClassifierHead", "answer_loss", "best_words", "mask_probabilities", "mean_pooling",
    "sequence_loss", "their_name",
]  # fmt: skip
