"""Chapter 8. What a step minimises, as a function of model and micro-batch.

The encoders read every token, the heads only those positions whose logits a loss needs. Where that is
all of them, logits are made a few hundred positions at a time, and nothing of size B x L x V is ever kept.

Letters in shapes: B sequences, L tokens, N masked positions, M real tokens, D width, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch06_losses.losses import (
    cosine_loss,
    distillation_loss,
    logits_mse_loss,
    masked_lm_loss,
    soft_target_loss,
)
from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.settings import DistilConfig

CHUNK = 256  # positions whose logits exist at the same time: 31 MB a model in fp32, V = 30522

# Of a model and a micro-batch of the kind it reads: terms by name; "loss" is the one to minimise.
Losses = Callable[[Any, Any], dict[str, Tensor]]


def masked_lm_losses(model: MaskedLM, batch: Batch) -> dict[str, Tensor]:
    """The masked-LM loss, its logits computed at the masked positions only."""
    chosen = batch.labels != IGNORE
    hidden = model.encoder(batch.input_ids, batch.attention_mask).last_hidden_state  # (B, L, D)
    return {"loss": masked_lm_loss(model.head(hidden[chosen]), batch.labels[chosen])}  # (N, V)


def distillation_losses(teacher: MaskedLM, config: DistilConfig) -> Losses:
    """The triple loss against a teacher, as a function of student and batch."""

    def losses(student: MaskedLM, batch: Batch) -> dict[str, Tensor]:
        real = batch.attention_mask.bool()  # (B, L)
        with torch.no_grad():
            teacher_hidden = teacher.encoder(batch.input_ids, batch.attention_mask).last_hidden_state  # (B, L, D)
        student_hidden = student.encoder(batch.input_ids, batch.attention_mask).last_hidden_state  # (B, L, D)
        if config.ce_positions == "all":
            return _at_all_positions(
                student, teacher, student_hidden[real], teacher_hidden[real], batch.labels[real], config
            )
        chosen = batch.labels != IGNORE
        with torch.no_grad():
            teacher_logits = teacher.head(teacher_hidden[chosen])  # (N, V)
        loss = distillation_loss(
            student.head(student_hidden[chosen]),  # (N, V)
            teacher_logits,
            batch.labels[chosen],
            student_hidden[real],  # (M, D)
            teacher_hidden[real],
            config.temperature,
            config.alpha_ce,
            config.alpha_mlm,
            config.alpha_cos,
            config.alpha_mse,
        )
        return {"loss": loss.total, **loss.terms()}

    return losses


def _at_all_positions(
    student: MaskedLM,
    teacher: MaskedLM,
    student_hidden: Tensor,  # (M, D)
    teacher_hidden: Tensor,  # (M, D)
    labels: Tensor,  # (M,)
    config: DistilConfig,
) -> dict[str, Tensor]:
    """The same losses with L_ce and L_mse at every real token, chunk by chunk."""
    tokens, guesses = len(labels), int((labels != IGNORE).sum())
    alphas = {"ce": config.alpha_ce, "mlm": config.alpha_mlm} | ({"mse": config.alpha_mse} if config.alpha_mse else {})

    def part(hidden: Tensor, at: slice) -> Tensor:
        """What some positions (C, D) add to each of the losses named in alphas."""
        logits = student.head(hidden)  # (C, V)
        with torch.no_grad():
            teacher_logits = teacher.head(teacher_hidden[at])  # (C, V)
        chosen = labels[at] != IGNORE
        share = int(chosen.sum()) / guesses
        losses = {
            "ce": soft_target_loss(logits, teacher_logits, config.temperature) * (len(hidden) / tokens),
            "mlm": masked_lm_loss(logits[chosen], labels[at][chosen]) * share if share else logits.new_zeros(()),
        }
        if "mse" in alphas:
            losses["mse"] = logits_mse_loss(logits, teacher_logits) * (len(hidden) / tokens)
        return torch.stack(list(losses.values()))

    weights = torch.tensor(list(alphas.values()), dtype=torch.float32, device=labels.device)
    trained = [parameter for parameter in student.head.parameters() if parameter.requires_grad]
    total, values = InChunks.apply(part, weights, student_hidden, *trained)
    terms = dict(zip(alphas, values, strict=True))
    if config.alpha_cos or student_hidden.shape == teacher_hidden.shape:
        terms["cos"] = cosine_loss(student_hidden, teacher_hidden)
        total = total + config.alpha_cos * terms["cos"]
    return {"loss": total, **terms}


class InChunks(torch.autograd.Function):
    """A weighted sum of losses over positions, whose gradient is computed on the way forward.

    The usual way keeps all logits until the backward pass. As the losses are sums over positions, each chunk's
    gradient can be had as soon as its loss is known, and its logits forgotten.
    """

    @staticmethod
    def forward(
        ctx: Any, part: Callable[[Tensor, slice], Tensor], weights: Tensor, hidden: Tensor, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The weighted sum (scalar) and the losses (K,) of part(hidden[at], at), weights (K,), hidden (M, D)."""
        terms = torch.zeros_like(weights)
        hidden_gradient = torch.empty_like(hidden)
        gradients = [torch.zeros_like(parameter) for parameter in parameters]
        for start in range(0, len(hidden), CHUNK):
            at = slice(start, start + CHUNK)
            with torch.enable_grad():
                piece = hidden[at].detach().requires_grad_()
                losses = part(piece, at)
                hidden_gradient[at], *more = torch.autograd.grad((weights * losses).sum(), [piece, *parameters])
            terms += losses.detach()
            for gradient, new in zip(gradients, more, strict=True):
                gradient += new
        ctx.save_for_backward(hidden_gradient, *gradients)
        ctx.mark_non_differentiable(terms)
        return (weights * terms).sum(), terms

    @staticmethod
    def backward(ctx: Any, weighted: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients, times that of the weighted sum."""
        return None, None, *(gradient * weighted for gradient in ctx.saved_tensors)
