"""The numbers among the right answers to the questions of chapter 4."""

import torch

from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch04_encoder.encoder import Block, count_parameters
from minidistil.course.questions import read_questions

QUESTIONS = read_questions("ch04")
RIGHT = [next(choice for choice in each.choices if choice.right) for each in QUESTIONS]


def test_layer_norm_of_four_numbers() -> None:
    normed = torch.nn.functional.layer_norm(torch.tensor([1.0, 5.0, 1.0, 5.0]), (4,), eps=0)
    assert RIGHT[0].text == str(tuple(int(each) for each in normed))


def test_share_of_berts_parameters() -> None:
    bert, distilbert = (
        count_parameters(config) for config in (EncoderConfig(), EncoderConfig(num_hidden_layers=6, type_vocab_size=0))
    )
    share = sum(distilbert.values()) / sum(bert.values())
    assert f"Why does it have {share:.0%}".replace("%", " %") in QUESTIONS[6].question
    words, all_of_it = distilbert["word embeddings"], sum(distilbert.values())
    assert f"{words / 1e6:.0f} million of its {all_of_it / 1e6:.0f} million" in RIGHT[6].explanation


def test_parameters_of_a_block() -> None:
    with torch.device("meta"):
        block = Block(EncoderConfig())
    assert RIGHT[7].text == f"{sum(each.numel() for each in block.parameters()):,}"
    parts = count_parameters(EncoderConfig(num_hidden_layers=1))
    assert f"Attention {parts['attention']:,}, feed-forward {parts['feed-forward']:,}" in RIGHT[7].explanation
