"""Chapter 6, losses: values and gradients against the formulas in float64 and against the official script."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from minidistil.ch06_losses.losses import (
    cosine_loss,
    distillation_loss,
    logits_mse_loss,
    masked_lm_loss,
    soft_target_loss,
)

SHAPES = [(1, 2), (7, 11), (3, 5, 11), (2, 3, 4, 6)]
TEMPERATURES = [0.5, 1.0, 2.0, 5.0, 20.0]


def numbers(*shape: int) -> tuple[Tensor, Any]:
    tensor = torch.randn(*shape) * 3
    return tensor.requires_grad_(), tensor.detach().double().numpy()


def gradient(loss: Tensor, of: Tensor) -> Any:
    return torch.autograd.grad(loss, of, retain_graph=True)[0].numpy()


def no_gradient_flows(loss: Tensor, teacher: Tensor) -> bool:
    return torch.autograd.grad(loss, teacher, retain_graph=True, allow_unused=True)[0] is None


# L_ce


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("shape", SHAPES)
def test_soft_targets_and_their_gradient(impl: ModuleType, shape: tuple[int, ...], temperature: float) -> None:
    (student, s), (teacher, t) = numbers(*shape), numbers(*shape)
    p, log_p = softmax(t / temperature, -1), log_softmax(t / temperature, -1)
    q, log_q = softmax(s / temperature, -1), log_softmax(s / temperature, -1)
    loss = impl.soft_target_loss(student, teacher, temperature)
    assert loss.shape == (), "the loss is one number"
    # As cross-entropy less entropy, two numbers of up to log V in fp32, it is off by a rounding of these, times T^2.
    rounding = temperature**2 * np.log(shape[-1]) * 2**-23
    expected = temperature**2 * (p * (log_p - log_q)).sum(-1).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-5 + rounding)
    positions = p.size / shape[-1]
    # Hinton et al. (2015), equation 2, times T^2
    np.testing.assert_allclose(gradient(loss, student), temperature * (q - p) / positions, atol=1e-6 * temperature)
    assert no_gradient_flows(loss, teacher)


def test_soft_targets_by_hand(impl: ModuleType) -> None:
    teacher, student = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()
    # one half times ln 2, less a quarter times ln 2
    assert impl.soft_target_loss(student, teacher, 1.0).item() == pytest.approx(0.25 * np.log(2), abs=1e-6)


def test_the_default_temperature_is_two(impl: ModuleType) -> None:
    student, teacher = torch.randn(2, 4, 9)
    assert impl.soft_target_loss(student, teacher).item() == impl.soft_target_loss(student, teacher, 2.0).item()


def test_a_student_equal_to_its_teacher_has_loss_zero(impl: ModuleType) -> None:
    logits = torch.randn(4, 11)
    assert impl.soft_target_loss(logits, logits + 7.0).item() == pytest.approx(0, abs=1e-5)


def test_soft_targets_of_a_certain_teacher_are_finite(impl: ModuleType) -> None:
    teacher = torch.tensor([[1000.0, 0.0, -1000.0]])
    student = torch.tensor([[1.0, 0.0, -1.0]], requires_grad=True)
    loss = impl.soft_target_loss(student, teacher, 1.0)
    assert loss.item() == pytest.approx(-log_softmax([1, 0, -1])[0], abs=1e-5)
    assert np.isfinite(gradient(loss, student)).all()


def test_soft_targets_for_a_student_that_is_sure_of_the_wrong_word(impl: ModuleType) -> None:
    """The right word's probability, exp(-300), is 0 in fp32; its logarithm is not minus infinity."""
    student = torch.tensor([[0.0, 300.0, 20.0]], requires_grad=True)
    loss = impl.soft_target_loss(student, torch.tensor([[200.0, 0.0, 10.0]]), 1.0)
    assert loss.item() == pytest.approx(300, rel=1e-6)
    np.testing.assert_allclose(gradient(loss, student), [[-1, 1, 0]], atol=1e-6)


# L_mlm


@pytest.mark.parametrize("shape", [(7, 11), (3, 5, 11)])
def test_masked_lm_counts_labelled_positions_only(impl: ModuleType, shape: tuple[int, ...]) -> None:
    logits, values = numbers(*shape)
    labels = torch.full(shape[:-1], -100)
    labels.view(-1)[1], labels.view(-1)[-1] = 7, 3
    rows = values.reshape(-1, 11)
    expected = -(log_softmax(rows[1])[7] + log_softmax(rows[-1])[3]) / 2
    loss = impl.masked_lm_loss(logits, labels)
    assert loss.shape == (), "the loss is one number"
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    by_formula = np.zeros_like(rows)
    for row, label in ((1, 7), (len(rows) - 1, 3)):
        by_formula[row] = (softmax(rows[row]) - np.eye(11)[label]) / 2
    np.testing.assert_allclose(gradient(loss, logits), by_formula.reshape(shape), atol=1e-6)


def test_masked_lm_counts_label_zero(impl: ModuleType) -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 9.0]])
    expected = -log_softmax([2.0, 0.0])[0]
    assert impl.masked_lm_loss(logits, torch.tensor([0, -100])).item() == pytest.approx(expected, abs=1e-6)


def test_masked_lm_of_a_model_that_is_sure_of_the_wrong_word(impl: ModuleType) -> None:
    logits = torch.tensor([[0.0, 300.0, 20.0]], requires_grad=True)
    loss = impl.masked_lm_loss(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(300, rel=1e-6), "exp(-300) is 0 in fp32, but its logarithm is -300"
    np.testing.assert_allclose(gradient(loss, logits), [[-1, 1, 0]], atol=1e-6)


# L_cos


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 8)])
def test_cosine_and_its_gradient(impl: ModuleType, shape: tuple[int, ...]) -> None:
    (student, s), (teacher, t) = numbers(*shape), numbers(*shape)
    sizes = np.linalg.norm(s, axis=-1, keepdims=True), np.linalg.norm(t, axis=-1, keepdims=True)
    unit, aim = s / sizes[0], t / sizes[1]
    cosines = (unit * aim).sum(-1, keepdims=True)
    loss = impl.cosine_loss(student, teacher)
    assert loss.shape == (), "the loss is one number"
    assert loss.item() == pytest.approx(1 - cosines.mean(), abs=1e-6)
    np.testing.assert_allclose(gradient(loss, student), -(aim - cosines * unit) / sizes[0] / cosines.size, atol=1e-6)
    assert no_gradient_flows(loss, teacher)


def test_cosine_by_hand(impl: ModuleType) -> None:
    aim = torch.tensor([[3.0, 4.0]])
    for student, expected in (([6.0, 8.0], 0.0), ([-4.0, 3.0], 1.0), ([-3.0, -4.0], 2.0), ([5.0, 0.0], 0.4)):
        assert impl.cosine_loss(torch.tensor([student]), aim).item() == pytest.approx(expected, abs=1e-6)


# L_mse


@pytest.mark.parametrize("shape", SHAPES)
def test_mse_and_its_gradient(impl: ModuleType, shape: tuple[int, ...]) -> None:
    (student, s), (teacher, t) = numbers(*shape), numbers(*shape)
    positions = s.size / shape[-1]
    loss = impl.logits_mse_loss(student, teacher)
    assert loss.shape == (), "the loss is one number"
    assert loss.item() == pytest.approx(((s - t) ** 2).sum() / positions, rel=1e-5)
    np.testing.assert_allclose(gradient(loss, student), 2 * (s - t) / positions, rtol=1e-5, atol=1e-6)
    assert no_gradient_flows(loss, teacher)


# The sum


def random_terms() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    (student, _), (teacher, _), (hidden, _), (aim, _) = numbers(6, 11), numbers(6, 11), numbers(9, 4), numbers(9, 4)
    labels = torch.randint(0, 11, (6,))
    labels[:4] = -100
    return student, teacher, labels, hidden, aim


@pytest.mark.parametrize("alphas", [(5.0, 2.0, 1.0, 0.0), (0.33, 0.33, 0.33, 0.0), (1.0, 0.0, 0.5, 0.25), (0, 0, 0, 3)])
def test_the_total_is_the_weighted_sum(impl: ModuleType, alphas: tuple[float, ...]) -> None:
    student, teacher, labels, hidden, aim = random_terms()
    s, t = (each.detach().double().numpy() for each in (student, teacher))
    loss = impl.distillation_loss(student, teacher, labels, hidden, aim, 3.0, *alphas)
    p, log_ratio = softmax(t / 3, -1), log_softmax(t / 3, -1) - log_softmax(s / 3, -1)
    h, a = (each.detach().double().numpy() for each in (hidden, aim))
    terms = {
        "ce": 9 * (p * log_ratio).sum(-1).mean(),
        "mlm": -np.mean([log_softmax(s[row])[labels[row]] for row in (4, 5)]),
        "cos": 1 - np.mean((h * a).sum(-1) / np.linalg.norm(h, axis=-1) / np.linalg.norm(a, axis=-1)),
        "mse": ((s - t) ** 2).sum(-1).mean(),
    }
    for name in ("ce", "mlm", "cos") if alphas[2] else ("ce", "mlm"):
        assert getattr(loss, name).item() == pytest.approx(terms[name], rel=1e-5), name
    expected = sum(alpha * term for alpha, term in zip(alphas, terms.values(), strict=True))
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)


def test_the_published_weights_are_the_default(impl: ModuleType) -> None:
    student, teacher, labels, hidden, aim = random_terms()
    default = impl.distillation_loss(student, teacher, labels, hidden, aim)
    published = impl.distillation_loss(student, teacher, labels, hidden, aim, 2.0, 5.0, 2.0, 1.0, 0.0)
    assert default.total.item() == published.total.item()
    assert default.mse is None


@pytest.mark.parametrize("alphas", [(1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0), (0, 0, 0, 1.0)])
def test_the_student_learns_from_each_loss_and_the_teacher_from_none(
    impl: ModuleType, alphas: tuple[float, ...]
) -> None:
    student, teacher, labels, hidden, aim = random_terms()
    total = impl.distillation_loss(student, teacher, labels, hidden, aim, 2.0, *alphas).total
    learner = hidden if alphas[2] else student
    to_student, *to_teacher = torch.autograd.grad(total, (learner, teacher, aim), allow_unused=True)
    assert to_student is not None, "the student gets a gradient"
    assert to_teacher == [None, None], "the teacher gets none"


def test_without_l_cos_student_and_teacher_may_differ_in_width(impl: ModuleType) -> None:
    student, teacher, labels, hidden, _ = random_terms()
    loss = impl.distillation_loss(student, teacher, labels, hidden, torch.randn(9, 8), alpha_cos=0.0)
    assert loss.cos is None
    assert torch.isfinite(loss.total)


def test_a_term_of_weight_zero_is_returned_but_gives_no_gradient() -> None:
    student, teacher, labels, hidden, aim = random_terms()
    loss = distillation_loss(student, teacher, labels, hidden, aim, alpha_cos=0.0)
    assert loss.cos is not None
    assert loss.cos.item() == cosine_loss(hidden, aim).item()
    assert no_gradient_flows(loss.total, hidden)
    assert list(loss.terms()) == ["ce", "mlm", "cos"]
    with_all = distillation_loss(student, teacher, labels, hidden, aim, alpha_mse=0.1)
    assert list(with_all.terms()) == ["ce", "mlm", "cos", "mse"]


# Bad input and low precision


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: soft_target_loss(torch.zeros(1, 2), torch.zeros(1, 2), 0), "temperature is 0: expected a number"),
        (lambda: soft_target_loss(torch.zeros(1, 2), torch.zeros(1, 2), float("nan")), "temperature is nan"),
        (lambda: soft_target_loss(torch.zeros(1, 2), torch.zeros(1, 3)), "scores 2 words, its teacher 3"),
        (lambda: logits_mse_loss(torch.zeros(1, 2), torch.zeros(1, 3)), "models of the same vocabulary"),
        (lambda: soft_target_loss(torch.zeros(1, 2), torch.zeros(4, 2)), r"logits .* \(1, 2\) and \(4, 2\)"),
        (lambda: cosine_loss(torch.zeros(1, 2), torch.zeros(1, 3)), "leave L_cos out with alpha_cos=0"),
        (lambda: cosine_loss(torch.zeros(1, 2), torch.zeros(2, 2)), "hidden states of student and teacher differ"),
        (lambda: masked_lm_loss(torch.zeros(3, 2), torch.zeros(2).long()), r"labels has shape \(2,\): expected \(3,\)"),
        (lambda: masked_lm_loss(torch.zeros(1, 2), torch.tensor([2])), "labels go from 2 to 2: expected 0 to 1"),
        (lambda: masked_lm_loss(torch.zeros(1, 2), torch.zeros(1)), r"labels must be integers .*\.long\(\)"),
        (lambda: distillation_loss(*random_terms(), alpha_mlm=-1.0), "alpha_mlm is -1.0: expected 0 or more"),
        (
            lambda: distillation_loss(*random_terms(), alpha_ce=0, alpha_mlm=0, alpha_cos=0),
            "alpha_ce, alpha_mlm, alpha_cos, alpha_mse are all 0",
        ),
    ],
)
def test_bad_input_is_explained(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_summed_in_fp32(dtype: torch.dtype) -> None:
    student, teacher = (torch.randn(2, 50, 30522) * 3).to(dtype)
    s, t = (each.double().numpy() / 2 for each in (student, teacher))
    expected = 4 * (softmax(t, -1) * (log_softmax(t, -1) - log_softmax(s, -1))).sum(-1).mean()
    assert soft_target_loss(student, teacher).dtype == torch.float32
    assert soft_target_loss(student, teacher).item() == pytest.approx(expected, rel=1e-5)


# The official script's way


def official_way(student: Any, teacher: Any, labels: Tensor, mask: Tensor, temperature: float, alphas: Any) -> Tensor:
    """The formula of DistilBERT's script on (B, L, V) and (B, L, D): torch's loss modules on what a mask selects."""
    (s_logits, s_hidden), (t_logits, t_hidden) = student, teacher
    real = mask.bool()
    ce = nn.KLDivLoss(reduction="batchmean")(
        (s_logits[real] / temperature).log_softmax(-1), (t_logits[real] / temperature).softmax(-1)
    )
    mlm = nn.CrossEntropyLoss(ignore_index=-100)(s_logits.view(-1, s_logits.shape[-1]), labels.view(-1))
    ones = torch.ones(int(real.sum()))
    cos = nn.CosineEmbeddingLoss(reduction="mean")(s_hidden[real], t_hidden[real], ones)
    mse = nn.MSELoss(reduction="sum")(s_logits[real], t_logits[real]) / real.sum()
    return alphas[0] * temperature**2 * ce + alphas[1] * mlm + alphas[2] * cos + alphas[3] * mse


@pytest.mark.parametrize("alphas", [(5.0, 2.0, 1.0, 0.0), (0.33, 0.33, 0.33, 0.0), (5.0, 2.0, 1.0, 0.1)])
def test_a_padded_batch_gives_the_official_total_and_gradients(alphas: tuple[float, ...]) -> None:
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    labels = torch.full((2, 5), -100)
    labels[0, 1], labels[1, 2] = 4, 9
    student = [torch.randn(2, 5, size, requires_grad=True) for size in (11, 6)]
    teacher = [torch.randn(2, 5, size) for size in (11, 6)]
    real = mask.bool()
    ours = distillation_loss(
        student[0][real], teacher[0][real], labels[real], student[1][real], teacher[1][real], 2.0, *alphas
    ).total
    theirs = official_way(student, teacher, labels, mask, 2.0, alphas)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    for mine, other in zip(torch.autograd.grad(ours, student), torch.autograd.grad(theirs, student), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-5)
        assert not mine[1, 3:].any(), "padding has no gradient"
