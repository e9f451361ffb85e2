"""`distil` in a programmer's hands: arguments that are something else, and a teacher that is left as it was."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.runs.distillation import distil
from minidistil.runs.report import comparison_table
from minidistil.runs.teaching import teach
from tests.conftest import TINY

CONFIG = DistilConfig(steps=1, batch_size=2, max_length=16, precision="fp32", validate_every=None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"teacher": SentenceEncoder(TINY)}, "teacher SentenceEncoder MaskedLM"),
        ({"student": "minilm-student"}, "student str MaskedLM"),
        ({"corpus": ["a text"]}, "corpus list Corpus HubCorpus"),
        ({"config": {"steps": 1}}, "config dict DistilConfig"),
        ({"tokenizer": "minilm"}, "tokenizer str WordPiece"),
    ],
)
def test_a_wrong_argument_is_named(
    wrong: dict[str, Any], words: str, tiny_teacher: MaskedLM, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"teacher": tiny_teacher, "student": tiny_teacher, "corpus": tiny_corpus, "config": CONFIG}
    with pytest.raises(TypeError, match=".*".join(words.split())):
        distil(**given | {"out": tmp_path / "run"} | wrong)
    assert not (tmp_path / "run").exists()


def test_teach_names_a_wrong_argument_before_it_loads_a_model() -> None:
    with pytest.raises(TypeError, match=r"corpus .*str.* Corpus"):
        teach("a text")  # type: ignore[arg-type]


def test_the_teacher_is_left_as_it_was(
    tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece, tmp_path: Path
) -> None:
    text = Corpus("few", tiny_corpus.train[:20], [], tiny_corpus.test[:5])
    tiny_teacher.train()
    distil(tiny_teacher, student_of(tiny_teacher, (0,)), text, CONFIG, tmp_path, tokenizer)
    assert all(module.training for module in tiny_teacher.modules())
    for parameter in tiny_teacher.parameters():
        assert parameter.requires_grad
        assert parameter.grad is None


def test_figures_that_do_not_exist_are_null_in_the_folder(
    tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece, tmp_path: Path
) -> None:
    text = Corpus("few", tiny_corpus.train[:20], [], tiny_corpus.test[:5])
    with torch.no_grad():
        tiny_teacher.head.bias[tokenizer.vocab["[PAD]"]] = 1e4  # the only guess, always wrong: exp(1e4) is infinite
    student = student_of(tiny_teacher, (0,))
    distil(tiny_teacher, student, text, CONFIG, tmp_path / "run", tokenizer)

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    for name in ("metrics.json", "metrics.jsonl"):
        for line in (tmp_path / "run" / name).read_text().split("\n" if name.endswith("l") else "\0"):
            json.loads(line or "0", parse_constant=refuse)
    again = distil(tiny_teacher, student, text, CONFIG, tmp_path / "run", tokenizer).metrics
    assert (again["teacher_masked_accuracy"], again["retention"], again["teacher_perplexity"]) == (0.0, None, None)
    assert "retention" not in again["intervals"]
    (row,) = (line.split("|")[2:5] for line in comparison_table(again).splitlines() if "perplexity" in line)
    assert row[0].strip() == row[2].strip() == "-"
