"""`distil` in a programmer's hands: arguments that are something else, and a teacher that is left as it was."""

from pathlib import Path
from typing import Any

import pytest

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.runs.distillation import distil
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
