"""What the questions of chapter 7 claim, computed."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import torch

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import PAPER_LAYERS, copied_names, student_config
from minidistil.course.questions import read_questions

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_student.ipynb"
RIGHT = [next(choice.text for choice in each.choices if choice.right) for each in read_questions("ch07")]


def size(config: EncoderConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in MaskedLM(config).parameters())


def test_a_copied_layer_has_its_number_among_the_chosen_ones() -> None:
    (name,) = copied_names(["encoder.layers.7.expand.bias"], PAPER_LAYERS)
    assert RIGHT[0] == f"`{name}`"


def test_names_that_begin_like_layer_1() -> None:
    found = [layer for layer in range(12) if f"encoder.layers.{layer}.x".startswith("encoder.layers.1")]
    assert RIGHT[2] == "Layers {}, {} and {}.".format(*found)


def test_parameters_of_bert_and_its_student() -> None:
    bert = EncoderConfig()
    layer = size(bert) - size(replace(bert, num_hidden_layers=11))
    question = read_questions("ch07")[5].question
    assert f"has {size(bert):,} parameters with its head, {layer:,} in a layer" in question
    assert RIGHT[5] == f"{size(student_config(bert, PAPER_LAYERS)) / 1e6:.2f} million"


def test_the_best_and_the_worst_layers_before_training() -> None:
    """Those of the question are the choices whose accuracy the notebook measures and compares."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    (choices,) = re.findall(r"choices = (\(\(.*?\)\))", text)
    best, worst = (
        re.findall(rf"assert {end}\(choices, key=accuracy.get\) == \((.*?)\)", text) for end in ("max", "min")
    )
    (asked,) = (each for each in read_questions("ch07") if each.question.startswith("Before training"))
    assert {choice.text for choice in asked.choices} == {str(each)[1:-1] for each in ast.literal_eval(choices)}
    assert [choice.text for choice in asked.choices if choice.right] == best
    assert [choice.text for choice in asked.choices if "the worst" in choice.explanation] == worst
