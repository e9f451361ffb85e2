"""The marked answers of chapter 9's questions are what a closed form or the package says."""

import math
import re
from pathlib import Path

import pytest
import torch

from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch08_training.cost import forward_operations
from minidistil.ch09_evaluation.metrics import expected_calibration_error, perplexity
from minidistil.course.questions import read_questions

MARKED = {
    each.question: next(choice.text for choice in each.choices if choice.right) for each in read_questions("ch09")
}


def marked(beginning: str) -> str:
    (answer,) = (text for question, text in MARKED.items() if question.startswith(beginning))
    return answer


def test_seconds_of_a_student_that_is_faster() -> None:
    assert float(marked("A teacher needs 100 seconds")) == pytest.approx(100 / 1.6)


def test_perplexity_of_three_words() -> None:
    losses = [-math.log(share) for share in (1 / 2, 1 / 4, 1 / 8)]
    assert float(marked("The three hidden words")) == pytest.approx(perplexity([torch.tensor(losses)]))


def test_calibration_of_a_model_that_knows_how_little_it_knows() -> None:
    error = expected_calibration_error(torch.full((10,), 0.4), torch.arange(10) < 4)
    assert float(marked("A model is right at 40 %")) == pytest.approx(error, abs=1e-6)


def test_speed_where_all_words_are_scored() -> None:
    teacher, student = (
        forward_operations(EncoderConfig(hidden_size=384, intermediate_size=1536, num_hidden_layers=layers), 128, 1.0)
        for layers in (6, 3)
    )
    assert float(marked("A student has half")) == pytest.approx(teacher / student, abs=0.05)


def test_what_the_student_of_the_notebook_keeps() -> None:
    notebook = Path(__file__).parents[2] / "notebooks" / "09_evaluation.ipynb"
    (kept,) = re.findall(r"retention ([\d.]+)%, agreement", notebook.read_text(encoding="utf-8"))
    (question,) = (each for each in MARKED if each.startswith("DistilBERT keeps 97 %"))
    assert f"a student of this chapter {float(kept):.0f} %" in question
