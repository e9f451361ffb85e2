"""Benchmarks: the speed that the chapters claim, measured against the library that one would use instead.

A benchmark yields the lines of a table. It says what work is done, lets both sides do it in the same run, and checks
that both give the same result before it prints a number.
"""

from collections.abc import Callable, Iterator

from minidistil.bench import attention, backends, gpu, inference, step, tokenizer
from minidistil.bench.attention import compare_attention, kept_for_backward, torchs_attention
from minidistil.bench.tokenizer import compare_tokenizers, random_strings

BENCHMARKS: dict[str, Callable[[], Iterator[str]]] = {
    "tokenizer": tokenizer.table,
    "attention": attention.table,
    "inference": inference.table,
    "step": step.table,
    "gpu": gpu.table,
}

__all__ = [
    "BENCHMARKS",
    "backends",
    "compare_attention",
    "compare_tokenizers",
    "kept_for_backward",
    "random_strings",
    "torchs_attention",
]
