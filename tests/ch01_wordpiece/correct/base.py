"""A whole solution in plain loops over indices."""

import unicodedata
from collections import defaultdict

from minidistil.ch01_wordpiece.characters import is_chinese, is_control


def is_punctuation(char):
    code = ord(char)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(char).startswith("P")


def normalize(text):
    characters = []
    for index, char in enumerate(text):
        if is_control(char):
            continue
        if char.isspace():
            characters.append((" ", index))
            continue
        apart = is_chinese(char)
        if apart:
            characters.append((" ", index))
        for part in unicodedata.normalize("NFD", char):
            if unicodedata.category(part) == "Mn":
                continue
            characters += [(low, index) for low in part.lower()]
        if apart:
            characters.append((" ", index))
    return characters


def split_words(characters):
    result, begin = [], 0
    characters = list(characters)
    for place in range(len(characters) + 1):
        ends = place == len(characters) or characters[place][0] == " " or is_punctuation(characters[place][0])
        if not ends:
            continue
        if place > begin:
            result.append(characters[begin:place])
        if place < len(characters) and characters[place][0] != " ":
            result.append([characters[place]])
        begin = place + 1
    return result


def longest_match(word, vocab):
    if len(word) >= 101:
        return None
    pieces = []
    start = 0
    while start != len(word):
        end = len(word)
        while end > start and (word[start:end] if not start else "##" + word[start:end]) not in vocab:
            end -= 1
        if end == start:
            return None
        pieces.append(word[start:end] if not start else "##" + word[start:end])
        start = end
    return pieces


def truncate(parts, room):
    lengths = [len(part) for part in parts]
    if len(lengths) == 1:
        return [parts[0][:room]]
    first_is_longer = lengths[0] > lengths[1]
    while lengths[0] + lengths[1] > room:
        if lengths[0] == lengths[1]:
            lengths[1 if first_is_longer else 0] -= 1
        else:
            lengths[lengths.index(max(lengths))] -= 1
    return [part[:length] for part, length in zip(parts, lengths)]


def join_pieces(pieces):
    words = []
    for piece in pieces:
        tight = piece[:1] in (".", "?", "!", ",") or piece[:2] in ("'m", "'s") or piece[:3] in ("n't", "'ve", "'re")
        if words and piece.startswith("##"):
            words[-1] += piece[2:]
        elif words and tight:
            words[-1] += piece
        else:
            words.append(piece)
    return " ".join(words)


def count_pairs(words):
    pairs = defaultdict(int)
    for pieces, count in words:
        for left, right in zip(pieces[:-1], pieces[1:]):
            pairs[left, right] += count
    return pairs


def merge_pair(pieces, pair):
    result = []
    for piece in pieces:
        if result and result[-1] is not None and (result[-1], piece) == pair:
            result[-1:] = [pair[0] + pair[1].replace("##", "", 1), None]
        else:
            result.append(piece)
    return [piece for piece in result if piece is not None]
