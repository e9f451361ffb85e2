"""A whole solution: every loss by its formula, without PyTorch's loss functions."""

import torch

from minidistil.ch06_losses.losses import DistillationLoss


def soft_target_loss(student_logits, teacher_logits, temperature=2.0):
    s, t = student_logits / temperature, teacher_logits.detach() / temperature
    log_q = s - torch.logsumexp(s, dim=-1, keepdim=True)
    log_p = t - torch.logsumexp(t, dim=-1, keepdim=True)
    return temperature * temperature * torch.mean(torch.sum(torch.exp(log_p) * (log_p - log_q), dim=-1))


def masked_lm_loss(logits, labels):
    chosen = labels != -100
    scores = logits[chosen]
    right = scores[torch.arange(len(scores)), labels[chosen]]
    return (torch.logsumexp(scores, dim=-1) - right).mean()


def cosine_loss(student_hidden, teacher_hidden):
    aim = teacher_hidden.detach()
    lengths = student_hidden.square().sum(-1).sqrt() * aim.square().sum(-1).sqrt()
    return 1 - ((student_hidden * aim).sum(-1) / lengths).mean()


def logits_mse_loss(student_logits, teacher_logits):
    difference = student_logits - teacher_logits.detach()
    return torch.einsum("...v,...v->...", difference, difference).mean()


def distillation_loss(
    student_logits, teacher_logits, labels, student_hidden, teacher_hidden,
    temperature=2.0, alpha_ce=5.0, alpha_mlm=2.0, alpha_cos=1.0, alpha_mse=0.0,
):  # fmt: skip
    ce = soft_target_loss(student_logits, teacher_logits, temperature)
    mlm = masked_lm_loss(student_logits, labels)
    total, cos, mse = alpha_ce * ce + alpha_mlm * mlm, None, None
    if alpha_cos:
        cos = cosine_loss(student_hidden, teacher_hidden)
        total = total + alpha_cos * cos
    if alpha_mse:
        mse = logits_mse_loss(student_logits, teacher_logits)
        total = total + alpha_mse * mse
    return DistillationLoss(total, ce, mlm, cos, mse)


def true_distribution(language, word_ids, known):
    """Both passes in logarithms."""
    emission = language.emission.log()
    evidence = emission.T[word_ids].masked_fill(~known[..., None], 0.0)
    steps = language.transition.log()
    length = word_ids.shape[1]
    before = torch.empty_like(evidence)
    after = torch.zeros_like(evidence)
    before[:, 0] = language.start.log()
    for place in range(1, length):
        so_far = before[:, place - 1] + evidence[:, place - 1]
        before[:, place] = torch.logsumexp(so_far[:, :, None] + steps, dim=1)
    for place in range(length - 2, -1, -1):
        ahead = after[:, place + 1] + evidence[:, place + 1]
        after[:, place] = torch.logsumexp(ahead[:, None, :] + steps, dim=2)
    return (before + after).softmax(-1) @ language.emission
