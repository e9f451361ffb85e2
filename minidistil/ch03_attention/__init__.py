"""Chapter 3: scaled dot-product attention with many heads and padding.

Read in this order: attention.
"""

from minidistil.ch03_attention.attention import (
    MultiHeadAttention,
    attention_weights,
    join_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)

__all__ = [
    "MultiHeadAttention", "attention_weights", "join_heads", "padding_mask", "scaled_dot_product_attention",
    "split_heads",
]  # fmt: skip
