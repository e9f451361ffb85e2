"""Written another way: PyTorch's loss modules, as the official script uses them."""
# ruff: noqa: F403

import torch
from torch import nn

from minidistil.ch06_losses.losses import DistillationLoss
from tests.ch06_losses.correct.base import *


def soft_target_loss(student_logits, teacher_logits, temperature=2.0):
    size = student_logits.size(-1)
    student = student_logits.reshape(-1, size)
    with torch.no_grad():
        target = nn.functional.softmax(teacher_logits.reshape(-1, size) / temperature, dim=-1)
    criterion = nn.KLDivLoss(reduction="batchmean")
    return criterion(nn.functional.log_softmax(student / temperature, dim=-1), target) * temperature**2


def masked_lm_loss(logits, labels):
    return nn.CrossEntropyLoss(ignore_index=-100)(logits.reshape(-1, logits.size(-1)), labels.reshape(-1))


def cosine_loss(student_hidden, teacher_hidden):
    size = student_hidden.size(-1)
    student, teacher = student_hidden.reshape(-1, size), teacher_hidden.detach().reshape(-1, size)
    return nn.CosineEmbeddingLoss(reduction="mean")(student, teacher, student.new_ones(len(student)))


def logits_mse_loss(student_logits, teacher_logits):
    positions = student_logits.numel() // student_logits.size(-1)
    return nn.MSELoss(reduction="sum")(student_logits, teacher_logits.detach()) / positions


def distillation_loss(
    student_logits, teacher_logits, labels, student_hidden, teacher_hidden,
    temperature=2.0, alpha_ce=5.0, alpha_mlm=2.0, alpha_cos=1.0, alpha_mse=0.0,
):  # fmt: skip
    terms = {
        "ce": soft_target_loss(student_logits, teacher_logits, temperature),
        "mlm": masked_lm_loss(student_logits, labels),
        "cos": None if alpha_cos == 0 else cosine_loss(student_hidden, teacher_hidden),
        "mse": None if alpha_mse == 0 else logits_mse_loss(student_logits, teacher_logits),
    }
    alphas = {"ce": alpha_ce, "mlm": alpha_mlm, "cos": alpha_cos, "mse": alpha_mse}
    total = sum(alphas[name] * term for name, term in terms.items() if term is not None)
    return DistillationLoss(total=total, **terms)


def true_distribution(language, word_ids, known):
    """A mask is one more column of the emission, which every state emits with probability 1."""
    mask = language.emission.shape[1]
    emission = torch.cat([language.emission, torch.ones(len(language.start), 1, dtype=torch.float64)], dim=1)
    evidence = nn.functional.embedding(torch.where(known, word_ids, mask), emission.T)
    forward, backward = [], []
    state = language.start.expand(len(word_ids), -1)
    for seen in evidence.unbind(1):
        forward.append(state)
        state = nn.functional.normalize(state * seen, p=1, dim=-1) @ language.transition
    state = torch.ones_like(forward[0])
    for seen in reversed(evidence.unbind(1)):
        backward.insert(0, state)
        state = nn.functional.normalize((state * seen) @ language.transition.T, p=1, dim=-1)
    posterior = torch.stack(forward, dim=1) * torch.stack(backward, dim=1)
    return nn.functional.normalize(posterior, p=1, dim=-1) @ language.emission
