"""WordPiece in Python beside `tokenizers` in Rust: text to ids on one thread."""

import gc
import os
import random
import string
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minidistil.corpus import docs
from minidistil.official import locate
from minidistil.wordpiece import WordPiece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REPETITIONS = 3  # the fastest counts


def table() -> Iterator[str]:
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
