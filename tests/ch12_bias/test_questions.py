"""The numbers in the right answers of chapter 12's questions, computed."""

import math

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch12_bias.bias import bias_scores, inheritance, log_ratios
from minidistil.ch12_bias.uncertainty import share_as_far
from minidistil.course.questions import read_questions

QUESTIONS = read_questions("ch12")
RATIOS = log_ratios(torch.tensor([[[0.020, 0.001], [0.010, 0.004]]])).abs()[0]
SCORE = bias_scores(torch.tensor([[[0.02], [0.40]]]), torch.tensor([[0.005, 0.50]])).item()
SIGNS = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * 5)  # all ways to set five signs
SMALLEST = share_as_far(SIGNS.mean(1)).item()
TEACHER = torch.tensor([[3.0, -1.0, -2.0, 0.0]])
WORDS = "nurse", "miner"


def right_answer(part: str) -> str:
    (question,) = [each for each in QUESTIONS if part in each.question]
    (choice,) = [each for each in question.choices if each.right]
    return f"{choice.text} {choice.explanation}"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("Which word differs more", f"{WORDS[int(RATIOS.argmax())]}, by {RATIOS.max():.2f} nats"),
        ("Which word differs more", f"only twice as likely, {RATIOS.min():.2f} nats"),
        ("sentence about a nurse", f"{SCORE:+.2f}: nearer to woman"),
        ("sentence about a nurse", f"ln {0.02 / 0.005:g} - ln {0.40 / 0.50:g}"),
        ("five templates", f"{SMALLEST:.4f}"),
    ],
)
def test_a_number_in_a_right_answer_is_computed(part: str, expected: str) -> None:
    assert expected in right_answer(part)


def test_the_correlation_of_the_question_is_slope_over_spread() -> None:
    other = torch.tensor([[-1.0, 3.0, 0.0, -2.0]])  # as large, about other words
    x, y = TEACHER / TEACHER.norm(), other / other.norm()
    y = 0.5 * x + math.sqrt(0.75) * (y - (x * y).sum() * x) / (y - (x * y).sum() * x).norm()
    found = inheritance(x, y)
    assert (found.slope, found.spread) == pytest.approx((0.5, 1.0))
    assert f"{found.correlation:.1f}:" in right_answer("slope is 0.5")


def test_hairdresser_has_three_pieces() -> None:
    pieces = {3: "three pieces"}[len(WordPiece.from_pretrained("minilm").ids("hairdresser"))]
    assert pieces in right_answer("hairdresser")
