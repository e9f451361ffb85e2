"""Chapter 2. From documents to what a model reads: DistilBERT's sequences and BERT's sentence pairs.

DistilBERT reads [CLS] … [SEP]: a document is cut into chunks at the length limit, each with a [CLS] and a [SEP] of its
own; short chunks and those that are half [UNK] are dropped (huggingface/transformers,
research_projects/distillation, lm_seqs_dataset.py).

BERT, and DistilBERT's model card, which repeats BERT's, read [CLS] A [SEP] B [SEP], where B follows A in half of the
cases and comes from elsewhere in the other half (Devlin et al., 2019, section 3.1, task 2).

Letters in shapes: L tokens of a sequence.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral

import torch
from torch import Tensor

from minidistil.arguments import one_text, require_kind, several
from minidistil.ch01_wordpiece.wordpiece import WordPiece

MIN_TOKENS = 12  # shorter sequences are dropped (11 tokens or fewer in the official code)
MAX_UNKNOWN = 0.5  # so are those of which this fraction or more is [UNK]

NOTHING_LEFT = (
    f"The corpus is empty: expected at least one sequence of {MIN_TOKENS} tokens or more, less than half of them [UNK]."
)

CONSECUTIVE, RANDOM = 0, 1  # a pair's label, in BERT's own numbering

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def sequences(documents: Iterable[str], tokenizer: WordPiece, max_length: int = 128) -> list[Tensor]:
    """Documents as int64 tensors of ids [CLS] … [SEP], (L,) each, at most max_length long.

    Raises:
        TypeError: documents is one string or no texts, or another argument is something else.
        ValueError: max_length is below 3, or all sequences are dropped.
    """
    require_kind(WordPiece, tokenizer=tokenizer)
    require_kind(Integral, max_length=max_length)
    result = [chunk for document in several(documents) for chunk in chunks(document, tokenizer, max_length)]
    if not result:
        raise ValueError(NOTHING_LEFT)
    return result


def chunks(document: str, tokenizer: WordPiece, max_length: int) -> Iterator[Tensor]:
    """The sequences of one document, as in `sequences`; none if all are dropped.

    >>> tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    >>> [chunk.tolist() for chunk in chunks("a b c a", tokenizer, 4)]
    [[2, 5, 6, 3], [2, 7, 5, 3]]
    """
    if max_length < 3:
        raise ValueError(f"max_length={max_length} is too small: [CLS], one token and [SEP] need 3.")
    room = max_length - 2
    ids = tokenizer.ids(document)
    for start in range(0, len(ids), room):
        chunk = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
        unknown = chunk.count(tokenizer.unk_token_id)
        if len(chunk) >= min(MIN_TOKENS, max_length) and unknown < MAX_UNKNOWN * len(chunk):
            yield torch.tensor(chunk)


@dataclass(frozen=True)
class SentencePair:
    """[CLS] A [SEP] B [SEP]."""

    input_ids: Tensor  # (L,)
    token_type_ids: Tensor  # (L,) 0 for [CLS] A [SEP], 1 for B [SEP]
    label: int  # CONSECUTIVE or RANDOM


def sentence_pairs(
    documents: Iterable[str], tokenizer: WordPiece, max_length: int = 512, generator: torch.Generator | None = None
) -> list[SentencePair]:
    """The model card's input: A and B are runs of whole sentences, with [CLS] and [SEP] at most max_length long.

    Sentences of a document are read up to the limit, and a random boundary cuts them into A and its continuation.
    With probability 1/2 B is the continuation, else it is sentences from a random place in another document, about as
    many tokens, and the continuation is read again as the next A. Documents of one sentence have no continuation and
    are left out.

    Raises:
        TypeError: as `sequences`.
        ValueError: max_length is below 5, or fewer than two documents have two sentences.
    """
    require_kind(WordPiece, tokenizer=tokenizer)
    require_kind(Integral, max_length=max_length)
    if max_length < 5:
        raise ValueError(f"max_length={max_length} is too small: [CLS] A [SEP] B [SEP] needs 5.")
    room = max_length - 3
    every = (_sentences(document, tokenizer, room) for document in several(documents))
    texts = [sentences for sentences in every if len(sentences) > 1]
    if len(texts) < 2:
        raise ValueError("The corpus is too small for sentence pairs: expected two documents of two sentences or more.")

    def draw(below: int) -> int:
        return int(torch.randint(below, (), generator=generator))

    result = []
    for number, sentences in enumerate(texts):
        first = 0
        while (end := _fill(sentences, first, room)) - first > 1:
            cut = first + 1 + draw(end - first - 1)
            a, b, label = _join(sentences[first:cut]), _join(sentences[cut:end]), draw(2)
            if label == RANDOM:
                other = texts[(number + 1 + draw(len(texts) - 1)) % len(texts)]
                b = _about(other[draw(len(other)) :], len(b))[: room - len(a)]
            result.append(_pair(a, b, label, tokenizer))
            first = cut if label == RANDOM else end
    return result


def _sentences(document: str, tokenizer: WordPiece, room: int) -> list[list[int]]:
    """Ids of each sentence; one too long for half the room is cut, so that two of them always fit."""
    ids = (tokenizer.ids(sentence) for sentence in _SENTENCE_END.split(one_text(document)))
    half = room // 2
    return [sentence[start : start + half] for sentence in ids for start in range(0, len(sentence), half)]


def _fill(sentences: Sequence[list[int]], first: int, room: int) -> int:
    """End of the longest run of sentences from `first` on that fits into the room."""
    end, length = first, 0
    while end < len(sentences) and length + len(sentences[end]) <= room:
        length += len(sentences[end])
        end += 1
    return end


def _about(sentences: Sequence[list[int]], length: int) -> list[int]:
    """Sentences from the first on until there are `length` tokens."""
    result: list[int] = []
    for sentence in sentences:
        if len(result) >= length:
            break
        result += sentence
    return result


def _join(sentences: Sequence[list[int]]) -> list[int]:
    return list(chain.from_iterable(sentences))


def _pair(a: list[int], b: list[int], label: int, tokenizer: WordPiece) -> SentencePair:
    ids = [tokenizer.cls_token_id, *a, tokenizer.sep_token_id, *b, tokenizer.sep_token_id]
    return SentencePair(torch.tensor(ids), torch.tensor([0] * (len(a) + 2) + [1] * (len(b) + 1)), label)
