"""Written another way: recursion, small helpers of one's own, and an accumulating loop."""

import unicodedata

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, join_pair

ASCII_MARKS = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def is_punctuation(char):
    if ord(char) < 128:
        return char in ASCII_MARKS
    return unicodedata.category(char) in {"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"}


def _emit(char):
    if is_control(char):
        return
    if char.isspace():
        yield " "
        return
    if is_chinese(char):
        yield " "
    for part in unicodedata.normalize("NFD", char):
        if unicodedata.category(part) != "Mn":
            yield from part.lower()
    if is_chinese(char):
        yield " "


def normalize(text):
    return [(new, index) for index in range(len(text)) for new in _emit(text[index])]


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


def join_pieces(pieces):
    if not pieces:
        return ""
    text = pieces[0]
    for piece in pieces[1:]:
        text = text + piece[2:] if piece[:2] == "##" else text + " " + piece
    for mark in [".", "?", "!", ","]:
        text = mark.join(text.split(" " + mark))
    text = "'".join(text.split(" ' "))
    for ending in ["n't", "'m", "'s", "'ve", "'re"]:
        text = ending.join(text.split(" " + ending))
    return text


def count_pairs(words):
    pairs = {}
    for pieces, count in words:
        for place in range(1, len(pieces)):
            key = (pieces[place - 1], pieces[place])
            pairs[key] = pairs.get(key, 0) + count
    return pairs


def merge_pair(pieces, pair):
    pieces = list(pieces)
    if len(pieces) < 2:
        return pieces
    if (pieces[0], pieces[1]) == pair:
        return [join_pair(pair), *merge_pair(pieces[2:], pair)]
    return [pieces[0], *merge_pair(pieces[1:], pair)]
