"""Chapter 2: from documents to sequences, batches and masked tokens.

Read in this order: docstrings, streams, hub_text, sequences, batching, corpus, masking.
"""

from minidistil.ch02_masking.batching import WindowedBatches, epoch_batches, pad, padding_share
from minidistil.ch02_masking.masking import IGNORE, choose_positions, mask_tokens, token_weights
from minidistil.ch02_masking.sequences import CONSECUTIVE, RANDOM, chunks

__all__ = [
    "CONSECUTIVE", "IGNORE", "RANDOM", "WindowedBatches", "choose_positions", "chunks", "epoch_batches", "mask_tokens",
    "pad", "padding_share", "token_weights",
]  # fmt: skip
