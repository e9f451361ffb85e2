"""Chapter 5. Weights: models in Hugging Face format, read and written.

A model is a folder with config.json and model.safetensors. The tensors of BERT,
DistilBERT and this package differ in their names only; the tables below translate. Nothing is
ever unpickled.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from minidistil.encoder import Encoder, EncoderConfig
from minidistil.files import data_folder, write_atomically
from minidistil.official import Pin, locate, official_name, verify

if TYPE_CHECKING:
    from typing_extensions import Self

# Module paths inside the encoder and the head: ours, BERT's, DistilBERT's.
_NAMES = (
    ("embeddings.word", "embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("embeddings.position", "embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("embeddings.token_type", "embeddings.token_type_embeddings", ""),
    ("embeddings.norm", "embeddings.LayerNorm", "embeddings.LayerNorm"),
    ("attention.query", "attention.self.query", "attention.q_lin"),
    ("attention.key", "attention.self.key", "attention.k_lin"),
    ("attention.value", "attention.self.value", "attention.v_lin"),
    ("attention.output", "attention.output.dense", "attention.out_lin"),
    ("attention_norm", "attention.output.LayerNorm", "sa_layer_norm"),
    ("expand", "intermediate.dense", "ffn.lin1"),
    ("contract", "output.dense", "ffn.lin2"),
    ("output_norm", "output.LayerNorm", "output_layer_norm"),
    ("head.transform", "cls.predictions.transform.dense", "vocab_transform"),
    ("head.norm", "cls.predictions.transform.LayerNorm", "vocab_layer_norm"),
    ("head", "cls.predictions", "vocab_projector"),  # its bias
    ("head.dense", "pooler.dense", "pre_classifier"),
    ("head.classifier", "classifier", "classifier"),
    ("classifier", "classifier", "classifier"),
    ("qa_outputs", "qa_outputs", "qa_outputs"),
)
_THEIRS = {
    "bert": {ours: bert for ours, bert, _ in _NAMES},
    "distilbert": {ours: distilbert for ours, _, distilbert in _NAMES},
}
_STACK = {"bert": "encoder.layer", "distilbert": "transformer.layer"}

# In files, but no part of what is loaded: other heads, buffers, the second name of a tied tensor.
_IGNORED = re.compile(r"pooler\.|cls\.|vocab_|classifier\.|pre_classifier\.|qa_outputs\.|embeddings\.position_ids$")
_TIED = "head.word.weight"  # the word embeddings under another name


class Model(nn.Module):
    """What every public model can do: be read from and written to a folder in Hugging Face format."""

    architecture: str  # name of the transformers class, without Bert/DistilBert
    config_class = EncoderConfig
    config: EncoderConfig

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

        Raises:
            OSError: the folder cannot be written.
        """
        save_pretrained(self, folder)


AnyModel = TypeVar("AnyModel", bound=Model)


def their_name(ours: str, model_type: str, prefix: bool = True) -> str:
    """Name of one of our tensors in Hugging Face's `bert` or `distilbert` (without its prefix, if so wished)."""
    path, kind = ours.removeprefix("encoder.").rsplit(".", 1)
    stack = ""
    if match := re.match(r"layers\.(\d+)\.", path):
        stack = f"{_STACK[model_type]}.{match[1]}."
        path = path[match.end() :]
    name = f"{stack}{_THEIRS[model_type][path]}.{kind}"
    in_encoder = ours.startswith("encoder.") or name.startswith("pooler.")  # BERT counts its pooler as encoder
    return f"{model_type}.{name}" if in_encoder and prefix else name


def model_type(config: EncoderConfig) -> str:
    """Which of Hugging Face's two architectures the configuration is."""
    return "bert" if config.type_vocab_size else "distilbert"


def load_pretrained(cls: type[AnyModel], name: str | Path) -> AnyModel:
    """See Model.from_pretrained."""
    config = cls.config_class.read(locate(name, "config.json"))
    tensors = read_tensors(locate(name, "model.safetensors"))
    if official_name(name) == "minilm" and cls.architecture == "ForMaskedLM":
        tensors = add_own_layers(tensors)
    with torch.device("meta"):  # no memory, no random numbers: every tensor comes from the file
        model = cls(config)
    kind = model_type(config)
    wanted = {their_name(ours, kind, prefix=False): ours for ours in model.state_dict() if ours != _TIED}
    _check_tensors(name, {their: model.state_dict()[ours].shape for their, ours in wanted.items()}, tensors)
    state = {ours: tensors[their].float() for their, ours in wanted.items()}
    model.load_state_dict(state, strict=False, assign=True)
    return model.eval()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name, without the architecture's prefix, in today's spelling.

    Raises:
        ValueError: the file is cut short or is no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}): copy or download it again.") from error
    spellings = ((".gamma", ".weight"), (".beta", ".bias"))  # of layer norms in the oldest files
    tensors = {}
    for name, tensor in found.items():
        for old, new in spellings:
            name = name[: -len(old)] + new if name.endswith(old) else name
        tensors[re.sub(r"^(bert|distilbert)\.", "", name)] = tensor
    return tensors


def _check_tensors(name: str | Path, wanted: dict[str, torch.Size], tensors: dict[str, Tensor]) -> None:
    missing = sorted(wanted.keys() - tensors.keys())
    if missing:
        raise ValueError(
            f"The weights of {name} lack {len(missing)} of {len(wanted)} tensors, among them {missing[0]}: they "
            "belong to a model of another kind (a masked LM needs a masked-LM head)."
        )
    for their, shape in wanted.items():
        if tensors[their].shape != shape:
            raise ValueError(
                f"The weights of {name} do not fit its config.json: {their} has shape {tuple(tensors[their].shape)}, "
                f"expected {tuple(shape)}."
            )
    unexpected = [their for their in tensors if their not in wanted and not _IGNORED.match(their)]
    if unexpected:
        raise ValueError(
            f"The weights of {name} hold {len(unexpected)} tensors that its config.json has no place for, among them "
            f"{unexpected[0]}: are there more layers in the file than num_hidden_layers says?"
        )


def save_pretrained(model: Model, folder: str | Path) -> None:
    """See Model.save_pretrained."""
    folder = Path(folder)
    kind = model_type(model.config)
    tensors = {
        their_name(ours, kind): tensor.detach().cpu().contiguous()
        for ours, tensor in model.state_dict().items()
        if ours != _TIED
    }
    config = json.dumps(model.config.to_hugging_face(model.architecture), indent=2) + "\n"
    write_atomically(folder / "model.safetensors", lambda part: save_file(tensors, part, metadata={"format": "pt"}))
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
    verify(path, Pin(provenance["bytes"], provenance["sha256"]))
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
    """The encoder without a head, read and written like the other models."""

    architecture = "Model"
