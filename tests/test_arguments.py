"""Wrong arguments of the public functions: a sentence that says what was given and what is expected."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import minidistil as md
from minidistil.ch01_wordpiece.vocabulary import SPECIAL_TOKENS
from minidistil.ch06_losses.losses import cosine_loss, masked_lm_loss
from minidistil.ch11_smaller_faster.int8 import load_int8, save_int8
from minidistil.runs.finetuning import finetune

TOKENIZER = md.WordPiece([*SPECIAL_TOKENS, *"abcdefgh"])
CONFIG = md.EncoderConfig(
    vocab_size=len(TOKENIZER), hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
)
TEACHER = md.MaskedLM(CONFIG)
STUDENT = md.student_of(TEACHER, (0,))
CORPUS = md.corpus.from_documents("letters", [f"a b c d {number}" for number in range(300)])
HELD_OUT = md.masked_text([torch.tensor([2, 5, 6, 7, 8, 3])], TOKENIZER)
LOGITS, HIDDEN, LABELS = torch.zeros(3, 5), torch.ones(3, 4), torch.tensor([1, 2, 3])
distil = partial(md.distil, tokenizer=TOKENIZER)

SEVERAL: list[Any] = [None, 3, "one text", [3], [None]]
PATH: list[Any] = [None, 3, 2.5, ["a"], {"a": 1}, numpy.ones(3), TEACHER]
NO_NUMBER: list[Any] = [None, "8", [], 2.5, torch.ones(2, 2)]
NO_OBJECT: list[Any] = [None, 3, "minilm", md.MaskedLM]
CALLS: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
    "from_pretrained": (md.MaskedLM.from_pretrained, PATH),
    "save_pretrained": (STUDENT.save_pretrained, PATH),
    "fresh head": (md.SequenceClassifier.with_fresh_head, PATH),
    "load_int8": (partial(load_int8, md.MaskedLM), PATH),
    "save_int8": (partial(save_int8, STUDENT), PATH),
    "tokenizer": (md.WordPiece.from_pretrained, PATH),
    "tokenizer.save": (TOKENIZER.save, PATH),
    "model_max_length": (lambda given: TOKENIZER.save("x", given), NO_NUMBER),
    "vocabulary": (md.WordPiece, [None, 3, "[PAD]"]),
    "do_lower_case": (lambda given: md.WordPiece(TOKENIZER.tokens, do_lower_case=given), [None, "false", 1]),
    "train": (md.WordPiece.train, SEVERAL),
    "encode": (TOKENIZER.encode, [None, 3, ["a"]]),
    "max_length": (lambda given: TOKENIZER.encode("a", max_length=given), ["8", "", [], torch.ones(2, 2)]),
    "ids": (TOKENIZER.ids, [None, 3, ["a"]]),
    "pieces": (TOKENIZER.pieces, [None, 3, ["a"]]),
    "from_documents": (lambda given: md.corpus.from_documents("name", given), SEVERAL),
    "text_files": (md.corpus.text_files, [*SEVERAL, Path("a.txt")]),
    "together": (md.corpus.together, [None, 3, "one"]),
    "hub": (md.corpus.hub, PATH),
    "sequences": (lambda given: md.corpus.sequences(given, TOKENIZER), SEVERAL),
    "sequences' tokenizer": (lambda given: md.corpus.sequences(["a b"], given), NO_OBJECT),
    "sequences' length": (lambda given: md.corpus.sequences(["a b"], TOKENIZER, given), NO_NUMBER),
    "sentence pairs": (lambda given: md.corpus.sentence_pairs(given, TOKENIZER), SEVERAL),
    "masked_text": (lambda given: md.masked_text(given, TOKENIZER), SEVERAL),
    "score": (lambda given: md.score(given, HELD_OUT), NO_OBJECT),
    "score's text": (lambda given: md.score(TEACHER, given), NO_OBJECT),
    "compare": (lambda given: md.compare(TEACHER, given, HELD_OUT), NO_OBJECT),
    "compare's text": (lambda given: md.compare(TEACHER, STUDENT, given), NO_OBJECT),
    "logits": (lambda given: md.distillation_loss(given, LOGITS, LABELS, HIDDEN, HIDDEN), [None, 3, [1.0]]),
    "alpha": (lambda given: md.distillation_loss(LOGITS, LOGITS, LABELS, HIDDEN, HIDDEN, alpha_ce=given), [None, "2"]),
    "labels": (lambda given: md.distillation_loss(LOGITS, LOGITS, given, HIDDEN, HIDDEN), [None, 3, [1]]),
    "student's hidden": (lambda given: md.distillation_loss(LOGITS, LOGITS, LABELS, given, HIDDEN), [None, 3, [1.0]]),
    "teacher's hidden": (lambda given: md.distillation_loss(LOGITS, LOGITS, LABELS, HIDDEN, given), [None, 3, [1.0]]),
    "temperature": (lambda given: md.distillation_loss(LOGITS, LOGITS, LABELS, HIDDEN, HIDDEN, given), [None, "2", []]),
    "cosine_loss": (lambda given: cosine_loss(HIDDEN, given), [None, 3, [1.0]]),
    "masked_lm_loss": (lambda given: masked_lm_loss(given, LABELS), [None, 3, [1.0]]),
    "rank": (lambda given: CORPUS.stream("train", given), NO_NUMBER),
    "world_size": (lambda given: CORPUS.stream("train", 0, given), NO_NUMBER),
    "config": (lambda given: distil(TEACHER, STUDENT, CORPUS, given), [3, "small", {}, numpy.ones(2)]),
    "out": (lambda given: distil(TEACHER, STUDENT, CORPUS, out=given), PATH),
    "say": (lambda given: distil(TEACHER, STUDENT, CORPUS, say=given), [None, "print", 3]),
    "teach": (lambda given: md.teach(given), SEVERAL),
    "start": (lambda given: md.teach(CORPUS, start=given), [3, ["minilm"], torch.ones(2)]),
    "finetune": (lambda given: finetune(TEACHER, given, tokenizer=TOKENIZER), NO_OBJECT),  # type: ignore[arg-type]
    "quiz": (md.quiz, [None, 3, ["ch01"]]),
    "reference": (md.reference, [None, 3, ["truncate"]]),
    "predict": (lambda given: md.predict("?", given, "a"), [None, 3, ("a", "b")]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_named_with_what_is_expected(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, wrong = CALLS[name]
    for given in wrong:
        with pytest.raises(TypeError, match=r"[Ee]xpected") as error:
            call(given)
        raised = error.traceback[-1]
        assert str(raised.statement).strip().startswith("raise "), (given, error.value)
        said = str(error.value)
        inner = given[0] if isinstance(given, list) and given else given
        assert type(given).__name__ in said or type(inner).__name__ in said, (given, said)
    assert not [*tmp_path.iterdir()]


def test_teacher_and_student_in_the_wrong_order(tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in TEACHER.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"student has [\d,]+ parameters, its teacher [\d,]+: .*distil\(teacher, student"
    ):
        distil(STUDENT, TEACHER, CORPUS, md.DistilConfig(steps=1), tmp_path)
    assert all(torch.equal(before[name], tensor) for name, tensor in TEACHER.state_dict().items())
