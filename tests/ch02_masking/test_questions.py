"""Numbers in the answers to chapter 2's questions are what the package finds."""

from collections.abc import Callable

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking import choose_positions, padding_share, token_weights
from minidistil.ch02_masking.sequences import chunks
from minidistil.course.questions import read_questions


def sequences_kept() -> str:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    return str(len(list(chunks("a " * 260, tokenizer, 128))))


def padding() -> str:
    return f"{round(24 * padding_share([4, 12], [[0, 1]]))} of 24"


def chosen() -> str:
    return str(int(choose_positions(torch.full((1, 101), 9), {0}, 0.15).sum()))


def share_of_masks() -> str:
    return f"{0.15 * 0.8:.0%}".replace("%", " %")


def hidden_in_all() -> str:
    weights = token_weights([torch.tensor([0] * 1000 + [1] * 10)], vocab_size=2, smoothing=0.7)
    return f"{round(float(1000 * weights[0] / (10 * weights[1])))} times"


@pytest.mark.parametrize(
    ("asked", "computed"),
    [
        ("260 tokens", sequences_kept),
        ("What fraction of its positions is padding", padding),
        ("101 ordinary tokens", chosen),
        ("replaced by `[MASK]`", share_of_masks),
        ("smoothing 0.7", hidden_in_all),
    ],
)
def test_the_marked_answer_is_the_computed_one(asked: str, computed: Callable[[], str]) -> None:
    (question,) = [each for each in read_questions("ch02") if asked in each.question]
    (right,) = [choice.text for choice in question.choices if choice.right]
    assert right == computed()
