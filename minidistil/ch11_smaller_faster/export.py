"""Chapter 11. Export to ONNX: a model as a graph in a file, which runs without this package, PyTorch or Python.

PyTorch's exporter traces the model (`torch.export`, then ONNX) with dynamic batch size and length. The graph is checked
at once: onnxruntime must give the same logits as the model, on padded batches of other sizes than the traced one.
The packages onnx, onnxscript and onnxruntime are needed only here, and imported only when a function is called.

Letters in shapes: B sequences, L tokens, D width, C classes or words.
"""

import contextlib
import importlib.util
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.ch03_attention.attention import padding_mask
from minidistil.ch04_encoder.encoder import SLICE, Encoder
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.classifiers import SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.files import write_atomically

FILE, INT8_FILE = "model.onnx", "model.int8.onnx"
OPSET = 18  # the version of ONNX's operators: old enough for all current runtimes
TOLERANCE = 1e-4  # largest difference between the logits of graph and model, as a fraction of the largest logit


class Graph(nn.Module):
    """The forward pass as a graph can hold it: tensors in, logits out, no checks and no branches on values."""

    def __init__(self, model: MaskedLM | SequenceClassifier):
        super().__init__()
        self.encoder: Encoder = model.encoder
        self.head: nn.Module = model.head

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(B, L) three times -> (B, L, C) or (B, C)."""
        hidden_states = self.encoder.embeddings(input_ids, token_type_ids)  # (B, L, D)
        visible = padding_mask(attention_mask)  # (B, 1, 1, L)
        for layer in self.encoder.layers:
            hidden_states, _ = layer(hidden_states, visible)  # (B, L, D)
        return self.head(hidden_states)


def export_onnx(model: MaskedLM | SequenceClassifier, folder: str | Path) -> tuple[Path, float]:
    """Write folder/model.onnx: input_ids, attention_mask and, for BERT, token_type_ids (B, L) int64 in; logits out.

    Returns:
        The file, and the largest difference between its logits and the model's on padded batches.

    Raises:
        ValueError: a package is missing, the model has a head that cannot be exported, or onnxruntime gives other
            logits than the model; an earlier file is then kept.
        OSError: the folder cannot be written.
    """
    require_packages("onnx", "onnxscript", "onnxruntime")
    if not isinstance(model, MaskedLM | SequenceClassifier):
        raise ValueError(f"The model is a {type(model).__name__}: expected a MaskedLM or a SequenceClassifier.")
    program, path = trace(model), Path(folder) / FILE
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary) / FILE
        program.save(fresh, external_data=False)
        difference, largest = _difference_and_largest(model, fresh)
        bound = TOLERANCE * max(1.0, largest)
        if not difference <= bound:
            raise ValueError(
                f"The logits of the ONNX graph differ by {difference:.1e} from the model's, the largest of which is "
                f"{largest:.1f}: expected at most {bound:.1e}. The graph was not saved."
            )
        write_atomically(path, lambda part: shutil.copyfile(fresh, part))
    return path, difference


def round_onnx(path: str | Path) -> Path:
    """Write, beside the graph of `export_onnx`, model.int8.onnx: rounded by onnxruntime's dynamic quantisation.

    Matrices and word embeddings become int8, in 7 of the 8 bits (`reduce_range`): a processor with AVX2 or AVX-512 but
    without VNNI adds two products of uint8 and int8 in 16 bits, where 2 x 255 x 127 saturates and 2 x 255 x 64 fits.
    Returns the path of the new file.

    Raises:
        ValueError: a package is missing.
        OSError: the file cannot be written.
    """
    require_packages("onnx", "onnxruntime")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph, rounded = onnx.load(path), Path(path).with_name(INT8_FILE)
    # The shapes of intermediate results are inferred again: onnxruntime 1.23, the last one for Python 3.10, transposes
    # a classifier's matrix and then fails on the shape stored for it.
    del graph.graph.value_info[:]
    with _quiet():
        write_atomically(
            rounded,
            lambda part: quantize_dynamic(
                graph, part, per_channel=True, weight_type=QuantType.QInt8, reduce_range=True
            ),
        )
    return rounded


def require_packages(*names: str) -> None:
    """Raise a ValueError that says what to install, unless these packages are installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"ONNX needs {' and '.join(missing)}: pip install {' '.join(missing)}.")


def trace(model: MaskedLM | SequenceClassifier) -> Any:
    """The graph of a model, as a `torch.onnx.ONNXProgram`.

    Traced with gradients enabled: without, the encoder cuts large batches into slices, and the graph would hold one.
    """
    longest = model.config.max_position_embeddings
    inputs = sample(model, batch=2, length=min(8, longest))
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=longest)}
    with _quiet(), torch.enable_grad(), evaluating(model):
        return torch.onnx.export(
            Graph(model),
            kwargs=inputs,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(inputs, axes),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's warnings: about image operators, which are not used here, and about axes named twice."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def sample(model: MaskedLM | SequenceClassifier, batch: int, length: int, seed: int = 0) -> dict[str, Tensor]:
    """Random inputs (B, L): the first sequence has no padding, the last one on the left, the others on the right."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, model.config.vocab_size, (batch, length), generator=generator)
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    lengths[0] = length
    mask = (torch.arange(length) < lengths).long()
    mask[-1] = mask[-1].flip(0)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if types := model.config.type_vocab_size:
        inputs["token_type_ids"] = torch.randint(0, types, (batch, length), generator=generator)
    return {name: tensor.to(next(model.parameters()).device) for name, tensor in inputs.items()}


class OnnxModel:
    """An exported graph in onnxruntime, called like the original model."""

    def __init__(self, path: str | Path):
        require_packages("onnxruntime")
        import onnxruntime

        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no file {path}: `minidistil export` writes one.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs: list[str] = [each.name for each in self.session.get_inputs()]

    def __call__(self, **inputs: Tensor) -> Tensor:
        """The logits for input_ids, attention_mask and token_type_ids (B, L); others are ignored."""
        given = {name: inputs[name].cpu().numpy() for name in self.inputs}
        return torch.from_numpy(self.session.run(["logits"], given)[0])


def largest_difference(model: MaskedLM | SequenceClassifier, path: str | Path) -> float:
    """The largest absolute difference between the logits of a graph and of its model, over batches of six sizes.

    One has more tokens than the encoder's slices, one is as long as the model allows.
    """
    return _difference_and_largest(model, path)[0]


@torch.no_grad()
def _difference_and_largest(model: MaskedLM | SequenceClassifier, path: str | Path) -> tuple[float, float]:
    """The largest difference, and the model's largest logit, both absolute."""
    graph, longest = OnnxModel(path), model.config.max_position_embeddings
    found = torch.zeros(2)
    shapes = [(1, 1), (1, 7), (2, 8), (9, 5), (1, longest), (SLICE // longest + 1, longest)]
    for seed, (batch, length) in enumerate(shapes):
        inputs: Any = sample(model, batch, min(length, longest), seed)
        with evaluating(model):
            logits = model(**inputs).logits.cpu()
        found = found.maximum(torch.stack([(graph(**inputs) - logits).abs().max(), logits.abs().max()]))
    return found[0].item(), found[1].item()
