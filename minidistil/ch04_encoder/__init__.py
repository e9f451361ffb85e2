"""Chapter 4: BERT and DistilBERT as two settings of one encoder.

Read in this order: config, inputs, encoder, modes.
"""

from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch04_encoder.encoder import Block, Embeddings, Encoder, count_parameters, gelu, initialize, layer_norm

__all__ = [
    "Block", "Embeddings", "Encoder", "EncoderConfig", "count_parameters", "gelu", "initialize", "layer_norm",
]  # fmt: skip
