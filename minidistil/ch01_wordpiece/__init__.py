"""Chapter 1: from text to token ids, equal to those of the official tokenizer, and back.

Read in this order: characters, normalization, vocabulary, decoding, tokenizer_json,
tokenizer_files, wordpiece.
"""

from minidistil.ch01_wordpiece.characters import is_chinese, is_control, is_punctuation
from minidistil.ch01_wordpiece.decoding import clean_up, join_pieces
from minidistil.ch01_wordpiece.normalization import count_words, normalize, plain_words, split_words, words_of
from minidistil.ch01_wordpiece.vocabulary import Merger, count_pairs, first_pieces, join_pair, learn, merge_pair
from minidistil.ch01_wordpiece.wordpiece import longest_match, truncate

__all__ = [
    "Merger", "clean_up", "count_pairs", "count_words", "first_pieces", "is_chinese", "is_control", "is_punctuation",
    "join_pair", "join_pieces", "learn", "longest_match", "merge_pair", "normalize", "plain_words", "split_words",
    "truncate", "words_of",
]  # fmt: skip
