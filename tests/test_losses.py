"""Chapter 6 against the formulas in float64 and, for gradients, their closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from minidistil.losses import cosine_loss, distillation_loss, masked_lm_loss, soft_target_loss

SHAPE = (3, 5, 11)


def numbers(*shape: int) -> tuple[torch.Tensor, np.ndarray]:
    tensor = torch.randn(*shape) * 3
    return tensor.requires_grad_(), tensor.detach().double().numpy()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_soft_targets(temperature: float) -> None:
    student, s = numbers(*SHAPE)
    teacher, t = numbers(*SHAPE)
    p, q = softmax(t / temperature, -1), softmax(s / temperature, -1)
    expected = (
        temperature**2 * (p * (log_softmax(t / temperature, -1) - log_softmax(s / temperature, -1))).sum(-1).mean()
    )
    loss = soft_target_loss(student, teacher.detach(), temperature)
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    (gradient,) = torch.autograd.grad(loss, student)
    np.testing.assert_allclose(gradient.numpy(), temperature * (q - p) / 15, atol=1e-6)


def test_masked_lm() -> None:
    logits, values = numbers(*SHAPE)
    labels = torch.full((3, 5), -100)
    labels[0, 1], labels[2, 4] = 7, 3
    expected = -(log_softmax(values[0, 1])[7] + log_softmax(values[2, 4])[3]) / 2
    assert masked_lm_loss(logits, labels).item() == pytest.approx(expected, abs=1e-6)


def test_cosine() -> None:
    student, s = numbers(4, 6)
    teacher, t = numbers(4, 6)
    cosines = (s * t).sum(-1) / np.linalg.norm(s, axis=-1) / np.linalg.norm(t, axis=-1)
    assert cosine_loss(student, teacher).item() == pytest.approx(1 - cosines.mean(), abs=1e-6)
    official = torch.nn.CosineEmbeddingLoss()(student, teacher, torch.ones(4))
    assert cosine_loss(student, teacher).item() == pytest.approx(official.item(), abs=1e-6)


def test_the_total_is_the_weighted_sum() -> None:
    (student, _), (teacher, _), (hidden, _), (aim, _) = numbers(6, 11), numbers(6, 11), numbers(9, 4), numbers(9, 4)
    labels = torch.randint(0, 11, (6,))
    loss = distillation_loss(student, teacher, labels, hidden, aim)
    terms = 5 * soft_target_loss(student, teacher) + 2 * masked_lm_loss(student, labels) + cosine_loss(hidden, aim)
    assert loss.total.item() == pytest.approx(terms.item(), rel=1e-6)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn() -> None:
    logits, hidden = torch.randn(4, 11), torch.randn(4, 8)
    assert soft_target_loss(logits, logits).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(hidden, hidden).item() == pytest.approx(0, abs=1e-6)


def test_bad_input_is_explained() -> None:
    with pytest.raises(ValueError, match="temperature is 0"):
        soft_target_loss(torch.zeros(1, 2), torch.zeros(1, 2), 0)
    with pytest.raises(ValueError, match=r"differ in shape, \(1, 2\) and \(1, 3\)"):
        soft_target_loss(torch.zeros(1, 2), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="hidden states"):
        cosine_loss(torch.zeros(1, 2), torch.zeros(2, 2))
