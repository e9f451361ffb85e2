"""A small model, a small text and the settings of a short run."""

import torch

import minidistil as md
from minidistil.ch02_masking.corpus import sequences
from minidistil.ch08_training.feed import MemoryFeed

WORDS = [
    "the",
    "list",
    "of",
    "all",
    "files",
    "in",
    "a",
    "folder",
    "is",
    "read",
    "by",
    "this",
    "function",
    "and",
    "each",
    "line",
    "is",
    "returned",
    "as",
    "one",
    "text",
]
DOCUMENTS = [" ".join(WORDS[(i * j) % len(WORDS)] for j in range(1, 20 + i % 30)) for i in range(1, 300)]
SETTINGS = md.DistilConfig(batch_size=8, max_length=32, log_every=1, dropout=0.1, checkpoint_seconds=1e-9)


def small(layers: int = 4) -> md.MaskedLM:
    torch.manual_seed(0)
    config = md.EncoderConfig(hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64)
    return md.MaskedLM(config).eval()


def a_feed(tokenizer: md.WordPiece, config: md.DistilConfig) -> MemoryFeed:
    return MemoryFeed(sequences(DOCUMENTS, tokenizer, config.max_length), tokenizer, config)
