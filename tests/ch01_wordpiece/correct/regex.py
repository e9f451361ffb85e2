"""Comprehensions, regular expressions and library functions wherever they fit."""

import re
import string
import unicodedata
from collections import Counter
from itertools import groupby

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from tests.ch01_wordpiece.correct.base import *  # noqa: F403


def is_punctuation(char):
    return char in string.punctuation or unicodedata.category(char)[0] == "P"


def normalize(text):
    result = []
    for index, char in ((i, c) for i, c in enumerate(text) if not is_control(c)):
        form = " " if char.isspace() else re.sub(r"\s", "", unicodedata.normalize("NFD", char))
        lowered = "".join(c.lower() for c in form if unicodedata.category(c) != "Mn")
        result.extend((c, index) for c in (f" {lowered} " if is_chinese(char) else lowered))
    return result


def split_words(characters):
    places = enumerate(characters)
    groups = groupby(places, key=lambda at: " " if at[1][0] == " " else at[0] + 1 if is_punctuation(at[1][0]) else "w")
    return (tuple(pair for _, pair in group) for key, group in groups if key != " ")


def longest_match(word, vocab):
    pieces, rest, mark = [], word if len(word) <= 100 else None, ""
    while rest:
        best = next((rest[:n] for n in range(len(rest), 0, -1) if mark + rest[:n] in vocab), None)
        if best is None:
            return None
        pieces.append(mark + best)
        rest, mark = rest[len(best) :], "##"
    return None if rest is None else pieces


def join_pieces(pieces):
    return re.sub(r" (?:##|(?=[.?!,]|n't|'m|'s|'ve|'re))", "", " ".join(pieces))


def count_pairs(words):
    total = Counter()
    for pieces, count in words:
        total.update(pair for pair in zip(pieces, pieces[1:]) for _ in range(count))
    return total


def merge_pair(pieces, pair):
    left, right = pair
    result, waiting = [], list(reversed(pieces))
    while waiting:
        piece = waiting.pop()
        if piece == left and waiting and waiting[-1] == right:
            waiting.pop()
            piece = left + re.sub("^##", "", right)
        result.append(piece)
    return result
