"""WordPiece in Python beside `tokenizers` in Rust: text to ids on one thread."""

import gc
import os
import random
import string
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import docs
from minidistil.hub.official import locate

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REPETITIONS = 3  # the fastest counts
BATCH = 1000  # texts at a time


def table() -> Iterator[str]:
    """WordPiece in Python with a cache, and `tokenizers` in Rust on one thread: text to ids."""
    lines = [line for document in docs() for line in document.splitlines()]
    strings = random_strings(20_000)
    yield "Text to ids, 1,000 lines at a time, CPU seconds of one thread, the fastest of 3."
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
    rounds = []
    for _ in range(REPETITIONS):
        own = WordPiece.from_pretrained("minilm")
        if warm:
            for text in texts:
                own.ids(text)
        gc.collect()  # the garbage of one repetition is not the next one's work
        rounds.append([sum(column) for column in zip(*_batch_by_batch(own, official, texts), strict=True)])
    return int(rounds[0][0]), min(each[1] for each in rounds), min(each[2] for each in rounds)


def _batch_by_batch(own: WordPiece, official: "Tokenizer", texts: Sequence[str]) -> Iterator[tuple[int, float, float]]:
    """Tokens, seconds of ours and of `tokenizers`, for each batch: nobody keeps the ids of a whole corpus as lists."""
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        start = time.process_time()
        ours = [own.ids(text) for text in batch]
        middle = time.process_time()
        theirs = official.encode_batch_fast(batch, add_special_tokens=False)
        end = time.process_time()
        if ours != [encoding.ids for encoding in theirs]:
            raise RuntimeError("The ids of minidistil and tokenizers differ: a comparison of speed means nothing.")
        yield sum(map(len, ours)), middle - start, end - middle


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
