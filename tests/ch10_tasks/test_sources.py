"""Files and datasets that cannot be read."""

from pathlib import Path

import pytest

from minidistil.ch10_tasks.sources import from_hub, read_text


def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffcafé\r\n".encode())
    assert read_text(tmp_path / "a.txt", "a text file") == "café\n"


def test_a_file_that_is_missing_or_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.txt: expected a text file"):
        read_text(tmp_path / "absent.txt", "a text file")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.txt is not UTF-8 \(byte 3\): expected a text file"):
        read_text(tmp_path / "latin.txt", "a text file")


def test_a_dataset_that_cannot_be_loaded_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere could not be loaded .* give a folder with --data"):
        from_hub(str(tmp_path / "nowhere"), "a folder")
