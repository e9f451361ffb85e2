"""Errors as a person reads them in a terminal: one line, not too long, without control characters."""

import re

LONGEST = 500  # characters


def one_line(error: object) -> str:
    """The text of an error without line ends, escape codes and other invisible characters; a long one loses its middle.

    >>> one_line(ValueError("two\\nlines \\x1b[31m"))
    'two lines [31m'
    """
    text = " ".join("".join(char if char.isprintable() else " " for char in str(error)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 153]} … {text[-150:]}"


def out_of_memory(error: BaseException) -> str:
    """What to do where memory did not suffice; empty if that is not what the error says."""
    text = str(error)
    if isinstance(error, MemoryError) and text:
        return f"out of memory: {text}"
    if not isinstance(error, MemoryError) and not re.search("out of memory|can't allocate memory|bad_alloc", text):
        return ""
    amount = re.search(r"tried to allocate ([\d.]+ \w+)", text, re.IGNORECASE)
    needed = f" ({amount[1]} at once)" if amount else ""
    return f"out of memory{needed}: take a smaller --batch-size or --max-length, a smaller model, or less text."
