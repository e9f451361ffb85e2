"""Chapter 1, the way back: against transformers, whose default has changed with version 5."""

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from tests.ch01_wordpiece.test_wordpiece import HARD_TEXTS


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["un", "##happy", "##ness", "is", "fine"], "unhappyness is fine"),
        (["##ness", "##es", "first"], "##nesses first"),
        (["do", "n't", "stop", ",", "is", "it", "?", "no", "!", "end", "."], "don't stop, is it? no! end."),
        (["i", "'", "m", "it", "'", "s"], "i ' m it ' s"),
        (["you", "'re", "we", "'ve", "she", "'s", "i", "'m"], "you're we've she's i'm"),
        (["a", ";", "b", ":", "c", "-", "d"], "a ; b : c - d"),
        (["rock", "'", "'", "roll", "..."], "rock ' ' roll..."),
        ([".", "net", "'s"], ". net's"),
        (["a", "'", "."], "a '."),
        (["c", "###", "b", "####", "##d", "##e##f"], "c# b##de##f"),
        ([], ""),
    ],
)
def test_pieces_are_joined(impl: ModuleType, official_tokenizer: Tokenizer, pieces: list[str], expected: str) -> None:
    assert official_tokenizer.decoder.decode(pieces) == expected  # the official decoder agrees with the table
    given = list(pieces)
    result = impl.join_pieces(given)
    assert result == expected, f"{pieces}: expected {expected!r}, got {result!r}"
    assert given == pieces, "the list that was given must stay as it is"


@pytest.fixture(scope="module")
def peer(official_tokenizer: Tokenizer) -> Any:
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=official_tokenizer, **names)


@pytest.mark.parametrize("skipped", [False, True])
@pytest.mark.parametrize("clean_up", [None, False, True])
def test_decoding_is_that_of_transformers(
    skipped: bool, clean_up: bool | None, tokenizer: WordPiece, peer: Any, docs_corpus: Corpus
) -> None:
    texts = [*HARD_TEXTS, "Our planet's 'moon' can't , it 's : OK . . .", *docs_corpus.test[:200]]
    for text in texts:
        ids = tokenizer.encode(text).ids
        expected = peer.decode(ids, skip_special_tokens=skipped, clean_up_tokenization_spaces=clean_up)
        assert tokenizer.decode(ids, skipped, clean_up) == expected


def test_a_tokenizer_may_clean_up_by_itself(tokenizer: WordPiece) -> None:
    cleaning = WordPiece(tokenizer.tokens, clean_up_tokenization_spaces=True)
    ids = cleaning.encode("I'm here.").ids
    assert cleaning.decode(ids, True) == "i'm here."
    assert cleaning.decode(ids, True, clean_up_tokenization_spaces=False) == "i ' m here."


def test_ids_may_come_in_anything_that_holds_them(tokenizer: WordPiece) -> None:
    ids = tokenizer.ids("unaffable, no?")
    kinds = (ids, tuple(ids), iter(ids), np.array(ids), np.array(ids, np.int16), pd.Series(ids), torch.tensor(ids))
    for kind in (*kinds, list(np.array(ids)), list(torch.tensor(ids)), torch.tensor(ids, dtype=torch.int32)):
        assert tokenizer.decode(kind) == "unaffable, no?"
    assert tokenizer.decode([]) == ""


def test_what_is_no_row_of_ids_is_refused(tokenizer: WordPiece) -> None:
    given: Any
    for given, said in (("[MASK]", "str .*MASK"), (5, "int 5"), (torch.tensor(5), "int 5"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"token ids, got {said}.*wrap it in a list"):
            tokenizer.decode(given)
    rows = ([[5, 6]], torch.tensor([[5, 6]]), tokenizer.batch(["a"]))
    for given in ([5, True], np.array([True]), [5.0], torch.tensor([1.0]), ["5"], [None], *rows):
        with pytest.raises(TypeError, match="whole numbers, the ids of one text, got"):
            tokenizer.decode(given)
    with pytest.raises(TypeError, match="skip_special_tokens is of type list: expected bool"):
        tokenizer.decode([6], [5])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clean_up_tokenization_spaces is of type str: expected bool"):
        tokenizer.decode([6], clean_up_tokenization_spaces="no")  # type: ignore[arg-type]
    for outside in (30522, -1):
        with pytest.raises(ValueError, match=f"{outside} is outside the vocabulary of 30522"):
            tokenizer.decode([5, outside])
