"""Chapter 1. WordPiece: from a text to the ids of its tokens, and back.

BERT's uncased tokenizer has five steps (a cased one has less in step 2, see `normalization`):

1. cut out special tokens that are written in the text ([MASK] …);
2. normalize: drop control characters, put spaces around Chinese characters, strip accents, lower-case;
3. split at white space and around every punctuation mark;
4. in each word, repeatedly take the longest piece of the vocabulary that the rest of the word begins with; every piece
   but the first is written with "##"; a word that cannot be covered becomes [UNK];
5. truncate, and add [CLS] and [SEP]: [CLS] A [SEP], or [CLS] A [SEP] B [SEP] for a pair.

The way back (see `decoding`) leaves "planet ' s" as it is: the default of transformers 5. Earlier versions cleaned that
up to "planet's", which clean_up_tokenization_spaces=True still does.

References: Schuster and Nakajima (2012), "Japanese and Korean Voice Search" (the vocabulary); Devlin et al. (2019),
"BERT" (section 3, the input); Wu et al. (2016), "Google's Neural Machine Translation System" (section 4.1, step 4).

Letters in shapes: B texts, L tokens of the longest one.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

from minidistil.arguments import listed, one_text, require_kind, several
from minidistil.ch01_wordpiece.decoding import clean_up as without_spaces
from minidistil.ch01_wordpiece.decoding import join_pieces, whole_numbers
from minidistil.ch01_wordpiece.normalization import count_words, normalize_as, plain_words, split_stretches, split_words
from minidistil.ch01_wordpiece.tokenizer_files import read_tokenizer, write_tokenizer
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, SPECIAL_TOKENS, learn

if TYPE_CHECKING:
    from torch import Tensor

CACHE_SIZE = 1 << 22  # some 60 MB: a string whose ids are remembered counts with its length and ENTRY
ENTRY, LONGEST_ENTRY = 16, 256
_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIAL_TOKENS)) + ")")


def longest_match(word: str, vocab: dict[str, int]) -> list[str] | None:
    """Step 4: the pieces of a word, greedily from the left; None where it cannot be covered.

    >>> longest_match("unhappy", {"un": 0, "##happy": 1, "##h": 2, "##ap": 3, "##py": 4})
    ['un', '##happy']
    """
    if len(word) > MAX_WORD_LENGTH:
        return None
    pieces = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            piece = prefix + word[start:end]
            if piece in vocab:
                break
        else:
            return None
        pieces.append(piece)
        start = end
    return pieces


def truncate(parts: list[list[int]], room: int) -> list[list[int]]:
    """Step 5: drop tokens from the end of the longer text first, until both texts together fit into the room.

    Two long texts get half of the room each, the longer one (of equal ones, the second) also an odd token.

    >>> truncate([[1, 2, 3, 4, 5], [6, 7]], 6)
    [[1, 2, 3, 4], [6, 7]]
    """
    if sum(map(len, parts)) <= room:
        return parts
    if len(parts) == 1:
        return [parts[0][:room]]
    shorter, longer = (1, 0) if len(parts[0]) > len(parts[1]) else (0, 1)
    kept = min(len(parts[shorter]), room // 2)
    lengths = {shorter: kept, longer: room - kept}
    return [part[: lengths[index]] for index, part in enumerate(parts)]


@dataclass
class Encoding:
    """A text or a pair as tokens. Offsets are worked out when they are asked for."""

    ids: list[int]
    type_ids: list[int]  # 0 for [CLS] A [SEP], 1 for B [SEP]
    _tokenizer: "WordPiece"
    _texts: list[str]
    _kept: list[int]  # tokens of each text that are left after truncation

    @property
    def tokens(self) -> list[str]:
        """The pieces as written in the vocabulary."""
        return [self._tokenizer.tokens[index] for index in self.ids]

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """(start, end) of each token in the original text; (0, 0) for [CLS] and [SEP]."""
        result = [(0, 0)]
        for text, kept in zip(self._texts, self._kept, strict=True):
            spans = [(start, end) for _, start, end in self._tokenizer.pieces(text)]
            result += [*spans[:kept], (0, 0)]
        return result


class WordPiece:
    """BERT's tokenizer over a vocabulary, uncased unless told otherwise; the arguments have transformers' names.

    Args:
        tokens: the vocabulary; a token's id is its place in the list.
        do_lower_case: whether step 2 lower-cases.
        strip_accents: whether step 2 strips accents; None: if it lower-cases.
        tokenize_chinese_chars: whether step 2 puts spaces around Chinese characters.
        clean_up_tokenization_spaces: whether `decode` cleans up if it is not told.

    Raises:
        TypeError: tokens is no list, or a setting neither True nor False.
        ValueError: a special token is missing, or a token is there twice.
    """

    tokens: list[str]
    vocab: dict[str, int]
    pad_token_id: int
    unk_token_id: int
    cls_token_id: int
    sep_token_id: int
    mask_token_id: int
    special_ids: frozenset[int]
    settings: dict[str, bool]

    def __init__(
        self,
        tokens: Sequence[str],
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        clean_up_tokenization_spaces: bool = False,
    ):
        require_kind(bool, do_lower_case=do_lower_case, tokenize_chinese_chars=tokenize_chinese_chars)
        require_kind(bool, clean_up_tokenization_spaces=clean_up_tokenization_spaces)
        require_kind(bool, NoneType, strip_accents=strip_accents)
        self.tokens = listed(tokens, "the tokens of a vocabulary")
        self.vocab = {token: index for index, token in enumerate(self.tokens)}
        if missing := [token for token in SPECIAL_TOKENS if token not in self.vocab]:
            raise ValueError(f"The vocabulary has no {', '.join(missing)}: add each as a line of its own.")
        if len(self.vocab) != len(self.tokens):
            twice = next(token for index, token in enumerate(self.tokens) if self.vocab[token] != index)
            raise ValueError(f"The vocabulary has {twice!r} twice: expected one id for each token.")
        special = [self.vocab[token] for token in SPECIAL_TOKENS]
        self.pad_token_id, self.unk_token_id, self.cls_token_id, self.sep_token_id, self.mask_token_id = special
        self.special_ids = frozenset(special)
        accents = do_lower_case if strip_accents is None else strip_accents
        parts = {
            "do_lower_case": do_lower_case,
            "strip_accents": accents,
            "tokenize_chinese_chars": tokenize_chinese_chars,
        }
        self.settings = parts | {"clean_up_tokenization_spaces": clean_up_tokenization_spaces}
        self._omitted = {part: False for part, done in parts.items() if not done}  # of step 2
        self._word_ids = _Cache(self._match_word)  # "unhappy" and "unhappy," share the first …
        self._stretch_ids = _Cache(self._match_stretch)  # … and each of both is looked up once here
        self._ids_of = self._stretch_ids.__getitem__

    @classmethod
    def from_pretrained(cls, name: str | Path) -> "WordPiece":
        """The tokenizer of a model name, hub id, folder or vocab.txt, as the files beside the vocabulary describe it.

        Raises:
            TypeError: name is neither a string nor a Path.
            FileNotFoundError: no such vocabulary.
            ValueError: a file is damaged, contradicts another one, or describes a tokenizer that is not supported.
        """
        require_kind(str, Path, name=name)
        tokens, settings = read_tokenizer(name)
        return cls(tokens, **settings)

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int = 8192, rule: str = "frequency", min_frequency: int = 1
    ) -> "WordPiece":
        """A tokenizer whose vocabulary is learnt from texts; rule and min_frequency as in `vocabulary.learn`.

        Raises:
            TypeError: texts is one string or no texts, or a number is not a whole one.
            ValueError: as in `vocabulary.learn`.
        """
        require_kind(str, rule=rule)
        require_kind(int, vocab_size=vocab_size, min_frequency=min_frequency)
        return cls(learn(count_words(map(one_text, several(texts))), vocab_size, rule, min_frequency))

    def save(self, folder: str | Path, model_max_length: int = 512) -> None:
        """Write vocab.txt, tokenizer.json and tokenizer_config.json, which transformers loads, into the folder.

        model_max_length is the length to which transformers truncates: as many tokens as the model has positions.

        Raises:
            TypeError: an argument is something else.
            OSError: the folder cannot be written.
        """
        require_kind(str, Path, folder=folder)
        require_kind(Integral, model_max_length=model_max_length)
        write_tokenizer(Path(folder), self.tokens, self.settings, model_max_length)

    def __len__(self) -> int:
        return len(self.tokens)

    def pieces(self, text: str) -> list[tuple[str, int, int]]:
        """(piece, start, end) for each token of a text without [CLS] and [SEP]: steps 1 to 4, one after the other."""
        result: list[tuple[str, int, int]] = []
        position = 0
        for part in _SPECIAL.split(one_text(text)):
            if part in SPECIAL_TOKENS:
                result.append((part, position, position + len(part)))
            else:
                for word in split_words(
                    [(char, position + index) for char, index in normalize_as(part, **self._omitted)]
                ):
                    start = 0
                    for piece in longest_match("".join(char for char, _ in word), self.vocab) or ["[UNK]"]:
                        end = len(word) if piece == "[UNK]" else start + len(piece) - (2 if start else 0)  # no "##"
                        result.append((piece, word[start][1], word[end - 1][1] + 1))
                        start = end
            position += len(part)
        return result

    def encode(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """The tokens of a text or a pair with [CLS] and [SEP]; of a pair the longer text is truncated first.

        max_length counts tokens, [CLS] and [SEP] included; None: no truncation.

        Raises:
            TypeError: a text is not a string, or max_length is not a whole number.
            ValueError: max_length has no room for one token of each text.
        """
        require_kind(Integral, NoneType, max_length=max_length)
        texts = [text] if pair is None else [text, pair]
        parts = [self.ids(given) for given in texts]
        if max_length is not None:
            room = max_length - len(parts) - 1
            if room < len(parts):
                raise ValueError(f"max_length must be at least {2 * len(parts) + 1}, got {max_length}.")
            parts = truncate(parts, room)
        ids, type_ids = [self.cls_token_id], [0]
        for segment, part in enumerate(parts):
            ids += [*part, self.sep_token_id]
            type_ids += [segment] * (len(part) + 1)
        return Encoding(ids, type_ids, self, texts, [len(part) for part in parts])

    def batch(
        self, texts: Iterable[str], pairs: Iterable[str] | None = None, max_length: int | None = None
    ) -> dict[str, "Tensor"]:
        """input_ids, attention_mask (1 = real token) and token_type_ids, each (B, L) int64, padded right.

        Raises:
            TypeError: texts or pairs is one string or no list, array, Series … of strings.
            ValueError: no text was given, not as many pairs as texts, or max_length as in `encode`.
        """
        import torch
        from torch.nn.utils.rnn import pad_sequence

        texts = listed(texts, "several texts")
        if not texts:
            raise ValueError("Expected at least one text, got an empty list.")
        seconds = [None] * len(texts) if pairs is None else listed(pairs, "several texts as pairs")
        if len(seconds) != len(texts):
            raise ValueError(f"Expected a pair for each of {len(texts)} texts, got {len(seconds)}.")
        encodings = [self.encode(text, pair, max_length) for text, pair in zip(texts, seconds, strict=True)]
        ids = [torch.tensor(each.ids) for each in encodings]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.pad_token_id),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
            "token_type_ids": pad_sequence([torch.tensor(each.type_ids) for each in encodings], batch_first=True),
        }

    def decode(
        self,
        ids: "Iterable[int] | Tensor",
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Text of the ids in a list, an array or a tensor (L,): `join_pieces`, then `clean_up` where it is asked for.

        clean_up_tokenization_spaces: None: as the tokenizer is set, and that is off unless its files say otherwise.

        Raises:
            TypeError: ids are not whole numbers in one row, or another argument is neither True nor False.
            ValueError: an id is outside the vocabulary.
        """
        clean_up = self.settings["clean_up_tokenization_spaces"]
        if clean_up_tokenization_spaces is not None:
            clean_up = clean_up_tokenization_spaces
        require_kind(bool, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=clean_up)
        numbers = whole_numbers(ids)
        if outside := [index for index in numbers if not 0 <= index < len(self)]:
            raise ValueError(f"Token id {outside[0]} is outside the vocabulary of {len(self)} tokens.")
        left_out = self.special_ids if skip_special_tokens else ()
        text = join_pieces([self.tokens[index] for index in numbers if index not in left_out])
        return without_spaces(text) if clean_up else text

    # --- The ids of `pieces`, faster: nearly every word of a text was seen before ---

    def ids(self, text: str) -> list[int]:
        """Ids of a text without [CLS] and [SEP]: each stretch between white space is looked up in a cache."""
        if "[" in one_text(text) and _SPECIAL.search(text):
            parts = _SPECIAL.split(text)
            return [id_ for part in parts for id_ in ([self.vocab[part]] if part in SPECIAL_TOKENS else self.ids(part))]
        return list(chain.from_iterable(map(self._ids_of, split_stretches(text))))

    def _match_stretch(self, stretch: str) -> tuple[int, ...]:
        return tuple(chain.from_iterable(map(self._word_ids.__getitem__, plain_words(stretch, **self._omitted))))

    def _match_word(self, word: str) -> tuple[int, ...]:
        return tuple(self.vocab[piece] for piece in longest_match(word, self.vocab) or ["[UNK]"])


class _Cache(dict[str, tuple[int, ...]]):
    """Ids of a string, worked out once. Long strings are not kept; emptied when full."""

    def __init__(self, work: Callable[[str], tuple[int, ...]]):
        super().__init__()
        self.work, self.size = work, 0

    def __missing__(self, key: str) -> tuple[int, ...]:
        ids = self.work(key)
        if len(key) <= LONGEST_ENTRY:
            if self.size >= CACHE_SIZE:
                self.clear()
                self.size = 0
            self.size += len(key) + ENTRY
            self[key] = ids
        return ids
