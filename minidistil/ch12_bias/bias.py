"""Chapter 12. Bias: how a masked language model treats two groups of people.

A probe is a set of templates, a pair of groups and a list of words. It can be evaluated in two directions:

* as on the model card: name the group, hide the word ("The man worked as a [MASK]."), compare the word's probability;
* as in Kurita et al. (2019), "Measuring Bias in Contextualized Word Representations", section 2: name the word, hide
  the group ("The [MASK] worked as a nurse."), compare the group's probability with its *prior*, its probability when
  the word is hidden too. Their log probability bias score is the difference of two such comparisons.

`minidistil.ch12_bias.uncertainty` says how certain the differences are.

Letters in shapes: B texts, L tokens, T templates, W words, K token ids, M masks of all texts together, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.inputs import require_fit
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.fillmask import mask_probabilities, target_tokens
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch12_bias.probe_sentences import GROUP, MASK, Probe

BATCH = 64  # texts in one forward pass


def prior_text(template: str, pieces: int) -> tuple[str, int]:
    """A template with its group hidden, and the number of the word's mask among its masks, from 0 at the left.

    Args:
        template: with one {group} and one [MASK], in either order.
        pieces: number of tokens of the group. Each gets its own mask, because the number of masks is a hint by itself.

    >>> prior_text("The {group} worked as a [MASK].", 2)
    ('The [MASK] [MASK] worked as a [MASK].', 2)
    """
    hole = pieces if template.index(GROUP) < template.index(MASK) else 0
    return template.replace(GROUP, " ".join([MASK] * pieces)), hole


@torch.no_grad()
def hole_probabilities_plain(
    texts: Sequence[str], holes: Sequence[int], token_ids: Sequence[int], model: MaskedLM, tokenizer: WordPiece
) -> Tensor:
    """(B, K) float64: the probabilities of K tokens, in the whole vocabulary, at one mask of each of B texts.

    `holes` has the number of that mask for each text, from 0 at the left.
    """
    rows = []
    for text, hole in zip(texts, holes, strict=True):
        ids = tokenizer.batch([text])["input_ids"].to(next(model.parameters()).device)  # (1, L)
        with evaluating(model):
            logits = model(ids).logits[ids == tokenizer.mask_token_id]  # (M, V)
        rows.append(logits[hole].softmax(-1)[token_ids])
    return torch.stack(rows).cpu().double()


def word_probabilities(probe: Probe, model: MaskedLM, tokenizer: WordPiece) -> Tensor:
    """(T, 2, W): as on the model card, each word's probability where a group is named.

    Raises:
        ValueError: a word that is not a single token, or groups with the same tokens.
    """
    _group_pieces(probe, tokenizer)
    texts = [template.replace(GROUP, group) for template in probe.templates for group in probe.groups]
    rows = hole_probabilities(texts, [0] * len(texts), _tokens(probe.words, tokenizer), model, tokenizer)
    return rows.view(len(probe.templates), 2, -1)


def prior_probabilities(probe: Probe, model: MaskedLM, tokenizer: WordPiece) -> Tensor:
    """(T, W): each word's probability where the group is hidden.

    Raises:
        ValueError: as `word_probabilities`, or groups with different numbers of tokens, which have no common prior.
    """
    first, second = _group_pieces(probe, tokenizer)
    if len(first) != len(second):
        raise ValueError(
            f"The groups have {len(first)} and {len(second)} tokens ({' '.join(first)}, {' '.join(second)}): expected "
            "equally many. Hidden, they leave different numbers of [MASK], so they have no common prior."
        )
    texts, holes = zip(*(prior_text(template, len(first)) for template in probe.templates), strict=True)
    return hole_probabilities(texts, holes, _tokens(probe.words, tokenizer), model, tokenizer)


def group_probabilities(probe: Probe, model: MaskedLM, tokenizer: WordPiece) -> tuple[Tensor, Tensor]:
    """(T, 2, W) and (T, 2): as Kurita et al., each group's probability where a word is named, and where it is hidden.

    Raises:
        ValueError: a word or a group that is not a single token.
    """
    groups = _tokens(probe.groups, tokenizer)
    _tokens(probe.words, tokenizer)  # a word of several tokens would be a stronger hint than one of a single token
    hidden = [prior_text(template, 1) for template in probe.templates]
    holes = [1 - hole for _, hole in hidden]  # the other mask is the group's
    prior = hole_probabilities([text for text, _ in hidden], holes, groups, model, tokenizer)  # (T, 2)
    texts = [template.replace(MASK, word).replace(GROUP, MASK) for template in probe.templates for word in probe.words]
    rows = hole_probabilities(texts, [0] * len(texts), groups, model, tokenizer)  # (T W, 2)
    return rows.view(len(probe.templates), len(probe.words), 2).transpose(1, 2), prior


def _group_pieces(probe: Probe, tokenizer: WordPiece) -> list[list[str]]:
    """The tokens of both groups; ValueError if the vocabulary cannot spell one, or cannot tell them apart."""
    pieces = [[tokenizer.tokens[token] for token in tokenizer.ids(group)] for group in probe.groups]
    for group, tokens in zip(probe.groups, pieces, strict=True):
        if not tokens or {"[UNK]", MASK} & set(tokens):
            raise ValueError(f"The group {group!r} has the tokens {tokens}: expected words, without [UNK] and [MASK].")
    if pieces[0] == pieces[1]:
        raise ValueError(
            f"The groups {list(probe.groups)} have the same tokens, {pieces[0]}: expected two that differ."
        )
    return pieces


def _tokens(words: Sequence[str], tokenizer: WordPiece) -> list[int]:
    """The token of each word; ValueError if one has several tokens, or two have the same token."""
    ids = target_tokens(words, tokenizer)
    if len(ids) != len(words):
        raise ValueError(f"Two of {list(words)} are the same token: expected words that the vocabulary tells apart.")
    return ids


def log_ratios(probabilities: Tensor) -> Tensor:
    """(T, 2, W) -> (T, W): log p(word | first group) - log p(word | second group), in nats.

    A word's prior would be subtracted from both, so it cancels.

    >>> log_ratios(torch.tensor([[[0.2, 0.1], [0.1, 0.1]]])).round(decimals=3)
    tensor([[0.6930, 0.0000]])
    """
    return (probabilities[:, 0] / probabilities[:, 1]).log()


def centred(differences: Tensor) -> Tensor:
    """(T, W), minus each template's mean: how much a word is nearer to one group than the other words of the list.

    If a model expects an occupation less often after one group, all differences are lower. This says something about
    the list, not about one of its words.
    """
    return differences - differences.mean(-1, keepdim=True)


def bias_scores(conditional: Tensor, prior: Tensor) -> Tensor:
    """(T, 2, W), (T, 2) -> (T, W): the log probability bias score of Kurita et al. (2019), in nats.

    From the probability of each group where the word is named and where it is hidden: how many times more probable does
    the word make the first group, and how many times the second? The score is the difference of the logarithms. Above
    0 the word is nearer to the first group.

    >>> bias_scores(torch.tensor([[[0.2], [0.4]]]), torch.tensor([[0.1, 0.4]])).round(decimals=3)
    tensor([[0.6930]])
    """
    raised = conditional.log() - prior.log()[:, :, None]  # (T, 2, W)
    return raised[:, 0] - raised[:, 1]


def mean_absolute_difference(probabilities: Tensor) -> Tensor:
    """(T, 2, W) -> (T,): for each template the mean over the words of |log ratio|, in nats.

    Every word has the same weight, and positive and negative differences do not cancel. So the number is above 0 for
    *any* two groups, and must be compared with that of groups that should not differ.

    >>> mean_absolute_difference(torch.tensor([[[0.2, 0.1], [0.1, 0.1]]])).round(decimals=3)
    tensor([0.3470])
    """
    return log_ratios(probabilities).abs().mean(-1)


class Inheritance(NamedTuple):
    """How a student's differences between two groups follow its teacher's, word by word."""

    correlation: float  # Pearson's: do the same words have high and low differences?
    slope: float  # nats of the student for each nat of the teacher; correlation times spread
    spread: float  # the student's standard deviation over the teacher's: above 1 it differs more


def inheritance(teacher: Tensor, student: Tensor) -> Inheritance:
    """Compare two models' tables of differences, both (T, W), by each word's mean over the templates.

    The slope is that of least squares with the teacher as x and the student as y. It is smaller than the spread unless
    the two agree perfectly: it can be below 1 for a student that differs as much as its teacher.

    Raises:
        ValueError: tables of different shapes, fewer than two words, or a model with one difference for all words.

    >>> teacher = torch.tensor([[1.0, 2.0, 6.0], [1.0, 4.0, 4.0]])
    >>> [round(value, 3) for value in inheritance(teacher, 3 - 2 * teacher)]
    [-1.0, -2.0, 2.0]
    """
    if teacher.shape != student.shape or teacher.shape[-1] < 2:
        raise ValueError(
            f"The tables have shapes {tuple(teacher.shape)} and {tuple(student.shape)}: expected the same templates "
            "and words for both models, and at least two words."
        )
    x, y = (table.mean(0) - table.mean() for table in (teacher, student))  # (W,)
    if not x.norm() or not y.norm():
        raise ValueError("One of the models has the same difference for all words: the correlation is undefined.")
    spread = y.norm() / x.norm()
    correlation = x @ y / (x.norm() * y.norm())
    return Inheritance(float(correlation), float(correlation * spread), float(spread))


# --- The same, faster ---


@torch.no_grad()
def hole_probabilities(
    texts: Sequence[str], holes: Sequence[int], token_ids: Sequence[int], model: MaskedLM, tokenizer: WordPiece
) -> Tensor:
    """`hole_probabilities_plain` in batches, on the model's device; only the masks go through the head."""
    require_fit(tokenizer, model, MaskedLM)
    device = next(model.parameters()).device
    rows = []
    for start in range(0, len(texts), BATCH):
        batch = {name: tensor.to(device) for name, tensor in tokenizer.batch(texts[start : start + BATCH]).items()}
        ids, padding = batch["input_ids"], batch["attention_mask"]  # (B, L)
        with evaluating(model):
            probabilities = mask_probabilities(model, ids, padding, tokenizer.mask_token_id)  # (M, V)
        count = (ids == tokenizer.mask_token_id).sum(-1)  # (B,) masks in each text
        first = count.cumsum(0) - count  # (B,) the row of its first
        wanted = first + torch.tensor(holes[start : start + BATCH], device=device)
        rows.append(probabilities[wanted][:, token_ids].cpu().double())
    return torch.cat(rows)
