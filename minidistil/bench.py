"""Benchmarks: each chapter's claim of speed, measured against the library that one would use instead.

A benchmark is a function in BENCHMARKS that yields the lines of a table. It states its work, does it
with both sides in the same run, and checks that both give the same before it prints a number.
"""

import gc
import math
import os
import random
import string
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from minidistil.attention import MultiHeadAttention
from minidistil.corpus import docs
from minidistil.official import locate
from minidistil.stepbench import step
from minidistil.wordpiece import WordPiece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REPETITIONS = 3  # the fastest counts


def tokenizer() -> Iterator[str]:
    """WordPiece in Python with a cache, and `tokenizers` in Rust on one thread: text to ids."""
    lines = [line for document in docs() for line in document.splitlines()]
    strings = random_strings(20_000)
    yield "Text to ids, one text a line, CPU seconds of one thread, the fastest of 3."
    yield f"docs corpus: {len(lines):,} lines, {sum(map(len, lines)) / 1e6:.1f} million characters"
    yield f"random strings: {len(strings):,} lines of 10 words of 8 random letters, none of them twice"
    yield ""
    yield f"{'work':<28}{'tokens':>12}{'minidistil':>16}{'tokenizers':>16}{'ratio':>8}"
    for name, texts, warm in (
        ("docs corpus, cold cache", lines, False),
        ("docs corpus, warm cache", lines, True),
        ("random strings, cold cache", strings, False),
    ):
        tokens, ours, theirs = compare_tokenizers(texts, warm)
        speeds = "".join(f"{tokens / seconds / 1e6:>14.2f}M" for seconds in (ours, theirs))
        yield f"{name:<28}{tokens:>12,}{speeds.replace('M', 'M/s')}{theirs / ours:>8.1f}"


def compare_tokenizers(texts: Sequence[str], warm: bool) -> tuple[int, float, float]:
    """Number of tokens, seconds of ours and of `tokenizers`, on texts that both turn into the same ids.

    Args:
        texts: what to tokenize.
        warm: whether our cache has seen the texts already.

    Raises:
        RuntimeError: the ids differ.
    """
    official = official_tokenizer()
    ours: list[list[int]]
    theirs: list[Any]
    seconds_ours, seconds_theirs = [], []
    for _ in range(REPETITIONS):
        own = WordPiece.from_pretrained("minilm")
        if warm:
            for text in texts:
                own.ids(text)
        ours, theirs = [], []
        gc.collect()  # the garbage of one repetition is not the next one's work
        start = time.process_time()
        ours = [own.ids(text) for text in texts]
        middle = time.process_time()
        theirs = official.encode_batch_fast(texts, add_special_tokens=False)
        seconds_ours.append(middle - start)
        seconds_theirs.append(time.process_time() - middle)
        if ours != [encoding.ids for encoding in theirs]:
            raise RuntimeError("The ids of minidistil and tokenizers differ: a comparison of speed means nothing.")
    return sum(map(len, ours)), min(seconds_ours), min(seconds_theirs)


def official_tokenizer() -> "Tokenizer":
    """The official tokenizer.json in `tokenizers`, kept to one thread.

    Raises:
        ValueError: `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ValueError("There is nothing to compare with: pip install tokenizers.") from error
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    official = Tokenizer.from_file(str(locate("minilm", "tokenizer.json")))
    official.no_truncation()
    official.no_padding()
    return official


def random_strings(number: int) -> list[str]:
    """Lines of ten words of eight random letters: text in which nothing repeats, the worst case for a cache."""
    draw = random.Random(0)
    return [" ".join("".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(10)) for _ in range(number)]


def attention() -> Iterator[str]:
    """One layer of attention, readable and fused, and torch's own module with the same weights."""
    yield "One attention layer (384 wide, 12 heads), batch of 4, forward and backward, CPU time, the best of 3 rounds."
    yield "kept: what the forward pass stores for the backward pass, with 2.3 MiB of parameters; ratio: torch / fused."
    yield ""
    yield f"{'tokens':>6}{'readable':>12}{'fused':>12}{'torch':>12}{'ratio':>8}{'kept: readable':>18}{'fused':>10}"
    for length in (16, 32, 64, 128, 256, 512):
        seconds, mebibytes = compare_attention(length)
        times = "".join(f"{1000 * seconds[name]:>9.2f} ms" for name in ("readable", "fused", "torch"))
        ratio = seconds["torch"] / seconds["fused"]
        yield f"{length:>6}{times}{ratio:>8.2f}{mebibytes['readable']:>14.1f} MiB{mebibytes['fused']:>6.1f} MiB"


def compare_attention(length: int) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds, and MiB kept for the backward pass, of three ways that give the same: readable, fused, torch.

    Raises:
        RuntimeError: their outputs differ.
    """
    ours = MultiHeadAttention(384, 12, dropout=0.0)
    theirs = torchs_attention(ours)
    hidden = torch.randn(4, length, 384, requires_grad=True)
    ways: dict[str, Callable[[], Tensor]] = {
        "readable": lambda: ours(hidden, output_attentions=True)[0],
        "fused": lambda: ours(hidden)[0],
        "torch": lambda: theirs(hidden, hidden, hidden, need_weights=False)[0],
    }
    outputs = {name: way() for name, way in ways.items()}
    if any((output - outputs["torch"]).abs().max() > 1e-5 for output in outputs.values()):
        raise RuntimeError("The outputs of minidistil and torch differ: a comparison of speed means nothing.")
    seconds = dict.fromkeys(ways, math.inf)
    for _ in range(REPETITIONS):
        for name, way in ways.items():
            start = time.process_time()
            way().sum().backward()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds, {name: kept_for_backward(way) for name, way in ways.items()}


def torchs_attention(ours: MultiHeadAttention) -> nn.MultiheadAttention:
    """torch's module with our weights."""
    theirs = nn.MultiheadAttention(ours.query.in_features, ours.num_attention_heads, batch_first=True)
    three = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([each.weight for each in three]))
        theirs.in_proj_bias.copy_(torch.cat([each.bias for each in three]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    return theirs


def kept_for_backward(function: Callable[[], Tensor]) -> float:
    """MiB that a call stores for its backward pass, each piece of memory counted once."""
    sizes = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = function()
    if not result.requires_grad:
        raise ValueError("Nothing is stored for a result that needs no gradient.")
    return sum(sizes.values()) / 2**20


BENCHMARKS: dict[str, Callable[[], Iterator[str]]] = {"tokenizer": tokenizer, "attention": attention, "step": step}
