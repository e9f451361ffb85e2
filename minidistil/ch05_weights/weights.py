"""Chapter 5. Weights: models in Hugging Face format, read and written.

A model is a folder with config.json and model.safetensors. The file of weights is mapped into memory, not
read: tensors in fp32 become the model's parameters where they lie, so there is no second copy of the
model and no byte is loaded before it is needed. The mapping is private: training changes pages of this
process and never the file. Nothing is ever unpickled.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from minidistil.ch04_encoder.encoder import Encoder, EncoderConfig
from minidistil.ch05_weights.tensor_names import model_type, modern_name, our_names, shortened, their_name
from minidistil.files import data_folder, write_atomically
from minidistil.hub.official import Pin, locate, official_name, verify

if TYPE_CHECKING:
    from typing_extensions import Self

# In files, but no part of what is loaded: other heads, buffers, the second name of a tied tensor.
_IGNORED = re.compile(r"pooler\.|cls\.|vocab_|classifier\.|pre_classifier\.|qa_outputs\.|embeddings\.position_ids$")
_TIED = "head.word.weight"  # the word embeddings under another name
_POOLER = {"pooler.dense.weight": 2, "pooler.dense.bias": 1}  # and how many dimensions, of the encoder's width each


class Model(nn.Module):
    """What every public model can do: be read from and written to a folder in Hugging Face format."""

    architecture: str  # name of the transformers class, without Bert/DistilBert
    config_class = EncoderConfig
    config: EncoderConfig
    pooler: dict[str, Tensor] | None = None  # BERT's, in an encoder without a head: not used here, but kept

    @classmethod
    def from_pretrained(cls, name: str | Path) -> "Self":
        """The model of a ladder name, hub id or folder, in fp32 and evaluation mode.

        "minilm" with a masked-LM head is the offline teacher: official MiniLM with the layers that
        this project trained. Without that head it is the official MiniLM, untouched.

        Raises:
            FileNotFoundError: no such model.
            ValueError: its files are damaged, or their tensors do not fit this class.
        """
        return load_pretrained(cls, name)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, which transformers loads; each whole or not at all.

        A BERT encoder without a head keeps the pooler that its file had. One that never had any is the only case in
        which transformers finds something missing: AutoModel draws a pooler at random, unless told
        `add_pooling_layer=False`.

        Raises:
            OSError: the folder cannot be written.
        """
        save_pretrained(self, folder)


AnyModel = TypeVar("AnyModel", bound=Model)


def load_pretrained(cls: type[AnyModel], name: str | Path) -> AnyModel:
    """See Model.from_pretrained."""
    config = cls.config_class.read(locate(name, "config.json"))
    tensors = read_tensors(locate(name, "model.safetensors"))
    if cls.architecture == "ForMaskedLM":
        _require_tied(locate(name, "config.json"), tensors)
        if official_name(name) == "minilm":
            tensors = add_own_layers(tensors)
    if config.num_hidden_layers > len(tensors):  # before so many are built
        raise ValueError(
            f"The weights of {name} do not fit: {len(tensors)} tensors, {config.num_hidden_layers} layers."
        )
    with torch.device("meta"):  # no memory, no random numbers: every tensor comes from the file
        model = cls(config)
    wanted = our_names(model, model_type(config), prefix=False)
    shapes = {their: model.get_parameter(ours).shape for their, ours in wanted.items()}
    pooler = _POOLER.items() if cls.architecture == "Model" and model_type(config) == "bert" else ()
    kept = {their: torch.Size([config.hidden_size] * rank) for their, rank in pooler if their in tensors}
    _require_fit(name, shapes | kept, tensors)
    state = {ours: tensors[their].float() for their, ours in wanted.items()}  # of fp32, float() makes no copy
    model.load_state_dict(state, strict=False, assign=True)  # not strict: a tied tensor is one with two names
    model.pooler = {their: tensors[their].float() for their in kept}
    return model.eval()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name, without the architecture's prefix, in today's spelling.

    Raises:
        ValueError: the file is cut short or is no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {modern_name(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}): copy or download it again.") from error


def _require_tied(config: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError if the head has a matrix of its own where ours takes the word embeddings."""
    own = tensors.get("cls.predictions.decoder.weight", tensors.get("vocab_projector.weight"))
    tied = json.loads(config.read_text(encoding="utf-8")).get("tie_word_embeddings", True)
    if not tied and own is not None and not torch.equal(own, tensors["embeddings.word_embeddings.weight"]):
        raise ValueError(
            f"{config} says that the masked-LM head does not share the word embeddings (tie_word_embeddings): "
            "expected a model whose head does, as BERT's and DistilBERT's do."
        )


def _require_fit(name: str | Path, wanted: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError, with every tensor that is missing, misshapen or unexpected, unless all is in place."""
    missing = [their for their in wanted if their not in tensors]
    misshapen = [their for their in wanted if their in tensors and tensors[their].shape != wanted[their]]
    no_floats = [their for their in wanted if their in tensors and not tensors[their].is_floating_point()]
    unexpected = [their for their in tensors if their not in wanted and not _IGNORED.match(their)]
    complaints = []
    if missing:
        complaints.append(f"{len(missing)} of {len(wanted)} tensors are missing: {shortened(missing)}.")
    if misshapen:
        shapes = {f"{their} {tuple(tensors[their].shape)} for {tuple(wanted[their])}" for their in misshapen}
        complaints.append(f"{len(misshapen)} have another shape than config.json says: {shortened(sorted(shapes))}.")
    if no_floats:
        complaints.append(f"{len(no_floats)} do not hold floating-point numbers: {shortened(no_floats)}.")
    if unexpected:
        complaints.append(f"{len(unexpected)} have no place in the model: {shortened(unexpected)}.")
    if complaints:
        raise ValueError(
            f"The weights of {name} do not fit. {' '.join(complaints)} Is it the config.json of these weights, and "
            "a model of this kind? A masked LM, for one, needs the weights of a masked-LM head."
        )


def save_pretrained(model: Model, folder: str | Path) -> None:
    """See Model.save_pretrained."""
    folder = Path(folder)
    kind, has_head = model_type(model.config), model.architecture != "Model"  # without one, names have no prefix
    state = {their_name(ours, kind, has_head): value for ours, value in model.state_dict().items() if ours != _TIED}
    state |= model.pooler or {}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_atomically(folder / "model.safetensors", lambda part: save_file(tensors, part, metadata={"format": "pt"}))
    save_config(model, folder)


def save_config(model: Model, folder: Path) -> None:
    """Write config.json, whole or not at all."""
    config = json.dumps(model.config.to_hugging_face(model.architecture), indent=2) + "\n"
    write_atomically(folder / "config.json", lambda part: part.write_text(config, encoding="utf-8"))


OWN_LAYERS = "minilm-masked-lm"


def add_own_layers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """MiniLM's tensors with what this project trained put in, verified against its provenance.

    Raises:
        FileNotFoundError, ValueError: the file is missing or is not the one that the provenance describes.
    """
    path = data_folder() / f"{OWN_LAYERS}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: reinstall the project, or make it with `minidistil teach`.")
    provenance = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    try:
        verify(path, Pin(provenance["bytes"], provenance["sha256"]))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error} Reinstall the project.") from error
    return apply_changes(tensors, read_tensors(path))


def apply_changes(tensors: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors replace the official ones; an 8-bit change times its scale (one a row) is added to them."""
    result = dict(tensors)
    for name, tensor in own.items():
        matrix, _, kind = name.rpartition(".")
        if kind == "change":
            change = tensor.float() * own[f"{matrix}.scale"][:, None]
            rows = own.get(f"{matrix}.rows", torch.arange(len(change)))
            result[matrix] = tensors[matrix].index_add(0, rows, change)
        elif kind not in ("scale", "rows"):
            result[name] = tensor.float()
    return result


class BareEncoder(Model, Encoder):
    """The encoder without a head, read and written like the other models.

    Devlin et al. (2019), section 3; a block as in Vaswani et al. (2017), section 3.1.
    """

    architecture = "Model"
