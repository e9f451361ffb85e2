"""What a step minimises, as a function of model and micro-batch.

The encoders read every token, the heads only the positions whose logits a loss needs.

Letters in shapes: B sequences, L tokens, M real tokens, of which the first N are masked, C tokens in a chunk, D width,
V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch06_losses.losses import (
    cosine_loss,
    distillation_loss,
    logits_mse_loss,
    masked_lm_loss,
    soft_target_loss,
)
from minidistil.ch08_training.device import sent_to
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.settings import DistilConfig

# Of a model and a micro-batch of the kind it reads: loss terms by name; "loss" is the one to minimise.
Losses = Callable[[Any, Any], dict[str, Tensor]]


def masked_lm_losses(model: MaskedLM, batch: MaskedBatch) -> dict[str, Tensor]:
    """The masked-LM loss, its logits computed at the masked positions only."""
    hidden = model.encoder(batch.input_ids, batch.padding).last_hidden_state.flatten(0, 1)  # (B, L, D) -> (B L, D)
    logits = model.head(hidden[batch.masked])  # (N, V)
    return {"loss": masked_lm_loss(logits, batch.labels.flatten()[batch.masked])}


def distillation_losses(teacher: MaskedLM, config: DistilConfig) -> Losses:
    """The triple loss against a teacher, as a function of student and batch."""

    def losses(student: MaskedLM, batch: MaskedBatch) -> dict[str, Tensor]:
        real = torch.cat([batch.masked, batch.unmasked])  # (M,)
        with torch.no_grad():
            teacher_hidden = teacher.encoder(batch.input_ids, batch.padding).last_hidden_state  # (B, L, D)
        student_hidden = student.encoder(batch.input_ids, batch.padding).last_hidden_state  # (B, L, D)
        way = triple_loss_in_chunks if config.ce_positions == "all" else triple_loss
        labels = batch.labels.flatten()[batch.masked]
        return way(
            student, teacher, student_hidden.flatten(0, 1)[real], teacher_hidden.flatten(0, 1)[real], labels, config
        )

    return losses


def triple_loss(
    student: MaskedLM,
    teacher: MaskedLM,
    student_hidden: Tensor,  # (M, D)
    teacher_hidden: Tensor,  # (M, D)
    labels: Tensor,  # (N,)
    config: DistilConfig,
) -> dict[str, Tensor]:
    """L_ce at the masked tokens, or as in the paper at all real ones; L_mlm at the masked ones, L_cos at all."""
    count = len(student_hidden) if config.ce_positions == "all" else len(labels)
    with torch.no_grad():
        teacher_logits = teacher.head(teacher_hidden[:count])  # (N or M, V)
    loss = distillation_loss(
        student.head(student_hidden[:count]),  # (N or M, V)
        teacher_logits,
        nn.functional.pad(labels, (0, count - len(labels)), value=IGNORE),
        student_hidden,  # (M, D)
        teacher_hidden,
        config.temperature,
        config.alpha_ce,
        config.alpha_mlm,
        config.alpha_cos,
        config.alpha_mse,
    )
    return {"loss": loss.total, **loss.terms()}


# --- The same with L_ce at all tokens, but logits of a few hundred positions at a time ---

CHUNK = 256  # positions whose logits exist at the same time: 31 MB a model in fp32, V = 30522
LARGEST_CHUNK = 4096  # on a GPU


def triple_loss_in_chunks(
    student: MaskedLM,
    teacher: MaskedLM,
    student_hidden: Tensor,  # (M, D)
    teacher_hidden: Tensor,  # (M, D)
    labels: Tensor,  # (N,)
    config: DistilConfig,
) -> dict[str, Tensor]:
    """What `triple_loss` gives where ce_positions is "all", without logits of size (M, V)."""
    tokens, masked = len(student_hidden), len(labels)
    alphas = {"ce": config.alpha_ce, "mlm": config.alpha_mlm} | ({"mse": config.alpha_mse} if config.alpha_mse else {})

    def part(hidden: Tensor, at: slice) -> Tensor:
        """What some positions (C, D) add to each of the losses named in alphas."""
        logits = student.head(hidden)  # (C, V)
        with torch.no_grad():
            teacher_logits = teacher.head(teacher_hidden[at])  # (C, V)
        here = labels[at]  # (C,), fewer where the masked tokens end
        losses = {
            "ce": soft_target_loss(logits, teacher_logits, config.temperature) * (len(hidden) / tokens),
            "mlm": masked_lm_loss(logits[: len(here)], here) * (len(here) / masked)
            if len(here)
            else logits.new_zeros(()),
        }
        if "mse" in alphas:
            losses["mse"] = logits_mse_loss(logits, teacher_logits) * (len(hidden) / tokens)
        return torch.stack(list(losses.values()))

    # A token's part in a mean over thousands is too small for fp16: gradients of the sum are made, and divided later.
    device = student_hidden.device.type
    half = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
    factor = tokens if half else 1
    weights = torch.tensor(list(alphas.values()), dtype=torch.float32) * factor
    trained = [parameter for parameter in student.head.parameters() if parameter.requires_grad]
    weights = sent_to(weights, student_hidden.device)
    chunk = chunk_size(student_hidden.device, student.config.vocab_size)
    total, values = InChunks.apply(part, chunk, weights, student_hidden, *trained)
    total, terms = total / factor, dict(zip(alphas, values, strict=True))
    if config.alpha_cos or student_hidden.shape == teacher_hidden.shape:
        terms["cos"] = cosine_loss(student_hidden, teacher_hidden)
        total = total + config.alpha_cos * terms["cos"]
    return {"loss": total, **terms}


def chunk_size(device: torch.device, vocab_size: int) -> int:
    """Positions in a chunk: on a GPU as many as use a 16th of its memory, as it is slow in many small products.

    Of all its memory, not of what is free: a resumed run has to add the same numbers in the same order.
    """
    if device.type != "cuda":
        return CHUNK
    each = 10 * 4 * vocab_size  # logits, their softmax and their gradients, some ten numbers of 4 bytes a word
    possible = int(torch.cuda.get_device_properties(device).total_memory) // 16 // each
    return min(max(CHUNK, 1 << possible.bit_length() - 1), LARGEST_CHUNK)


class InChunks(torch.autograd.Function):
    """A weighted sum of losses over positions, whose gradient is computed during the forward pass.

    Usually autograd keeps all logits until the backward pass. As the losses are sums over positions, the gradient of
    each chunk can be computed as soon as its loss is known, and its logits can be freed.
    """

    @staticmethod
    def forward(
        ctx: Any,
        part: Callable[[Tensor, slice], Tensor],
        chunk: int,
        weights: Tensor,
        hidden: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The weighted sum (scalar) and the losses (K,) of part(hidden[at], at), weights (K,), hidden (M, D)."""
        terms = torch.zeros_like(weights)
        hidden_gradient = torch.empty_like(hidden)
        gradients = [torch.zeros_like(parameter) for parameter in parameters]
        for start in range(0, len(hidden), chunk):
            at = slice(start, start + chunk)
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
        return None, None, None, *(gradient * weighted for gradient in ctx.saved_tensors)
