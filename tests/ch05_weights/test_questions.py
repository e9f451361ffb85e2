"""The numbers among the right answers to the questions of chapter 5."""

import torch
from torch.nn.functional import gelu

from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch05_weights.question_answering import answer_loss
from minidistil.course.questions import read_questions

QUESTIONS = read_questions("ch05")
RIGHT = [next(choice for choice in each.choices if choice.right) for each in QUESTIONS]


def test_size_of_a_second_word_table() -> None:
    size = EncoderConfig().vocab_size * EncoderConfig().hidden_size
    assert f"30,522 times 768 is {size:,}" in RIGHT[0].explanation
    assert f"{size / 1e6:.0f} million" in RIGHT[0].text


def test_loss_of_a_fresh_question_answering_head() -> None:
    even, place = torch.zeros(1, 384), torch.tensor([7])
    assert RIGHT[1].text == f"About {answer_loss(even, even, place, place):.2f}"


def test_distance_of_the_tanh_gelu() -> None:
    x = torch.linspace(-5, 5, 1001)
    largest = (gelu(x) - gelu(x, approximate="tanh")).abs().max().item()
    assert f"up to {largest:.4f}" in RIGHT[4].explanation


def test_only_the_head_at_the_mask() -> None:
    assert "30,522" in RIGHT[8].text
    config, length = EncoderConfig(num_hidden_layers=6), 128  # operations per token, each multiplication with its sum
    width, inside, blocks = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    encoder = blocks * (8 * width**2 + 4 * length * width + 4 * width * inside)
    head = 2 * width**2 + 2 * width * config.vocab_size
    assert head / (encoder + head) > 1 / 3
    assert "more than a third" in RIGHT[8].explanation
