"""Sets worked out beforehand, tries in place of slices, pairs counted by arithmetic."""

import sys
import unicodedata
from collections import defaultdict
from itertools import accumulate

from minidistil.ch01_wordpiece.vocabulary import join_pair
from tests.ch01_wordpiece.correct.base import *  # noqa: F403

_ASCII = {chr(code) for code in range(0x21, 0x7F) if not chr(code).isalnum()}
_MARKS = _ASCII | {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "P"}


def is_punctuation(char):
    return char in _MARKS


def split_words(characters):
    words, together = [], False
    for char, index in characters:
        letter = char != " " and char not in _MARKS
        if letter and together:
            words[-1] += ((char, index),)
        elif char != " ":
            words.append(((char, index),))
        together = letter
    return words


def longest_match(word, vocab):
    if not len(word) < 101:
        return None
    result, rest = [], word
    while rest:
        beginnings = [("##" if result else "") + beginning for beginning in accumulate(rest)]
        known = [beginning for beginning in beginnings if beginning in vocab]
        if not known:
            return None
        longest = max(known, key=len)
        rest = rest[beginnings.index(longest) + 1 :]
        result.append(longest)
    return result


def truncate(parts, room):
    excess = max(0, sum(map(len, parts)) - room)
    if len(parts) == 1:
        return [parts[0][: len(parts[0]) - excess]]
    (a, b), swap = map(len, parts), len(parts[0]) > len(parts[1])
    short, long = (b, a) if swap else (a, b)
    from_long = min(excess, long - short)  # until both are equally long
    from_short = (excess - from_long + 1) // 2
    from_long += (excess - from_long) // 2
    lost = (from_long, from_short) if swap else (from_short, from_long)
    return [part[: len(part) - less] for part, less in zip(parts, lost)]


def count_pairs(words):
    pairs = defaultdict(lambda: 0)
    for pieces, count in words:
        for place in range(1, len(pieces)):
            pairs[tuple(pieces[place - 1 : place + 1])] += count
    return pairs


def merge_pair(pieces, pair):
    result = list(pieces)
    place = 0
    while (place := next((i for i in range(place, len(result) - 1) if (result[i], result[i + 1]) == pair), -1)) >= 0:
        result[place : place + 2] = [join_pair(pair)]
        place += 1
    return result
