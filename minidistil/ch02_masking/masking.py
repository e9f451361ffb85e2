"""Chapter 2. Masking: which tokens the model has to guess, and what stands in their place.

BERT (Devlin et al., 2019, section 3.1) chooses 15 % of the tokens; of these 80 % become [MASK], 10 % another random
token, and 10 % stay. The model must guess the original at all chosen positions. DistilBERT draws the positions anew
for each batch, an exact number of them, and prefers rare tokens: each is drawn with a probability proportional to
count^-0.7 (huggingface/transformers, research_projects/distillation, distiller.py, `--mlm_smoothing`).

A special token is never chosen, but a random token may be one: the code of BERT and of DistilBERT draws it from the
whole vocabulary, and the model card excludes one token only, the original.

Letters in shapes: B sequences, L tokens, V vocabulary.
"""

import math
from collections.abc import Collection, Iterable

import torch
from torch import Tensor

IGNORE = -100  # label of a position that is not part of the loss


def token_weights(sequences: Iterable[Tensor], vocab_size: int, smoothing: float = 0.7) -> Tensor:
    """(V,) weight with which a token is chosen: max(count, 1)^-smoothing; with smoothing 0 all have the same.

    >>> token_weights([torch.tensor([2, 5, 5, 3])], vocab_size=6, smoothing=1.0).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    counts = torch.zeros(vocab_size, dtype=torch.long)
    for sequence in sequences:
        counts += torch.bincount(sequence, minlength=vocab_size)
    return counts.clamp(min=1).double().pow(-smoothing)


def choose_positions(
    input_ids: Tensor,
    special_ids: Collection[int],
    share: float = 0.15,
    weights: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(B, L) bool: the positions to mask, drawn without replacement from the batch's ordinary tokens.

    Args:
        input_ids: (B, L) int64.
        special_ids: tokens that are never chosen; padding is one of them.
        share: the fraction of the ordinary tokens that is chosen, rounded up to a whole number.
        weights: (V,) relative weight of each token; None: all the same.

    Raises:
        ValueError: share is not from 0 to 1.

    >>> choose_positions(torch.tensor([[2, 5, 6, 3], [2, 5, 3, 0]]), {0, 2, 3}, share=1.0)
    tensor([[False,  True,  True, False],
            [False,  True, False, False]])
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share of masked tokens must be a number from 0 to 1, got {share}.")
    device, input_ids = input_ids.device, input_ids.cpu()  # drawn on the CPU, the positions are the same on any device
    ordinary = ~torch.isin(input_ids, torch.tensor(sorted(special_ids)))  # (B, L)
    weight = ordinary.double() if weights is None else weights[input_ids] * ordinary  # (B, L)
    count = math.ceil(share * int(ordinary.sum()))
    chosen = torch.zeros_like(ordinary)
    if count:
        drawn = torch.multinomial(weight.flatten(), count, generator=generator)
        chosen.view(-1)[drawn] = True
    return chosen.to(device)


def mask_tokens(
    input_ids: Tensor, chosen: Tensor, mask_token_id: int, vocab_size: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Replace the chosen tokens, 80/10/10; returns (masked input_ids, labels), both (B, L).

    labels hold the original token at chosen positions and -100 elsewhere. A random replacement is any token of the
    vocabulary but the one that it replaces, all with the same probability.

    Raises:
        ValueError: [MASK] is not in the vocabulary.

    >>> mask_tokens(torch.tensor([[2, 5, 6, 3]]), torch.tensor([[False, True, False, False]]), 4, 8)[1]
    tensor([[-100,    5, -100, -100]])
    """
    if not 0 <= mask_token_id < vocab_size:
        raise ValueError(f"[MASK] must have an id in the vocabulary of {vocab_size} tokens, got {mask_token_id}.")
    draw = torch.rand(input_ids.shape, generator=generator).to(input_ids.device)  # (B, L)
    shift = torch.randint(1, vocab_size, input_ids.shape, generator=generator).to(input_ids.device)  # (B, L)
    masked = torch.where(chosen & (draw < 0.8), mask_token_id, input_ids)
    masked = torch.where(chosen & (draw >= 0.9), (input_ids + shift) % vocab_size, masked)
    return masked, torch.where(chosen, input_ids, IGNORE)
