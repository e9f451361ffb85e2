"""Tables, binary search and codes: one letter for the kind of each character."""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from functools import lru_cache, reduce

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, join_pair
from tests.ch01_wordpiece.correct.base import *  # noqa: F403

_ENDS = [33, 48, 58, 65, 91, 97, 123, 127]  # in turns the first of a range, and the one after its last


def is_punctuation(char):
    return bisect_right(_ENDS, ord(char)) % 2 == 1 or unicodedata.category(char)[0] == "P"


@lru_cache
def _letters(char):
    if is_control(char):
        return ""
    if char.isspace():
        return " "
    letters = "".join(part for part in unicodedata.normalize("NFD", char) if unicodedata.category(part) != "Mn").lower()
    return f" {letters} " if is_chinese(char) else letters


def normalize(text):
    return [(letter, index) for index, char in enumerate(text) for letter in _letters(char)]


def split_words(characters):
    codes = "".join(" " if char == " " else "." if is_punctuation(char) else "w" for char, _ in characters)
    return [characters[match.start() : match.end()] for match in re.finditer(r"w+|\.", codes)]


def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word) <= MAX_WORD_LENGTH:
        found = [end for end in range(start + 1, len(word) + 1) if "##"[: 2 * start] + word[start:end] in vocab]
        if not found:
            return None
        pieces.append("##"[: 2 * start] + word[start : found[-1]])
        start = found[-1]
    return pieces if start == len(word) else None


def truncate(parts, room):
    lengths = [len(part) for part in parts]
    # The largest limit to both lengths under which they fit, by binary search; one token may be left.
    limit = bisect_right(range(room + 1), room, key=lambda limit: sum(min(limit, length) for length in lengths)) - 1
    kept = [min(limit, length) for length in lengths]
    if sum(kept) < min(room, sum(lengths)):
        kept[0 if lengths[0] > lengths[-1] else -1] += 1
    return [part[:length] for part, length in zip(parts, kept)]


def join_pieces(pieces):
    text = re.sub(r"(?<!^) ##", "", " ".join(pieces))
    table = {" .": ".", " ?": "?", " !": "!", " ,": ","} | {f" {e}": e for e in ("n't", "'m", "'s", "'ve", "'re")}
    return reduce(lambda text, spaced: text.replace(spaced, table[spaced]), table, text)


def count_pairs(words):
    return sum(
        (Counter({pair: n * count for pair, n in Counter(zip(p, p[1:])).items()}) for p, count in words), Counter()
    )


def merge_pair(pieces, pair):
    def step(state, piece):
        done, waits = state  # whether the last piece may still be merged
        if waits and (done[-1], piece) == pair:
            return [*done[:-1], join_pair(pair)], False
        return [*done, piece], True

    return reduce(step, pieces, ([], False))[0]
