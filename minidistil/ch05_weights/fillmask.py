"""Chapter 5. Fill-mask: texts with [MASK] in, ranked words out, in the form of transformers' pipeline.

Letters in shapes: B texts, L tokens, M masks in all texts together, D width, V vocabulary, T targets.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypedDict, overload

import torch
from torch import Tensor

from minidistil.arguments import listed, require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.inputs import require_fit
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.heads import MaskedLM


class Guess(TypedDict):
    """One word for a [MASK]."""

    sequence: str  # the text with the word in place
    score: float  # its probability
    token: int  # its id
    token_str: str


def mask_probabilities(model: MaskedLM, input_ids: Tensor, attention_mask: Tensor | None, mask_token_id: int) -> Tensor:
    """The probability of every word at every mask; no other position is projected onto the vocabulary.

    >>> from minidistil import EncoderConfig
    >>> model = MaskedLM(EncoderConfig(vocab_size=20, hidden_size=4, num_hidden_layers=1, num_attention_heads=1))
    >>> mask_probabilities(model, torch.tensor([[7, 3, 8], [3, 3, 9]]), None, mask_token_id=3).shape
    torch.Size([3, 20])

    Args:
        model: its encoder and its head are called one after the other.
        input_ids: (B, L).
        attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding.
        mask_token_id: the id of [MASK].

    Returns:
        (M, V), each row sums to 1: the masks from left to right, text after text.
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state  # (B, L, D)
    return model.head(hidden[input_ids == mask_token_id]).softmax(-1)  # (M, D) -> (M, V)


# Any: a text with several masks has a list for each of them.
@overload
def fill_mask(  # type: ignore[overload-overlap]  # a text is a sequence of texts, too
    text: str,
    model: MaskedLM,
    tokenizer: WordPiece,
    top_k: int = 5,
    targets: str | Sequence[str] | None = None,
    clean_up_tokenization_spaces: bool | None = None,
) -> list[Guess | Any]: ...


@overload
def fill_mask(
    text: Sequence[str],
    model: MaskedLM,
    tokenizer: WordPiece,
    top_k: int = 5,
    targets: str | Sequence[str] | None = None,
    clean_up_tokenization_spaces: bool | None = None,
) -> list[list[Guess | Any]]: ...


@torch.no_grad()
def fill_mask(
    text: str | Sequence[str],
    model: MaskedLM,
    tokenizer: WordPiece,
    top_k: int = 5,
    targets: str | Sequence[str] | None = None,
    clean_up_tokenization_spaces: bool | None = None,
) -> list[Any]:
    """The most probable words for each [MASK] of a text, or of several texts, which are read in one padded batch.

    Args:
        text: one text or several.
        model, tokenizer: a masked LM and its tokenizer.
        top_k: how many words for each mask.
        targets: consider only these words; their probabilities are still those among all words.
        clean_up_tokenization_spaces: as in `WordPiece.decode`: "i'm" in place of "i ' m".

    Returns:
        As transformers' pipeline. For a text with one [MASK] the guesses, best first, each a `Guess`. For a text with
        several, one such list for each mask; its sequences show one word filled in, with the other masks, [CLS] and
        [SEP]. For a list of texts the list of their results.

    Raises:
        TypeError: a text or target is not a string, or model or tokenizer is something else.
        ValueError: no [MASK] in a text, a text too long, top_k below 1, a target that is no token, or a vocabulary
            that does not fit.
    """
    require_kind(Iterable, text=text)
    require_fit(tokenizer, model, MaskedLM)
    if type(top_k) is not int or not 1 <= top_k <= len(tokenizer):
        raise ValueError(f"top_k is {top_k!r}: expected a whole number from 1 to {len(tokenizer)}.")
    target_ids = None if targets is None else target_tokens(targets, tokenizer)
    texts = [text] if isinstance(text, str) else list(text)
    if not texts:
        return []
    batch = tokenizer.batch(texts)
    for each, row in zip(texts, batch["input_ids"], strict=True):
        if tokenizer.mask_token_id not in row:
            raise ValueError(f"There is no [MASK] in {each!r}: write [MASK] in place of the word to guess.")
    device = next(model.parameters()).device
    input_ids = batch["input_ids"].to(device)
    padding = batch["attention_mask"].to(device) if len(texts) > 1 else None
    with evaluating(model):
        probabilities = mask_probabilities(model, input_ids, padding, tokenizer.mask_token_id)  # (M, V)
    ranked = iter(best_words(probabilities, top_k, target_ids))
    decode = partial(tokenizer.decode, clean_up_tokenization_spaces=clean_up_tokenization_spaces)
    results = [_guesses(row, ranked, tokenizer, decode) for row in batch["input_ids"].tolist()]
    return results[0] if isinstance(text, str) else results


def best_words(probabilities: Tensor, top_k: int, target_ids: Sequence[int] | None) -> list[list[tuple[int, float]]]:
    """(id, probability) of the top_k words in each row of (M, V), best first; only of the targets if there are any."""
    if target_ids is None:
        scores, tokens = probabilities.topk(top_k)  # (M, K) each
    else:
        ids = torch.tensor(target_ids, device=probabilities.device)  # (T,)
        scores, places = probabilities[:, ids].topk(min(top_k, len(ids)))
        tokens = ids[places]
    return [list(zip(*row, strict=True)) for row in zip(tokens.tolist(), scores.tolist(), strict=True)]


def target_tokens(targets: str | Sequence[str], tokenizer: WordPiece) -> list[int]:
    """The ids of the targets without repetition: of a token of the vocabulary, or of the only piece of a word.

    Raises:
        TypeError: a target is not a string.
        ValueError: no target, or targets that are no single token; the message names all of them with their pieces.
    """
    words = [targets] if isinstance(targets, str) else listed(targets, "targets")
    if strange := [word for word in words if not isinstance(word, str)]:
        raise TypeError(f"Expected targets as strings, got {strange[0]!r} among them.")
    if not words:
        raise ValueError("targets is empty: expected at least one word, or None for the whole vocabulary.")
    ids = {word: [tokenizer.vocab[word]] if word in tokenizer.vocab else tokenizer.ids(word) for word in words}
    wrong = {word: pieces for word, pieces in ids.items() if len(pieces) != 1 or pieces[0] == tokenizer.unk_token_id}
    if wrong:
        split = (f"{word!r} ({' '.join(tokenizer.tokens[i] for i in ids) or 'nothing'})" for word, ids in wrong.items())
        raise ValueError(
            f"A [MASK] stands for one token of the vocabulary, and these targets are none: {', '.join(split)}."
        )
    return list(dict.fromkeys(pieces[0] for pieces in ids.values()))


def _guesses(
    ids: list[int], ranked: Iterator[list[tuple[int, float]]], tokenizer: WordPiece, decode: Callable[..., str]
) -> list[Any]:
    """The guesses of one text; `ranked` yields the words of one mask after the other."""
    masks = [position for position, token in enumerate(ids) if token == tokenizer.mask_token_id]
    alone = len(masks) == 1  # otherwise the other masks have to be visible

    def guess(mask: int, token: int, score: float) -> Guess:
        filled = [each for each in (*ids[:mask], token, *ids[mask + 1 :]) if each != tokenizer.pad_token_id]
        sequence = decode(filled, skip_special_tokens=alone)
        return {"sequence": sequence, "score": score, "token": token, "token_str": decode([token])}

    lists = [[guess(mask, token, score) for token, score in next(ranked)] for mask in masks]
    return lists[0] if alone else lists
