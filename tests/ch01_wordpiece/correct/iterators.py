"""Iterators that are asked for one more, queues, and words that shrink from the right."""

import unicodedata
from collections import deque
from itertools import chain, repeat, takewhile

from tests.ch01_wordpiece.correct.base import *  # noqa: F403


def is_punctuation(char):
    category = unicodedata.category(char)
    return category.startswith("P") or (char < "\x7f" and category.startswith("S"))


def split_words(characters):
    waiting = deque(characters)
    while waiting:
        char, _ = waiting[0]
        if char == " ":
            waiting.popleft()
        elif is_punctuation(char):
            yield [waiting.popleft()]
        else:
            word = list(takewhile(lambda pair: pair[0] != " " and not is_punctuation(pair[0]), waiting))
            for _ in word:
                waiting.popleft()
            yield word


def longest_match(word, vocab):
    if len(word) > 100:
        return None
    pieces, prefix = [], ""
    while word:
        piece = word
        while piece and prefix + piece not in vocab:
            piece = piece[:-1]
        if not piece:
            return None
        pieces.append(prefix + piece)
        word, prefix = word.removeprefix(piece), "##"
    return pieces


def truncate(parts, room):
    if len(parts) == 1:
        return [parts[0][:room]]
    first, second = map(deque, parts)
    keeps_more = first if len(first) > len(second) else second
    while len(first) + len(second) > room:
        if len(first) != len(second):
            max(first, second, key=len).pop()
        else:
            (second if keeps_more is first else first).pop()
    return [list(first), list(second)]


def join_pieces(pieces):
    text = "".join(
        chain.from_iterable(
            (piece[2:],) if place and piece[:2] == "##" else (" ", piece) for place, piece in enumerate(pieces)
        )
    )
    text = text[1:]
    for mark in ".?!,":
        text = mark.join(text.split(" " + mark))
    for ending in ("n't", "'m", "'s", "'ve", "'re"):
        text = ending.join(text.split(" " + ending))
    return text


def count_pairs(words):
    pairs = {}
    for pieces, count in words:
        for pair in chain.from_iterable(repeat(pair, count) for pair in zip(pieces, pieces[1:])):
            pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


def merge_pair(pieces, pair):
    left, right = pair
    result, rest = [], iter(pieces)
    piece = next(rest, None)
    while piece is not None:
        following = next(rest, None)
        if piece == left and following == right:
            piece, following = left + right[2:], next(rest, None)
        result.append(piece)
        piece = following
    return result
