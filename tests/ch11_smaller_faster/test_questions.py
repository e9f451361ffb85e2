"""The numbers in the right answers of chapter 11's questions, computed."""

import math

import pytest
import torch

from minidistil.ch11_smaller_faster.quantisation import int_matmul, quantize, symmetric_scale
from minidistil.course.questions import read_questions

QUESTIONS = read_questions("ch11")


def right_answer(part: str) -> str:
    (question,) = [each for each in QUESTIONS if part in each.question]
    (choice,) = [each for each in question.choices if each.right]
    return f"{choice.text} {choice.explanation}"


def largest_error() -> float:
    x = torch.linspace(-2.54, 2.54, 100_001, dtype=torch.float64)
    scale = symmetric_scale(x)
    return float((quantize(x, scale).double() * scale - x).abs().max())


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("largest magnitude of a tensor", f"{symmetric_scale(torch.tensor([1.0, -2.54])).item():.2f}"),
        ("How large can its error be", f"{largest_error():.2f}"),
        ("clipped before their type", f"300 becomes {int(torch.tensor([300.0]).to(torch.int8))}:"),
        ("one bit more", f"By {20 * math.log10(2):.0f} dB"),
        (
            "768 products",
            f"{int(int_matmul(torch.full((1, 768), 127).to(torch.int8), torch.full((768, 1), 127).to(torch.int8))):,}",
        ),
        ("80 %", f"{1 / (0.2 + 0.8 / 4):.1f} times"),
    ],
)
def test_a_number_in_a_right_answer_is_computed(part: str, expected: str) -> None:
    assert expected in right_answer(part)
