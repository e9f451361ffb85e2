"""The labelled sample that the project made itself, and what goes into the installed package."""

import json
import re
from itertools import islice
from pathlib import Path

from data.samples.prepare import ADJECTIVES, reviews, write_samples
from minidistil.ch10_tasks.glue import load_glue
from minidistil.files import data_folder


def words_of(sentence: str) -> set[str]:
    return set(re.findall(r"\w+", sentence))


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


def test_every_sentence_is_different_also_across_the_sets() -> None:
    dataset = load_glue("sst-2", data_folder() / "samples")
    train, dev = ([example.text for example in rows] for rows in (dataset.train, dataset.validation["validation"]))
    assert (len(train), len(dev)) == (400, 200)
    assert len({*train, *dev}) == 600
    assert 0.4 < sum(example.label for example in dataset.train) / len(train) < 0.6


def test_the_sets_have_no_adjective_in_common() -> None:
    words = {split: {word for kind in kinds for word in kind} for split, kinds in ADJECTIVES.items()}
    assert not words["train"] & words["dev"]
    for split, other in (("train", "dev"), ("dev", "train")):
        assert not any(words[other] & words_of(sentence) for sentence, _ in islice(reviews(split), 300))


def test_labels_follow_the_adjectives_and_their_negations() -> None:
    good, bad = map(set, ADJECTIVES["train"])
    for sentence, label in islice(reviews("train"), 300):
        adjectives = (good | bad) & words_of(sentence)
        if re.search(" at all|nobody|hardly|far from", sentence):
            assert adjectives <= (bad if label else good)
        elif len(adjectives) == 1:
            assert adjectives <= (good if label else bad)
