"""Written another way: cross-entropies with soft and hard targets, masks instead of selections."""
# ruff: noqa: F403

import torch
from torch.nn import functional

from tests.ch06_losses.correct.base import *


def soft_target_loss(student_logits, teacher_logits, temperature=2.0):
    student = student_logits.flatten(0, -2) / temperature
    teacher = teacher_logits.detach().flatten(0, -2) / temperature
    target = teacher.softmax(1)
    entropy = functional.cross_entropy(teacher, target)
    return (functional.cross_entropy(student, target) - entropy) * temperature**2


def masked_lm_loss(logits, labels):
    there = labels.ne(-100)
    words = labels.where(there, 0).unsqueeze(-1)
    surprise = -logits.log_softmax(dim=-1).gather(-1, words).squeeze(-1)
    return surprise.masked_fill(~there, 0).sum() / there.sum()


def cosine_loss(student_hidden, teacher_hidden):
    student, teacher = student_hidden, teacher_hidden.detach()
    products = torch.einsum("...d,...d->...", student, teacher)
    lengths = torch.linalg.vector_norm(student, dim=-1) * torch.linalg.vector_norm(teacher, dim=-1)
    return (1 - products / lengths).mean()


def logits_mse_loss(student_logits, teacher_logits):
    squares = functional.mse_loss(student_logits, teacher_logits.detach(), reduction="none")
    return squares.mean() * squares.size(-1)


def true_distribution(language, word_ids, known):
    """One place after the other, both passes divided by their largest entry."""
    batch, length = word_ids.shape
    states = len(language.start)
    evidence = language.emission[:, word_ids].movedim(0, -1).clone()  # (B, L, S)
    evidence[~known] = 1.0
    before = torch.zeros(length, batch, states, dtype=torch.float64)
    after = torch.ones(length, batch, states, dtype=torch.float64)
    before[0] = language.start
    for place in range(1, length):
        step = (before[place - 1] * evidence[:, place - 1]) @ language.transition
        before[place] = step / step.max(dim=1, keepdim=True).values
        back = length - 1 - place
        step = torch.einsum("st,bt->bs", language.transition, after[back + 1] * evidence[:, back + 1])
        after[back] = step / step.max(dim=1, keepdim=True).values
    words = (before * after) @ language.emission
    return (words / words.sum(-1, keepdim=True)).transpose(0, 1)
