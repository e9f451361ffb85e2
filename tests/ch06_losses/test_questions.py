"""The numbers among the right answers to the questions of chapter 6."""

import math

import torch

from minidistil.ch06_losses.losses import cosine_loss, masked_lm_loss, soft_target_loss
from minidistil.course.questions import read_questions

RIGHT = [next(choice.text for choice in each.choices if choice.right) for each in read_questions("ch06")]


def test_surprise_of_a_guess_among_four() -> None:
    loss = masked_lm_loss(torch.zeros(1, 4), torch.tensor([0])).item()
    assert math.isclose(loss, math.log(4), rel_tol=1e-6)
    assert RIGHT[0] == f"{loss:.3f} nats"


def test_cross_entropy_and_kl_of_a_perfect_student() -> None:
    p = torch.tensor([[1 / 2, 1 / 4, 1 / 8, 1 / 8]])
    cross_entropy = -(p * p.log()).sum().item()
    assert soft_target_loss(p.log(), p.log(), 1.0).item() == 0
    assert RIGHT[1] == f"The cross-entropy is {cross_entropy:.3f} nats, KL is 0."


def test_gradient_is_student_minus_teacher() -> None:
    student, teacher = torch.tensor([[1.0, 0.0, -1.0]], requires_grad=True), torch.tensor([[0.0, 2.0, 0.0]])
    (gradient,) = torch.autograd.grad(soft_target_loss(student, teacher, 1.0), student)
    assert torch.allclose(gradient, student.softmax(-1) - teacher.softmax(-1), atol=1e-6)
    assert RIGHT[2] == "student's probabilities minus teacher's"


def test_length_does_not_count() -> None:
    loss = cosine_loss(torch.tensor([[30.0, 40.0]]), torch.tensor([[3.0, 4.0]])).item()
    assert RIGHT[5] == f"{abs(loss):.0f}"
    assert abs(loss) < 1e-6


def test_mean_over_positions_without_a_label() -> None:
    logits, labels = torch.randn(26, 9), torch.full((26,), -100)
    labels[:2] = 4
    wrong = torch.nn.functional.cross_entropy(logits, labels, reduction="none").mean()
    assert RIGHT[6] == f"L_mlm is {masked_lm_loss(logits, labels) / wrong:.0f} times too small."
