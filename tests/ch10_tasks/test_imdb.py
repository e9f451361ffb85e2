"""IMDb: reviews from folders and from the hub, and reviews that are too long."""

import shutil
from pathlib import Path

import pytest
import torch
from datasets import Dataset as Table

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks import imdb
from minidistil.ch10_tasks.glue import Example
from minidistil.ch10_tasks.imdb import Imdb, load_imdb, read_reviews
from minidistil.files import data_folder
from tests.ch10_tasks.command import finetuned

SAMPLE = data_folder() / "samples" / "reviews"


def test_folders_are_classes(tmp_path: Path) -> None:
    for name, text in (
        ("neg/1_2.txt", "Bad."),
        ("neg/0_3.txt", "Dull."),
        ("pos/0_9.txt", "Good."),
        ("pos/x.md", ""),
        ("pos/._0_9.txt", "Mac"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_reviews(tmp_path) == [Example("Dull.", None, 0), Example("Bad.", None, 0), Example("Good.", None, 1)]


def test_the_folder_around_will_do_and_an_empty_one_is_named(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "aclImdb")
    assert len(load_imdb(tmp_path).train) == 16
    shutil.rmtree(tmp_path / "aclImdb" / "test" / "pos")
    with pytest.raises(FileNotFoundError, match=r"test.pos: expected text files in train/neg"):
        load_imdb(tmp_path / "aclImdb")


def test_the_hub_has_the_same_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(imdb, "HUB", str(tmp_path / "hub"))
    local = load_imdb(SAMPLE)
    for split, reviews in (("train", local.train), ("test", local.validation["validation"])):
        rows = [{"text": review.text, "label": review.label} for review in reviews]
        Table.from_list(rows).to_parquet(tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet")
    loaded = load_imdb()
    assert (loaded.train, loaded.validation) == (local.train, local.validation)


def test_a_long_review_loses_its_end_and_the_tokens_are_counted(tokenizer: WordPiece) -> None:
    task, examples = Imdb(), [Example("good " * 50, None, 1), Example("bad", None, 0)]
    features = task.features(examples, tokenizer, 32)
    assert [len(feature.input_ids) for feature in features] == [32, 3]
    assert [feature.cut for feature in features] == [20, 0]
    predictions = [torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])]
    assert task.metrics(examples, features, predictions) == {"accuracy": 0.5}


def test_the_command_runs_on_the_sample_and_counts_what_was_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = finetuned("imdb", SAMPLE, tmp_path, "--max-length", "32", "--batch-size", "8")
    assert "imdb, validation (epoch 1): accuracy 0." in capsys.readouterr().out
    assert metrics["examples"] == {"train": 16, "validation": 8}
    assert metrics["cut"]["train"] > 0
