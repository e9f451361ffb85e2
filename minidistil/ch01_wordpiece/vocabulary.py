"""Chapter 1. A vocabulary from scratch: merge the best pair of neighbours until there are enough pieces.

Every word starts as its characters ("h", "##u", "##g"). The best pair of neighbouring pieces becomes
one piece everywhere, again and again. What "best" means is the rule:

- "frequency": the pair that occurs most often. So does the WordPieceTrainer of `tokenizers`,
  which is byte-pair encoding (Sennrich et al., 2016) with "##".
- "likelihood": the pair with the highest count(ab) / (count(a) count(b)): pieces that rarely occur
  without each other. This is what is commonly called the WordPiece score. The gain in the training
  text's likelihood, by which Schuster and Nakajima (2012) choose, weighs its logarithm by count(ab).

Of equal pairs the first in the order of Python's strings is taken, so a text has one vocabulary.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD_LENGTH = 100  # a longer word becomes [UNK]
ALPHABET_LIMIT = 1000  # characters kept, the most frequent; words with another one become [UNK]
RULES = ("frequency", "likelihood")

Pair = tuple[str, str]


def first_pieces(word: str) -> list[str]:
    """The characters of a word, all but the first marked with "##"."""
    return [char if place == 0 else f"##{char}" for place, char in enumerate(word)]


def join_pair(pair: Pair) -> str:
    """The piece that two neighbours become: ("##u", "##g") gives "##ug"."""
    return pair[0] + pair[1].removeprefix("##")


def count_pairs(words: Iterable[tuple[Sequence[str], int]]) -> Counter[Pair]:
    """How often each pair of neighbours occurs, given words as pieces with the count of each word."""
    pairs: Counter[Pair] = Counter()
    for pieces, count in words:
        for pair in pairwise(pieces):
            pairs[pair] += count
    return pairs


def merge_pair(pieces: Sequence[str], pair: Pair) -> list[str]:
    """The pieces of a word with each occurrence of the pair, from the left, made one piece."""
    merged: list[str] = []
    place = 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            merged.append(join_pair(pair))
            place += 2
        else:
            merged.append(pieces[place])
            place += 1
    return merged


class Merger:
    """Words in pieces, with the counts of pieces and pairs kept up to date from merge to merge.

    Args:
        words: each word with its count.
        rule: "frequency" or "likelihood".
        min_frequency: pairs that occur less often are never merged.
    """

    def __init__(self, words: Mapping[str, int], rule: str = "frequency", min_frequency: int = 1):
        self.rule, self.min_frequency = rule, min_frequency
        self.words = [first_pieces(word) for word in words]
        self.counts = list(words.values())
        self.pieces: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self._words_with: defaultdict[Pair, set[int]] = defaultdict(set)
        self._pairs_with: defaultdict[str, set[Pair]] = defaultdict(set)
        for index in range(len(self.words)):
            self._add(index, self.counts[index])
        self._queue = [(-self.score(pair), pair) for pair, count in self.pairs.items() if count >= min_frequency]
        heapq.heapify(self._queue)

    def score(self, pair: Pair) -> float:
        """What the rule gives for a pair; higher is merged earlier."""
        if self.rule == "frequency":
            return self.pairs[pair]
        return self.pairs[pair] / (self.pieces[pair[0]] * self.pieces[pair[1]])

    def best(self) -> Pair | None:
        """The next pair to merge; None where none is frequent enough.

        The queue may hold outdated scores; such an entry is skipped, its successor is further down.
        """
        while self._queue:
            negative, pair = self._queue[0]
            if self.pairs[pair] >= self.min_frequency and -negative == self.score(pair):
                return pair
            heapq.heappop(self._queue)
        return None

    def merge(self, pair: Pair) -> None:
        """Make the pair one piece in every word that has it."""
        changed: set[Pair] = set()
        for index in sorted(self._words_with[pair]):
            changed |= self._add(index, -self.counts[index])
            self.words[index] = merge_pair(self.words[index], pair)
            changed |= self._add(index, self.counts[index])
        if self.rule == "likelihood":  # the counts of both parts fell: all their pairs score anew
            changed |= self._pairs_with[pair[0]] | self._pairs_with[pair[1]]
        for each in changed:
            if self.pairs[each] >= self.min_frequency:
                heapq.heappush(self._queue, (-self.score(each), each))
            elif self.pairs[each] == 0:
                self._forget(each)

    def _add(self, index: int, count: int) -> set[Pair]:
        """Count a word's pieces and pairs in, or out if count is negative; gives its pairs."""
        pieces = self.words[index]
        for piece in pieces:
            self.pieces[piece] += count
        pairs = count_pairs([(pieces, count)])
        for pair, number in pairs.items():
            self.pairs[pair] += number
            if count > 0:
                self._words_with[pair].add(index)
                self._pairs_with[pair[0]].add(pair)
                self._pairs_with[pair[1]].add(pair)
            else:
                self._words_with[pair].discard(index)
        return set(pairs)

    def _forget(self, pair: Pair) -> None:
        del self.pairs[pair], self._words_with[pair]
        self._pairs_with[pair[0]].discard(pair)
        self._pairs_with[pair[1]].discard(pair)


def learn(words: Mapping[str, int], vocab_size: int, rule: str = "frequency", min_frequency: int = 1) -> list[str]:
    """A vocabulary: the special tokens, the characters, then the merged pieces in their order.

    Args:
        words: each word with its count (`words.count_words`).
        vocab_size: entries at most; fewer where no pair is left to merge.
        rule: "frequency" or "likelihood".
        min_frequency: pairs that occur less often are never merged. The likelihood rule needs one
            well above 1: a pair of pieces that occur once each, together, has the highest score of all.

    Raises:
        ValueError: an unknown rule, min_frequency below 1, no words, or no room for the characters.
    """
    if rule not in RULES:
        raise ValueError(f"Unknown rule {rule!r}: expected one of {', '.join(RULES)}.")
    if min_frequency < 1:
        raise ValueError(f"min_frequency={min_frequency} is too small: a pair that never occurs cannot be merged.")
    known = _within_alphabet(words)
    if not known:
        raise ValueError("There are no words to learn a vocabulary from.")
    merger = Merger(known, rule, min_frequency)
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *sorted(merger.pieces)])
    if len(tokens) > vocab_size:
        raise ValueError(
            f"vocab_size={vocab_size} is too small: the special tokens and the characters alone are {len(tokens)}."
        )
    for pair in _merges(merger):
        if len(tokens) == vocab_size:
            break
        tokens[join_pair(pair)] = None
    return list(tokens)


def _merges(merger: Merger) -> Iterator[Pair]:
    """Merges, each made after it was given."""
    while (pair := merger.best()) is not None:
        yield pair
        merger.merge(pair)


def _within_alphabet(words: Mapping[str, int]) -> dict[str, int]:
    """The words that are short enough and consist of the most frequent characters."""
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            characters[char] += count
    ordered = sorted(characters, key=lambda char: (-characters[char], char))
    alphabet = set(ordered[:ALPHABET_LIMIT])
    return {word: count for word, count in words.items() if len(word) <= MAX_WORD_LENGTH and alphabet.issuperset(word)}
