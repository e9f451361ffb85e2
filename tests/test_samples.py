"""The labelled sample that the project made itself."""

import json
import re
from itertools import islice
from pathlib import Path

from data.samples.prepare import ADJECTIVES, reviews, write_samples
from minidistil.ch10_tasks.glue import load_glue
from minidistil.files import data_folder


def test_the_stored_sample_is_what_its_command_makes(tmp_path: Path) -> None:
    write_samples(tmp_path)
    for name in ("train.tsv", "dev.tsv"):
        stored = data_folder() / "samples" / "SST-2" / name
        assert (tmp_path / "SST-2" / name).read_bytes() == stored.read_bytes()


def test_everything_in_the_data_folder_goes_into_the_installed_package() -> None:
    """An installed package finds the samples and the stored results where a checkout does: in `data_folder()`."""
    project = (data_folder().parent / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^"minidistil.data" = (\[.*\])$', project, re.MULTILINE)
    assert found
    packed = {path for pattern in json.loads(found[1]) for path in data_folder().glob(pattern)}
    assert {path for path in data_folder().rglob("*") if path.is_file()} <= packed


def test_no_sentence_stands_twice_and_none_is_in_both_sets() -> None:
    dataset = load_glue("sst-2", data_folder() / "samples")
    train, dev = ([example.text for example in rows] for rows in (dataset.train, dataset.validation["validation"]))
    assert (len(set(train)), len(set(dev))) == (len(train), len(dev)) == (400, 200)
    assert not set(train) & set(dev)
    share = sum(example.label for example in dataset.train) / len(train)
    assert 0.4 < share < 0.6


def test_the_sets_share_no_adjective() -> None:
    words = {split: {word for side in sides for word in side} for split, sides in ADJECTIVES.items()}
    assert not words["train"] & words["dev"]
    for split in words:
        other = words["dev" if split == "train" else "train"]
        for sentence, _ in islice(reviews(split), 300):
            assert not other & set(
                sentence.replace(",", " ").replace(".", " ").replace("!", " ").replace(":", " ").split()
            )


def test_labels_follow_the_words_and_their_turns() -> None:
    good, bad = ADJECTIVES["train"]
    for sentence, label in islice(reviews("train"), 300):
        words = [
            word
            for word in good + bad
            if word in sentence.replace(",", " ").replace(".", " ").replace(":", " ").split()
        ]
        if " at all" in sentence or "nobody" in sentence or "hardly" in sentence or "far from" in sentence:
            assert label == (words[0] in bad)
        elif len(words) == 1:
            assert label == (words[0] in good)
