"""Chapter 11: ONNX graphs in onnxruntime against the model, and against transformers."""

import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

from minidistil.ch04_encoder.encoder import SLICE, EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch11_smaller_faster import export
from minidistil.ch11_smaller_faster.export import OnnxModel, export_onnx, largest_difference, round_onnx
from minidistil.ch11_smaller_faster.quantisation import signal_to_noise
from minidistil.parity.peers import random_batch

SMALL = EncoderConfig(
    vocab_size=120, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=64, initializer_range=0.2,
)  # fmt: skip
KINDS = [(architecture, task) for architecture in ("bert", "distilbert") for task in ("fill-mask", "classification")]


def make(architecture: str, task: str) -> Any:
    torch.manual_seed(0)
    config = EncoderConfig(**(asdict(SMALL) | {"type_vocab_size": 2 if architecture == "bert" else 0}))
    if task == "fill-mask":
        return MaskedLM(config).eval()
    return SequenceClassifier(ClassifierConfig(**asdict(config), id2label=("a", "b", "c"))).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Any, Path]]:
    found = {}
    for kind in KINDS:
        model, folder = make(*kind), tmp_path_factory.mktemp("onnx")
        with torch.no_grad():  # as in a program that only uses models
            path, difference = export_onnx(model, folder)
        assert difference < 1e-5
        assert [each.name for each in folder.iterdir()] == ["model.onnx"]
        found[kind] = model, path
    return found


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@torch.no_grad()
def test_onnxruntime_gives_the_logits_of_the_model_and_of_transformers(
    exported: dict[Any, tuple[Any, Path]], kind: tuple[str, str], tmp_path: Path
) -> None:
    model, path = exported[kind]
    graph = OnnxModel(path)
    model.save_pretrained(tmp_path)
    peer = AutoModelForMaskedLM if kind[1] == "fill-mask" else AutoModelForSequenceClassification
    official = peer.from_pretrained(tmp_path)
    # padding on the right, on the left, anywhere; 1 to 64 tokens; more tokens than a slice
    batches = [random_batch(model.config, seed) for seed in range(20)]
    for inputs in [*batches, export.sample(model, SLICE // 64 + 3, 64)]:
        given = {name: tensor for name, tensor in inputs.items() if name != "labels"}
        assert (graph(**given) - model(**given).logits).abs().max() < 1e-5
        assert (graph(**given) - official(**given).logits).abs().max() < 1e-5
    assert graph.inputs == ["input_ids", "attention_mask", "token_type_ids"][: 3 if kind[0] == "bert" else 2]


def test_batch_and_length_are_open_and_the_file_is_whole(exported: dict[Any, tuple[Any, Path]]) -> None:
    model = onnx.load(exported["bert", "fill-mask"][1])
    onnx.checker.check_model(model)
    for each in model.graph.input:
        assert [axis.dim_param for axis in each.type.tensor_type.shape.dim] == ["batch", "length"]
    (output,) = model.graph.output
    assert (output.name, output.type.tensor_type.shape.dim[2].dim_value) == ("logits", 120)
    assert [each.version for each in model.opset_import if not each.domain] == [export.OPSET]


def test_rounding_a_graph_makes_it_smaller_and_hardly_worse(teacher: MaskedLM, tmp_path: Path) -> None:
    path, difference = export_onnx(teacher, tmp_path)
    with torch.no_grad():
        largest = teacher(**export.sample(teacher, 1, 512, 0)).logits.abs().max().item()
    assert difference < 2e-5 * largest  # at 512 tokens each of the two is 5e-5 away from the logits in float64
    rounded = round_onnx(path)
    assert 0.24 < rounded.stat().st_size / path.stat().st_size < 0.3
    inputs = export.sample(teacher, batch=3, length=20)
    real = inputs["attention_mask"].bool()
    with torch.no_grad():
        assert signal_to_noise(teacher(**inputs).logits[real], OnnxModel(rounded)(**inputs)[real]) > 8
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.int8.onnx", "model.onnx"]


def test_sums_of_two_products_fit_into_16_bits(exported: dict[Any, tuple[Any, Path]]) -> None:
    """As processors without VNNI need it (vpmaddubsw): uint8 activations up to 255, two int8 weights."""
    graph = onnx.load(round_onnx(exported["bert", "fill-mask"][1])).graph
    multiplied = {name for node in graph.node if node.op_type == "MatMulInteger" for name in node.input}
    matrices = [onnx.numpy_helper.to_array(each) for each in graph.initializer if each.name in multiplied]
    largest = max(int(np.abs(each.astype(int)).max()) for each in matrices if each.dtype == np.int8)
    assert largest > 60
    assert 2 * 255 * largest < 2**15


def test_a_graph_that_differs_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        return self.head(self.encoder.embeddings(input_ids, token_type_ids))  # blocks forgotten

    monkeypatch.setattr(export.Graph, "forward", forward)
    (tmp_path / "model.onnx").write_bytes(b"an earlier one")
    with pytest.raises(ValueError, match=r"differ by .* not saved"):
        export_onnx(make("bert", "fill-mask"), tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"an earlier one"]


def test_a_graph_with_a_single_slice_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced without gradients, the feed-forward layer's slices have the sample's size."""
    monkeypatch.setattr(torch, "enable_grad", torch.no_grad)
    with pytest.raises(Exception, match=r"requested|differ|reshape"):
        export_onnx(make("distilbert", "classification"), tmp_path)


def test_what_cannot_be_exported_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TokenClassifier(ClassifierConfig(**asdict(SMALL)))
    with pytest.raises(ValueError, match="TokenClassifier: expected"):
        export_onnx(tokens, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="minidistil export"):
        OnnxModel(tmp_path / "nothing.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install onnx onnxscript onnxruntime"):
        export_onnx(make("bert", "fill-mask"), tmp_path)


def test_the_difference_is_the_largest_of_all_sizes(exported: dict[Any, tuple[Any, Path]]) -> None:
    model, path = exported["bert", "classification"]
    shifted = copy.deepcopy(model).requires_grad_(False)
    shifted.head.classifier.bias += 0.5
    assert largest_difference(shifted, path) == pytest.approx(0.5, abs=1e-4)


def test_how_far_a_graph_may_differ_depends_on_the_largest_logit(
    exported: dict[Any, tuple[Any, Path]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rounding grows with the numbers: 1e-4 of logits of a thousand is no more than 1e-7 of logits of one."""
    _, path = exported["bert", "fill-mask"]
    model = copy.deepcopy(exported["bert", "fill-mask"][0]).requires_grad_(False)
    model.head.bias += 1000.0
    graph = onnx.load(path)
    (bias,) = (each for each in graph.graph.initializer if tuple(each.dims) == (120,))
    for by, saved in ((1000.05, True), (1000.2, False)):
        changed = copy.deepcopy(graph)
        (place,) = (each for each in changed.graph.initializer if each.name == bias.name)
        place.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(by), bias.name))
        monkeypatch.setattr(export, "trace", lambda model, graph=changed: Saved(graph))
        if saved:
            assert export_onnx(model, tmp_path)[1] == pytest.approx(0.05, abs=0.01)
        else:
            with pytest.raises(ValueError, match=r"largest of which is 100\d\.\d: expected at most 1\.0e-01"):
                export_onnx(model, tmp_path)


class Saved:
    """A graph that can be saved as PyTorch's programs are."""

    def __init__(self, graph: Any):
        self.graph = graph

    def save(self, path: Path, external_data: bool) -> None:
        onnx.save(self.graph, path)
