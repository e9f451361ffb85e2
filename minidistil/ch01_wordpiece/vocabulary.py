"""Chapter 1. A vocabulary from scratch: merge the best pair of neighbours until there are enough pieces.

Every word starts as its characters ("h", "##u", "##g"). The best pair of neighbouring pieces becomes one piece in all
words, again and again. The rule says which pair is the best:

- "frequency": the pair that occurs most often. This is byte-pair encoding (Sennrich et al., 2016) with "##", and what
  the WordPieceTrainer of `tokenizers` does.
- "likelihood": the pair with the highest count(ab) / (count(a) count(b)), pieces that rarely occur without each other.
  This is what is commonly called the WordPiece score. (Schuster and Nakajima, 2012, choose by the gain in the training
  text's likelihood, which is count(ab) times the logarithm of that score.)

Of equal pairs the first in the order of Python's strings is merged: a text has one vocabulary.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD_LENGTH = 100  # a longer word becomes [UNK]
ALPHABET_LIMIT = 1000  # only the most frequent characters are kept; words with another one become [UNK]
RULES = ("frequency", "likelihood")

Pair = tuple[str, str]


def first_pieces(word: str) -> list[str]:
    """The characters of a word, all but the first with "##" before them."""
    return [char if place == 0 else f"##{char}" for place, char in enumerate(word)]


def join_pair(pair: Pair) -> str:
    """The piece that two neighbours become: ("##u", "##g") gives "##ug"."""
    return pair[0] + pair[1].removeprefix("##")


def count_pairs(words: Iterable[tuple[Sequence[str], int]]) -> Counter[Pair]:
    """How often each pair of neighbours occurs, given the pieces and the count of each word.

    >>> sorted(count_pairs([(["h", "##u", "##g"], 10), (["h", "##u"], 1)]).items())
    [(('##u', '##g'), 10), (('h', '##u'), 11)]
    """
    pairs: Counter[Pair] = Counter()
    for pieces, count in words:
        for pair in pairwise(pieces):
            pairs[pair] += count
    return pairs


def merge_pair(pieces: Sequence[str], pair: Pair) -> list[str]:
    """The pieces of a word with each occurrence of the pair made one piece, from left to right.

    >>> merge_pair(["h", "##m", "##m", "##m"], ("##m", "##m"))
    ['h', '##mm', '##m']
    """
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


def merges_plain(words: Mapping[str, int], rule: str = "frequency", min_frequency: int = 1) -> Iterator[Pair]:
    """The pairs in the order in which they are merged: count all, merge the best, repeat.

    >>> list(merges_plain({"hug": 3, "pug": 2}))
    [('##u', '##g'), ('h', '##ug'), ('p', '##ug')]
    """
    split = [(first_pieces(word), count) for word, count in words.items()]
    while True:
        pairs, pieces = count_pairs(split), _count_pieces(split)
        scores = {pair: _score(pair, rule, pairs, pieces) for pair in pairs if pairs[pair] >= min_frequency}
        if not scores:
            return
        best = min(scores, key=lambda pair: (-scores[pair], pair))
        yield best
        split = [(merge_pair(parts, best), count) for parts, count in split]


def _count_pieces(words: Iterable[tuple[Sequence[str], int]]) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for parts, count in words:
        for piece in parts:
            pieces[piece] += count
    return pieces


def _score(pair: Pair, rule: str, pairs: Counter[Pair], pieces: Counter[str]) -> float:
    return pairs[pair] if rule == "frequency" else pairs[pair] / (pieces[pair[0]] * pieces[pair[1]])


def learn(words: Mapping[str, int], vocab_size: int, rule: str = "frequency", min_frequency: int = 1) -> list[str]:
    """A vocabulary: the special tokens, the characters, then the merged pieces in their order.

    Args:
        words: each word with its count, as `count_words` gives them.
        vocab_size: the most entries; there are fewer where no pair is left to merge.
        rule: "frequency" or "likelihood".
        min_frequency: pairs that occur less often are never merged. The likelihood rule needs one well above 1: no
            pair has a higher score than two pieces that occur once each, side by side.

    Raises:
        ValueError: an unknown rule, min_frequency below 1, no words, or vocab_size too small for the characters.
    """
    if rule not in RULES:
        raise ValueError(f"Unknown rule {rule!r}: expected one of {', '.join(RULES)}.")
    if min_frequency < 1:
        raise ValueError(f"min_frequency must be at least 1, got {min_frequency}.")
    known = _within_alphabet(words)
    if not known:
        raise ValueError("There are no words to learn a vocabulary from.")
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *sorted({piece for word in known for piece in first_pieces(word)})])
    if len(tokens) > vocab_size:
        raise ValueError(f"vocab_size must be at least {len(tokens)}, for the characters alone, got {vocab_size}.")
    pairs = merges(known, rule, min_frequency)
    while len(tokens) < vocab_size and (pair := next(pairs, None)) is not None:
        tokens[join_pair(pair)] = None
    return list(tokens)


def _within_alphabet(words: Mapping[str, int]) -> dict[str, int]:
    """The words that are not too long and have none but the most frequent characters."""
    characters = _count_pieces(words.items())
    ordered = sorted(characters, key=lambda char: (-characters[char], char))
    alphabet = set(ordered[:ALPHABET_LIMIT])
    return {word: count for word, count in words.items() if len(word) <= MAX_WORD_LENGTH and alphabet.issuperset(word)}


# --- The same, faster: counts are kept up to date, and a queue knows the best pair ---


def merges(words: Mapping[str, int], rule: str = "frequency", min_frequency: int = 1) -> Iterator[Pair]:
    """As `merges_plain`. Each pair is merged when the next one is asked for."""
    merger = Merger(words, rule, min_frequency)
    while (pair := merger.best()) is not None:
        yield pair
        merger.merge(pair)


class Merger:
    """Words as pieces, with the counts of pieces and pairs kept up to date from merge to merge.

    Args:
        words: each word with its count.
        rule: "frequency" or "likelihood".
        min_frequency: pairs that occur less often are never merged.
    """

    def __init__(self, words: Mapping[str, int], rule: str = "frequency", min_frequency: int = 1):
        self.rule = rule
        self.min_frequency = min_frequency
        self.words: list[list[str]] = [first_pieces(word) for word in words]
        self.counts: list[int] = list(words.values())
        self.pieces: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self._words_with: defaultdict[Pair, set[int]] = defaultdict(set)
        self._pairs_with: defaultdict[str, set[Pair]] = defaultdict(set)
        for index in range(len(self.words)):
            self._count(index, 1)
        self._queue = [(-self.score(pair), pair) for pair, count in self.pairs.items() if count >= min_frequency]
        heapq.heapify(self._queue)

    def score(self, pair: Pair) -> float:
        """The score of a pair by the rule; the highest is merged first."""
        return _score(pair, self.rule, self.pairs, self.pieces)

    def best(self) -> Pair | None:
        """The next pair to merge; None where none is frequent enough.

        An entry whose score is outdated is dropped: the pair is in the queue again, unless it has become too rare.
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
        for index in list(self._words_with[pair]):
            changed |= self._count(index, -1)
            self.words[index] = merge_pair(self.words[index], pair)
            changed |= self._count(index, 1)
        if self.rule == "likelihood":  # both pieces occur less often now, which changes the scores of all their pairs
            changed |= self._pairs_with[pair[0]] | self._pairs_with[pair[1]]
        for each in changed:
            if self.pairs[each] >= self.min_frequency:
                heapq.heappush(self._queue, (-self.score(each), each))
            elif self.pairs[each] == 0:
                del self.pairs[each], self._words_with[each]
                for piece in each:
                    self._pairs_with[piece].discard(each)

    def _count(self, index: int, sign: int) -> set[Pair]:
        """Count a word's pieces and pairs in (sign 1) or out (-1); returns its pairs."""
        pieces, count = self.words[index], sign * self.counts[index]
        for piece in pieces:
            self.pieces[piece] += count
        pairs = count_pairs([(pieces, count)])
        for pair, number in pairs.items():
            self.pairs[pair] += number
            if sign > 0:
                self._words_with[pair].add(index)
                self._pairs_with[pair[0]].add(pair)
                self._pairs_with[pair[1]].add(pair)
            else:
                self._words_with[pair].discard(index)
        return set(pairs)
