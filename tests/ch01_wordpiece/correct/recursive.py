"""Recursion in place of loops, and lists that grow at their end."""

from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, join_pair
from tests.ch01_wordpiece.correct.base import *  # noqa: F403
from tests.ch01_wordpiece.correct.base import is_punctuation


def split_words(characters):
    words = [[]]
    for pair in characters:
        if pair[0] == " ":
            words.append([])
        elif is_punctuation(pair[0]):
            words.extend([[pair], []])
        else:
            words[-1].append(pair)
    return [word for word in words if word]


def _rest(word, start, vocab):
    if start == len(word):
        return []
    for end in range(len(word), start, -1):
        piece = word[start:end] if start == 0 else "##" + word[start:end]
        if piece in vocab:
            rest = _rest(word, end, vocab)
            return None if rest is None else [piece, *rest]
    return None


def longest_match(word, vocab):
    return None if len(word) > MAX_WORD_LENGTH else _rest(word, 0, vocab)


def truncate(parts, room):
    if sum(len(part) for part in parts) <= room:
        return parts
    if len(parts) == 1:
        return [parts[0][:room]]
    if len(parts[0]) > len(parts[1]):
        return truncate(parts[::-1], room)[::-1]
    if len(parts[0]) > room // 2:
        return truncate([parts[0][:-1], parts[1]], room)
    return truncate([parts[0], parts[1][:-1]], room)


def merge_pair(pieces, pair):
    pieces = list(pieces)
    if len(pieces) < 2:
        return pieces
    if (pieces[0], pieces[1]) == pair:
        return [join_pair(pair), *merge_pair(pieces[2:], pair)]
    return [pieces[0], *merge_pair(pieces[1:], pair)]
