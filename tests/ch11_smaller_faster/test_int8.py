"""Chapter 11: whole models in int8, in memory and in files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import BareEncoder, Model
from minidistil.ch07_student.student import student_of
from minidistil.ch11_smaller_faster.int8 import FILE, Int8Embedding, Int8Linear, load_int8, save_int8, to_int8
from minidistil.ch11_smaller_faster.quantisation import signal_to_noise

SMALL = EncoderConfig(
    vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=16, initializer_range=0.2,
)  # fmt: skip
IDS, MASK = torch.randint(1, 300, (3, 9)), (torch.arange(9) < torch.tensor([9, 4, 6])[:, None]).long()


@pytest.fixture(params=["bert", "distilbert", "classifier"])
def model(request: pytest.FixtureRequest) -> Model:
    if request.param == "classifier":
        return SequenceClassifier(ClassifierConfig(**asdict(SMALL), id2label=("a", "b", "c"))).eval()
    return MaskedLM(EncoderConfig(**asdict(SMALL) | {"type_vocab_size": 2 * (request.param == "bert")})).eval()


def test_a_model_is_nearly_what_it_was(model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rounded = to_int8(model)
    exact, close = model(IDS, MASK).logits, rounded(IDS, MASK).logits
    assert signal_to_noise(exact, close) > 20
    assert not torch.equal(exact, close)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in rounded.parameters())
    assert not any(isinstance(module, torch.nn.Linear) for module in rounded.modules())


def test_an_int8_layer_computes_with_the_rounded_matrix() -> None:
    linear, x = torch.nn.Linear(48, 20), torch.randn(5, 7, 48)
    rounded = Int8Linear(linear)
    assert rounded.weight.dtype == torch.int8
    back = rounded.weight.float() * rounded.scale
    assert ((back - linear.weight).abs() <= 0.5001 * rounded.scale).all()
    with_rounded_matrix = torch.nn.functional.linear(x, back, linear.bias)
    assert signal_to_noise(with_rounded_matrix, rounded(x)) > 35  # the error of the tokens alone
    assert Int8Linear(torch.nn.Linear(4, 4, bias=False)).bias is None


def test_an_int8_table_gives_its_rows() -> None:
    table, ids = torch.nn.Embedding(50, 16), torch.tensor([[3, 49], [3, 0]])
    rounded = Int8Embedding(table)
    assert ((rounded(ids) - table(ids)).abs() <= 0.5001 * rounded.scale.max()).all()


def test_the_word_table_is_still_tied() -> None:
    rounded: Any = to_int8(MaskedLM(SMALL))
    assert rounded.head.word is rounded.encoder.embeddings.word


def test_a_file_gives_back_the_same_model(model: Model, tmp_path: Path) -> None:
    rounded = to_int8(model)
    assert save_int8(rounded, tmp_path) == tmp_path / FILE
    again = load_int8(type(model), tmp_path)
    assert torch.equal(again(IDS, MASK).logits, rounded(IDS, MASK).logits)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config.json", FILE]
    assert not any(tensor.is_meta for tensor in again.state_dict().values())


@torch.no_grad()
def test_the_official_encoder_in_a_quarter_of_its_space(
    teacher: MaskedLM, tokenizer: WordPiece, tmp_path: Path
) -> None:
    for model in (teacher, student_of(teacher)):
        path = save_int8(to_int8(model), tmp_path)
        whole = 4 * sum(parameter.numel() for parameter in model.parameters())
        assert 0.25 < path.stat().st_size / whole < 0.28
    batch = tokenizer.batch(["Returns a list of the names of all files.", "The argument must be a number."])
    assert signal_to_noise(teacher(**batch).logits, to_int8(teacher)(**batch).logits) > 15
    encoder = BareEncoder.from_pretrained("minilm")
    exact, close = (each(**batch).last_hidden_state for each in (encoder, to_int8(encoder)))
    assert signal_to_noise(exact, close) > 15


def test_what_cannot_be_rounded_is_refused() -> None:
    model: Any = MaskedLM(SMALL)
    with pytest.raises(ValueError, match="in int8 already"):
        to_int8(to_int8(model))
    with torch.no_grad():
        model.encoder.layers[1].contract.weight[3, 3] = torch.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_int8(model)


def test_a_file_of_another_kind_or_damaged_is_refused(tmp_path: Path) -> None:
    path = save_int8(to_int8(MaskedLM(SMALL)), tmp_path)
    with pytest.raises(ValueError, match="those of a SequenceClassifier"):
        load_int8(SequenceClassifier, tmp_path)
    tensors = load_file(path)
    tensors["encoder.layers.0.expand.weight"] = tensors["encoder.layers.0.expand.weight"].float()
    save_file(tensors, path)
    with pytest.raises(ValueError, match="those of a MaskedLM"):
        load_int8(MaskedLM, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=FILE):
        load_int8(MaskedLM, tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        load_int8(MaskedLM, tmp_path)


def test_more_layers_than_tensors_are_never_built(tmp_path: Path) -> None:
    save_int8(to_int8(MaskedLM(SMALL)), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 5000}))
    with pytest.raises(ValueError, match=r"config\.json says 5000 layers, the file has only"):
        load_int8(MaskedLM, tmp_path)


def test_int8_read_as_an_ordinary_model_names_load_int8(tmp_path: Path) -> None:
    save_int8(to_int8(MaskedLM(SMALL)), tmp_path)
    with pytest.raises(FileNotFoundError, match="load_int8"):
        MaskedLM.from_pretrained(tmp_path)


def test_an_int8_model_is_not_saved_as_an_ordinary_one(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save_int8"):
        to_int8(model).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_with_nan_is_refused(tmp_path: Path) -> None:
    path = save_int8(to_int8(MaskedLM(SMALL)), tmp_path)
    tensors = load_file(path)
    tensors["encoder.layers.1.expand.scale"][3] = torch.nan
    save_file(tensors, path)
    with pytest.raises(ValueError, match="expand") as caught:
        load_int8(MaskedLM, tmp_path)
    assert "NaN" in str(caught.value)
