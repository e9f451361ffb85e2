"""Chapter 5, question answering: the loss; the model itself is compared with transformers' in test_classifiers."""

from types import ModuleType

import torch
from torch.nn import functional


def test_answer_loss_by_hand(impl: ModuleType) -> None:
    even = torch.zeros(2, 4)
    sure = torch.tensor([[0.0, 50.0, 0.0, 0.0], [50.0, 0.0, 0.0, 0.0]])
    first, last = torch.tensor([1, 0]), torch.tensor([2, 3])
    four = torch.tensor(4.0).log()
    torch.testing.assert_close(impl.answer_loss(even, even, first, last), four, msg="four equal scores: ln 4")
    torch.testing.assert_close(impl.answer_loss(sure, even, first, last), four / 2, msg="the mean of both ends")


def test_an_answer_that_was_cut_off_is_ignored(impl: ModuleType) -> None:
    start, end = torch.randn(3, 5), torch.randn(3, 5)
    first, last = torch.tensor([1, 5, 40]), torch.tensor([3, 5, 41])
    expected = (functional.cross_entropy(start[:1], first[:1]) + functional.cross_entropy(end[:1], last[:1])) / 2
    torch.testing.assert_close(impl.answer_loss(start, end, first, last), expected)
    half = impl.answer_loss(start[:1], end[:1], torch.tensor([4]), torch.tensor([4]))
    losses = [functional.cross_entropy(logits[:1], torch.tensor([4])) for logits in (start, end)]
    torch.testing.assert_close(half, sum(losses) / 2, msg="the last position of a text counts")


def test_each_end_has_a_mean_of_its_own(impl: ModuleType) -> None:
    """Three starts are in the texts, but only one end: the end weighs as much as the three starts together."""
    start, end = torch.randn(3, 5), torch.randn(3, 5)
    first, last = torch.tensor([1, 0, 4]), torch.tensor([3, 5, 9])
    expected = (functional.cross_entropy(start, first) + functional.cross_entropy(end[:1], last[:1])) / 2
    torch.testing.assert_close(impl.answer_loss(start, end, first, last), expected)
