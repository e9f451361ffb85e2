"""The tables of backends and `minidistil export`: every backend's logits are checked before they are timed."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from minidistil.bench import backends
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import masked_text
from minidistil.cli.main import main

TINY = EncoderConfig(
    vocab_size=99, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, type_vocab_size=0,
    max_position_embeddings=32,
)  # fmt: skip
NAMES = ("files", "names", "folders", "links", "lines")


@pytest.fixture(scope="module")
def lines() -> list[str]:
    torch.manual_seed(0)  # before the first test nothing is seeded
    model = SequenceClassifier(ClassifierConfig(**vars(TINY))).eval()
    with torch.no_grad():
        return list(backends.speed_table(model, backends.PEER | backends.BACKENDS, [(1, 3), (2, 5)], seconds=0.0))


def test_a_line_for_each_backend_with_size_and_ratios(lines: list[str]) -> None:
    assert [line.split()[0] for line in lines[2:]] == ["transformers", *backends.BACKENDS]
    for line in lines[2:]:
        assert re.fullmatch(r"[\w-]+ +[\d.]+ MiB +[\d.]+( +[\d.]+ ms +[\d.]+){2}", line), line
    assert [lines[2].split()[place] for place in (3, 6, 9)] == ["1.00"] * 3
    assert re.findall(r"\d x \d tokens", lines[1]) == ["1 x 3 tokens", "2 x 5 tokens"]


def test_logits_that_differ_are_not_timed() -> None:
    def wrong(model: Any, folder: Path) -> tuple[Callable[..., torch.Tensor], int]:
        return lambda **inputs: 2 * model(**inputs).logits, 1

    model = SequenceClassifier(ClassifierConfig(**vars(TINY))).eval()
    with torch.no_grad(), pytest.raises(RuntimeError, match="wrong are off by 100"):
        list(backends.speed_table(model, {"fp32": backends.fp32, "wrong": wrong}, [(1, 3)], seconds=0.0))


def test_guesses_are_those_at_the_hidden_tokens() -> None:
    logits = torch.tensor([[[0.0, 5.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 3.0]]])
    labels = torch.tensor([[1, -100, 0]])
    ids = torch.ones(1, 3, dtype=torch.int64)
    words, losses = backends.guesses(lambda **inputs: logits, [(ids, ids, labels)])
    assert words.tolist() == [1, 2]
    expected = -logits[0, [0, 2]].double().log_softmax(-1)[[0, 1], [1, 0]]
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-6)


def test_the_accuracy_is_that_of_the_evaluation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer: WordPiece
) -> None:
    model = MaskedLM(replace(TINY, vocab_size=len(tokenizer), initializer_range=0.5)).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    documents = [f"The list of all the {name} in a folder is returned as one text, line by line." for name in NAMES]
    monkeypatch.setattr(backends.corpus, "docs", lambda: Corpus("docs", [], [], documents))
    text = masked_text(sequences(documents, tokenizer), tokenizer, batch_size=8)
    with torch.no_grad():
        found = list(backends.accuracy_table({"fp32": backends.fp32, "int8": backends.int8}, str(tmp_path)))
    scores = score(model, text)
    name, _, _, accuracy, perplexity, same = found[2].split()
    assert (name, same) == ("fp32", "100.0%")
    assert float(accuracy) == pytest.approx(scores.accuracy, abs=1e-4)
    assert float(perplexity) == pytest.approx(scores.perplexity, rel=1e-3)
    assert found[3].startswith("int8")


def test_the_papers_claim_has_a_line_for_each_backend() -> None:
    kinds = {name: backends.BACKENDS[name] for name in ("fp32", "int8")}
    small = replace(TINY, vocab_size=1001)
    with torch.no_grad():
        found = list(backends.paper_table(kinds, (3, 5), (replace(small, num_hidden_layers=2), small), seconds=0.0))
    assert [line.split("  ")[0] for line in found[2:5]] == ["BERT-base, fp32", "DistilBERT, fp32", "DistilBERT, int8"]
    assert "1.63 times" in found[-1]


@pytest.mark.parametrize("kind", ["onnx", "onnx-int8", "int8"])
@pytest.mark.parametrize("task", ["fill-mask", "classification"])
def test_export_writes_a_folder_and_reports_what_it_checked(
    kind: str, task: str, tmp_path: Path, tokenizer: WordPiece, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(TINY, vocab_size=len(tokenizer))
    model: Any = MaskedLM(config) if task == "fill-mask" else SequenceClassifier(ClassifierConfig(**vars(config)))
    model.save_pretrained(tmp_path / "model")
    tokenizer.save(tmp_path / "model")
    command = ["export", str(tmp_path / "model"), "--format", kind, "--out", str(tmp_path / "out"), "--task", task]
    assert main(command) == 0
    printed = capsys.readouterr().out
    file = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx", "int8": "model.int8.safetensors"}[kind]
    beside = {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {file} | beside
    assert file in printed
    if kind == "onnx-int8":  # an earlier graph in fp32 stays
        earlier = tmp_path / "out" / "model.onnx"
        earlier.write_bytes(b"an earlier one")
        assert main(command) == 0
        assert earlier.read_bytes() == b"an earlier one"
    assert ("read back and equal" if kind == "int8" else "onnxruntime gives the same logits") in printed


def test_exporting_a_head_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "minilm", "--task", "classification", "--out", str(tmp_path / "out")]) == 2
    assert "do not fit" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
