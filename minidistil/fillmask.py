"""Chapter 5. Fill-mask: a text with [MASK] in, ranked words out, in the form that the model card shows.

Letters in shapes: L tokens, N masks, V vocabulary.
"""

from typing import Any, TypedDict

import torch
from torch import Tensor

from minidistil.heads import MaskedLM
from minidistil.wordpiece import WordPiece


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


@torch.no_grad()
def fill_mask(text: str, model: MaskedLM, tokenizer: WordPiece, top_k: int = 5) -> list[Any]:
    """The likeliest words for each [MASK] of a text.

    Returns:
        For one [MASK] the top_k guesses, best first, each a `Guess`. For several, one such list a mask,
        each word set in alone, the other masks left as they are.

    Raises:
        ValueError: no [MASK] in the text, a text too long, top_k below 1, or a vocabulary that does not fit.
    """
    require_fit(tokenizer, model)
    if not 1 <= top_k <= len(tokenizer):
        raise ValueError(f"top_k is {top_k}: expected a number from 1 to {len(tokenizer)}.")
    ids = tokenizer.encode(text).ids
    if tokenizer.mask_token_id not in ids:
        raise ValueError(f"There is no [MASK] in {text!r}: put [MASK] in the place of the word to be guessed.")
    model.eval()
    input_ids = torch.tensor([ids], device=next(model.parameters()).device)  # (1, L)
    masked = input_ids == tokenizer.mask_token_id
    hidden = model.encoder(input_ids).last_hidden_state  # (1, L, D)
    scores = model.head(hidden[masked]).softmax(-1)  # (N, V): the other positions are never projected
    guesses = [
        _ranked(tokenizer, ids, position, row, top_k)
        for position, row in zip(masked[0].nonzero()[:, 0].tolist(), scores.cpu(), strict=True)
    ]
    return guesses[0] if len(guesses) == 1 else guesses


def _ranked(tokenizer: WordPiece, ids: list[int], position: int, scores: Tensor, top_k: int) -> list[Guess]:
    best = scores.topk(top_k)
    result: list[Guess] = []
    for score, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        inner = [*ids[1:position], token, *ids[position + 1 : -1]]  # without the frame
        result.append(
            {
                "sequence": tokenizer.decode(inner),
                "score": score,
                "token": token,
                "token_str": tokenizer.decode([token]),
            }
        )
    return result
