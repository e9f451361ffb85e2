"""Chapter 5. Fill-mask: texts with [MASK] in, ranked words out, in the form that the model card shows.

Letters in shapes: B texts, L tokens, M masks in all texts together, D width, V vocabulary, T targets.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM


class Guess(TypedDict):
    """One word for a hole."""

    sequence: str  # the text with the word in place
    score: float  # its probability
    token: int  # its id
    token_str: str


def require_fit(tokenizer: WordPiece, model: MaskedLM) -> None:
    """Raise ValueError unless the vocabulary has as many tokens as the model has word embeddings."""
    if len(tokenizer) != model.config.vocab_size:
        raise ValueError(
            f"The vocabulary has {len(tokenizer)} tokens, the model was made for {model.config.vocab_size}: "
            "take the vocabulary that came with the model."
        )


def mask_probabilities(model: MaskedLM, input_ids: Tensor, attention_mask: Tensor | None, mask_token_id: int) -> Tensor:
    """The probability of every word at every mask; no other position is projected onto the vocabulary.

    Args:
        model: encoder and head are called one after the other.
        input_ids: (B, L).
        attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding.
        mask_token_id: the id that marks a hole.

    Returns:
        (M, V), each row with the sum 1: the masks from left to right, text after text.
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state  # (B, L, D)
    return model.head(hidden[input_ids == mask_token_id]).softmax(-1)  # (M, D) -> (M, V)


@torch.no_grad()
def fill_mask(
    text: str | Sequence[str],
    model: MaskedLM,
    tokenizer: WordPiece,
    top_k: int = 5,
    targets: str | Sequence[str] | None = None,
) -> list[Any]:
    """The likeliest words for each [MASK] of a text, or of each of several texts, read in one padded batch.

    Args:
        text: one text or several.
        model, tokenizer: a masked LM and its vocabulary.
        top_k: how many words a mask.
        targets: only these words come into question; their probabilities are still those among all words.

    Returns:
        For a text with one [MASK] the guesses, best first, each a `Guess`. For a text with several, one such list a
        mask: each word is set in alone, the other masks stay as they are, and so do [CLS] and [SEP]. For a list of
        texts the list of their results.

    Raises:
        TypeError: a text is not a string.
        ValueError: no [MASK] in a text, a text too long, top_k below 1, a target that is no token, or a vocabulary
            that does not fit.
    """
    require_fit(tokenizer, model)
    if not 1 <= top_k <= len(tokenizer):
        raise ValueError(f"top_k is {top_k}: expected a number from 1 to {len(tokenizer)}.")
    target_ids = None if targets is None else target_tokens(targets, tokenizer)
    texts = [text] if isinstance(text, str) else list(text)
    if not texts:
        return []
    batch = tokenizer.batch(texts)
    for each, row in zip(texts, batch["input_ids"], strict=True):
        if tokenizer.mask_token_id not in row:
            raise ValueError(f"There is no [MASK] in {each!r}: put [MASK] in the place of the word to be guessed.")
    device = next(model.parameters()).device
    input_ids = batch["input_ids"].to(device)
    padding = batch["attention_mask"].to(device) if len(texts) > 1 else None
    probabilities = mask_probabilities(model.eval(), input_ids, padding, tokenizer.mask_token_id)  # (M, V)
    ranked = iter(best_words(probabilities, top_k, target_ids))
    results = [_guesses(row, ranked, tokenizer) for row in batch["input_ids"].tolist()]
    return results[0] if isinstance(text, str) else results


def best_words(probabilities: Tensor, top_k: int, target_ids: Sequence[int] | None) -> list[list[tuple[int, float]]]:
    """(id, probability) of the top_k words of each row of (M, V), among the targets if there are any."""
    ids = None if target_ids is None else torch.tensor(target_ids, device=probabilities.device)  # (T,)
    if ids is not None:
        probabilities, top_k = probabilities[:, ids], min(top_k, len(ids))  # (M, T)
    scores, places = probabilities.topk(top_k)
    tokens = places if ids is None else ids[places]
    return [list(zip(*row, strict=True)) for row in zip(tokens.tolist(), scores.tolist(), strict=True)]


def target_tokens(targets: str | Sequence[str], tokenizer: WordPiece) -> list[int]:
    """The id of each target, each once: of the token so spelt, or of the only piece of the word.

    Raises:
        ValueError: no target at all, or some that are no single token (all of them are named, with their pieces).
    """
    words = [targets] if isinstance(targets, str) else list(targets)
    if not words:
        raise ValueError("targets is empty: expected one word at least, or None for the whole vocabulary.")
    ids = {word: [tokenizer.vocab[word]] if word in tokenizer.vocab else tokenizer.ids(word) for word in words}
    wrong = {word: pieces for word, pieces in ids.items() if len(pieces) != 1 or pieces[0] == tokenizer.unk_token_id}
    if wrong:
        split = (f"{word!r} ({' '.join(tokenizer.tokens[i] for i in ids) or 'nothing'})" for word, ids in wrong.items())
        raise ValueError(
            f"A [MASK] stands for one token of the vocabulary, and these targets are none: {', '.join(split)}."
        )
    return list(dict.fromkeys(pieces[0] for pieces in ids.values()))


def _guesses(ids: list[int], ranked: Iterator[list[tuple[int, float]]], tokenizer: WordPiece) -> list[Any]:
    """The guesses of one text; `ranked` gives the words of one mask after the other."""
    holes = [position for position, token in enumerate(ids) if token == tokenizer.mask_token_id]
    lists = [
        [_guess(ids, hole, token, score, tokenizer, alone=len(holes) == 1) for token, score in next(ranked)]
        for hole in holes
    ]
    return lists[0] if len(holes) == 1 else lists


def _guess(ids: list[int], hole: int, token: int, score: float, tokenizer: WordPiece, alone: bool) -> Guess:
    filled = [*ids[:hole], token, *ids[hole + 1 :]]
    shown = [each for each in filled if each != tokenizer.pad_token_id]
    return {
        "sequence": tokenizer.decode(shown, skip_special_tokens=alone),  # with other masks, these have to be seen
        "score": score,
        "token": token,
        "token_str": tokenizer.decode([token]),
    }
