"""IMDb's folders, the hub's rows, and reviews that are too long."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from datasets import Dataset as Table

import minidistil as md
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks import imdb
from minidistil.ch10_tasks.glue import Example
from minidistil.ch10_tasks.imdb import Imdb, load_imdb, read_reviews
from minidistil.cli.main import main
from minidistil.files import data_folder

SAMPLE = data_folder() / "samples" / "reviews"


def test_folders_are_classes(tmp_path: Path) -> None:
    for name, text in (("neg/1_2.txt", "Bad."), ("neg/0_3.txt", "Dull."), ("pos/0_9.txt", "Good."), ("pos/x.md", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_reviews(tmp_path) == [Example("Dull.", None, 0), Example("Bad.", None, 0), Example("Good.", None, 1)]


def test_a_missing_folder_and_a_broken_file_are_explained(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "aclImdb")
    assert len(load_imdb(tmp_path).train) == 16  # the folder around it will do
    (tmp_path / "aclImdb" / "test" / "pos" / "0.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"0.txt is not UTF-8"):
        load_imdb(tmp_path)
    shutil.rmtree(tmp_path / "aclImdb" / "test" / "pos")
    with pytest.raises(FileNotFoundError, match=r"pos has no review: expected text files in train/neg, train/pos"):
        load_imdb(tmp_path / "aclImdb")


def test_the_hubs_rows_are_the_same_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    reviews = load_imdb(SAMPLE).train
    rows = [{"text": review.text, "label": review.label} for review in reviews]
    (tmp_path / "there" / "data").mkdir(parents=True)
    Table.from_list(rows).to_parquet(tmp_path / "there" / "data" / "test-00000-of-00001.parquet")
    assert imdb._from_hub("test", str(tmp_path / "there")) == reviews
    with pytest.raises(FileNotFoundError, match=r"could not be had from the hub .* layout of aclImdb"):
        imdb._from_hub("test", str(tmp_path / "nowhere"))


def test_a_long_review_loses_its_end_and_the_tokens_are_counted(tokenizer: WordPiece) -> None:
    task, examples = Imdb(), [Example("good " * 50, None, 1), Example("bad", None, 0)]
    features = task.features(examples, tokenizer, 32)
    assert [len(feature.input_ids) for feature in features] == [32, 3]
    assert [feature.cut for feature in features] == [20, 0]
    predictions = [torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])]
    assert task.metrics(examples, features, predictions) == {"accuracy": 0.5}


def test_the_command_runs_on_the_sample_and_says_what_was_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    md.MaskedLM(md.EncoderConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48)) \
        .save_pretrained(tmp_path / "start")  # fmt: skip
    WordPiece.from_pretrained("minilm").save(tmp_path / "start")
    command = ["finetune", "imdb", "--data", str(SAMPLE), "--model", str(tmp_path / "start"), "--epochs", "1"]
    command += ["--batch-size", "8"]
    assert main([*command, "--max-length", "32", "--precision", "fp32", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "imdb, validation (epoch 1): accuracy 0." in said.out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["examples"] == {"train": 16, "validation": 8}
    assert metrics["cut"]["train"] > 0
