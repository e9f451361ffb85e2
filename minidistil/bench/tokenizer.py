"""WordPiece in Python, compared with `tokenizers` in Rust: text to ids on one thread."""

import gc
import os
import random
import string
import time
from collections.abc import Iterator, Sequence

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import docs
from minidistil.parity.peers import official_tokenizer, require

REPETITIONS = 3  # the fastest counts
BATCH = 1000  # texts at a time


def table() -> Iterator[str]:
    """Text that repeats words, with an empty and a filled cache, and text that does not."""
    require("tokenizers")  # before the corpus is made
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
        tokens, seconds, official = compare_tokenizers(texts, warm)
        speeds = "".join(f"{tokens / each / 1e6:>14.2f}M/s" for each in (seconds, official))
        yield f"{name:<28}{tokens:>12,}{speeds}{official / seconds:>8.1f}"


def compare_tokenizers(texts: Sequence[str], warm: bool) -> tuple[int, float, float]:
    """Number of tokens, seconds of this package and of `tokenizers`, on texts that both turn into the same ids.

    With `warm` our cache has seen the texts before. RuntimeError if the ids differ.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread
    official = official_tokenizer()
    rounds = []
    for _ in range(REPETITIONS):
        tokenizer = WordPiece.from_pretrained("minilm")
        for text in texts if warm else ():
            tokenizer.ids(text)
        gc.collect()  # the garbage of one repetition must not be collected in the time of the next one
        count, seconds, official_seconds = 0, 0.0, 0.0
        for first in range(0, len(texts), BATCH):  # in batches: the ids of a whole corpus as lists are large
            batch = texts[first : first + BATCH]
            start = time.process_time()
            ids = [tokenizer.ids(text) for text in batch]
            middle = time.process_time()
            encodings = official.encode_batch_fast(batch, add_special_tokens=False)
            official_seconds += time.process_time() - middle
            seconds += middle - start
            count += sum(map(len, ids))
            if ids != [encoding.ids for encoding in encodings]:
                raise RuntimeError("The ids of minidistil and tokenizers differ: a comparison of speed means nothing.")
        rounds.append((seconds, official_seconds))
    return count, min(each[0] for each in rounds), min(each[1] for each in rounds)


def random_strings(number: int) -> list[str]:
    """Lines of ten words of eight random letters: text in which nothing repeats, the worst case for a cache."""
    draw = random.Random(0)
    return [" ".join("".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(10)) for _ in range(number)]
