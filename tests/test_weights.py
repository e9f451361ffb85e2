"""Chapter 5, weights: round trips through transformers, and files that are wrong."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from minidistil.encoder import Encoder, EncoderConfig
from minidistil.heads import MaskedLM
from minidistil.student import student_of
from minidistil.weights import BareEncoder

SMALL = EncoderConfig(vocab_size=99, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


# Names, an exercise


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_names_in_the_encoder_are_official(kind: str, impl: ModuleType) -> None:
    """Both libraries register the encoder's tensors in the same order, so the names can be paired."""
    sizes: Any = {"vocab_size": 99, "max_position_embeddings": 9}
    if kind == "bert":
        config: Any = transformers.BertConfig(
            hidden_size=16, num_hidden_layers=12, num_attention_heads=2, intermediate_size=24, **sizes
        )
        theirs: Any = transformers.BertModel(config, add_pooling_layer=False)
    else:
        config = transformers.DistilBertConfig(dim=16, n_layers=12, n_heads=2, hidden_dim=24, **sizes)
        theirs = transformers.DistilBertModel(config)
    ours = Encoder(replace(SMALL, num_hidden_layers=12, type_vocab_size=2 if kind == "bert" else 0))
    for (mine, _), (official, _) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert impl.their_name(f"encoder.{mine}", kind) == f"{kind}.{official}"
        assert impl.their_name(f"encoder.{mine}", kind, prefix=False) == official
        assert impl.their_name(mine, kind) == official, "the encoder alone, without a head, has no prefix"


@pytest.mark.parametrize(
    ("ours", "bert", "distilbert"),
    [
        ("head.transform.weight", "cls.predictions.transform.dense.weight", "vocab_transform.weight"),
        ("head.norm.bias", "cls.predictions.transform.LayerNorm.bias", "vocab_layer_norm.bias"),
        ("head.bias", "cls.predictions.bias", "vocab_projector.bias"),
        ("head.dense.weight", "bert.pooler.dense.weight", "pre_classifier.weight"),
        ("head.dense.bias", "bert.pooler.dense.bias", "pre_classifier.bias"),
        ("head.classifier.weight", "classifier.weight", "classifier.weight"),
        ("classifier.bias", "classifier.bias", "classifier.bias"),
        ("qa_outputs.weight", "qa_outputs.weight", "qa_outputs.weight"),
    ],
)
def test_names_of_the_heads_are_official(ours: str, bert: str, distilbert: str, impl: ModuleType) -> None:
    assert impl.their_name(ours, "bert") == bert
    assert impl.their_name(ours, "distilbert") == distilbert
    assert impl.their_name(ours, "bert", prefix=False) == bert.removeprefix("bert.")
    assert impl.their_name(ours, "distilbert", prefix=False) == distilbert


def test_saved_models_load_in_transformers_and_back(tmp_path: Path, tiny_teacher: MaskedLM) -> None:
    input_ids = torch.randint(5, 99, (2, 9))
    for name, model in (("bert", tiny_teacher), ("distilbert", student_of(tiny_teacher).eval())):
        folder = tmp_path / name
        model.save_pretrained(folder)
        theirs, info = transformers.AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
        assert type(theirs).__name__.lower() == f"{name}formaskedlm"
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        assert not info["mismatched_keys"]
        logits = model(input_ids).logits
        torch.testing.assert_close(theirs.eval()(input_ids).logits, logits, atol=1e-5, rtol=0)
        theirs.save_pretrained(tmp_path / "back")
        torch.testing.assert_close(MaskedLM.from_pretrained(tmp_path / "back")(input_ids).logits, logits)


def test_the_offline_teacher_loads_in_transformers(tmp_path: Path, teacher: MaskedLM) -> None:
    teacher.save_pretrained(tmp_path)
    theirs, info = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    input_ids = torch.randint(999, 9999, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(theirs(input_ids).logits, teacher(input_ids).logits, atol=1e-4, rtol=0)


def test_an_encoder_reads_the_encoder_of_a_masked_lm(tmp_path: Path, tiny_teacher: MaskedLM) -> None:
    tiny_teacher.save_pretrained(tmp_path)
    bare = BareEncoder.from_pretrained(tmp_path)
    input_ids = torch.randint(5, 99, (2, 9))
    expected = tiny_teacher.encoder(input_ids).last_hidden_state
    torch.testing.assert_close(bare(input_ids).last_hidden_state, expected)


def test_the_spelling_of_the_oldest_files_is_understood(tmp_path: Path) -> None:
    model = MaskedLM(SMALL).eval()
    model.save_pretrained(tmp_path)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in load_file(tmp_path / "model.safetensors").items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(512)[None]
    old["bert.pooler.dense.bias"] = torch.zeros(16)
    save_file(old, tmp_path / "model.safetensors")
    input_ids = torch.randint(5, 99, (2, 9))
    torch.testing.assert_close(MaskedLM.from_pretrained(tmp_path)(input_ids).logits, model(input_ids).logits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MaskedLM(SMALL).save_pretrained(tmp_path)
    return tmp_path


def test_a_truncated_file_is_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is no whole safetensors file"):
        MaskedLM.from_pretrained(folder)


def test_missing_misshapen_and_unexpected_tensors_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    good = load_file(path)
    save_file({name: tensor for name, tensor in good.items() if "transform.dense.bias" not in name}, path)
    with pytest.raises(ValueError, match=r"lack 1 of .* among them cls\.predictions\.transform\.dense\.bias"):
        MaskedLM.from_pretrained(folder)
    save_file(good | {"cls.predictions.bias": torch.zeros(98)}, path)
    with pytest.raises(ValueError, match=r"cls\.predictions\.bias has shape \(98,\), expected \(99,\)"):
        MaskedLM.from_pretrained(folder)
    save_file(good | {"bert.encoder.layer.2.output.dense.bias": torch.zeros(16)}, path)
    with pytest.raises(ValueError, match=r"no place for, among them encoder\.layer\.2\.output\.dense\.bias"):
        MaskedLM.from_pretrained(folder)


def test_wrong_configurations_are_explained(folder: Path) -> None:
    path = folder / "config.json"
    good = json.loads(path.read_text())
    for change, message in (
        ({"model_type": "gpt2"}, 'expected JSON with model_type "bert" or "distilbert"'),
        ({"hidden_act": "relu"}, "activation 'relu'"),
        ({"hidden_size": 15}, "not a multiple"),
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(ValueError, match=message):
            MaskedLM.from_pretrained(folder)
    del good["hidden_size"]
    path.write_text(json.dumps(good))
    with pytest.raises(ValueError, match="lacks hidden_size"):
        MaskedLM.from_pretrained(folder)
    path.write_text("{")
    with pytest.raises(ValueError, match="is no configuration"):
        MaskedLM.from_pretrained(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        MaskedLM.from_pretrained(folder)
