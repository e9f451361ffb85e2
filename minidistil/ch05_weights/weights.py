"""Chapter 5. Weights: models in Hugging Face format, read and written.

A model is a folder with config.json and model.safetensors. `load_plainly` is the idea of reading one:
each tensor of the file goes into the parameter with its name. `Model.from_pretrained` does the same with
less memory: it maps the file of weights into memory, and tensors in fp32 become the model's parameters
where they are. So there is no second copy of the model, and no byte is read before it is needed. The
mapping is private: training changes pages of this process and never the file. Nothing is ever unpickled.
"""

import dataclasses
import functools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from minidistil.arguments import require_kind
from minidistil.ch04_encoder.encoder import Encoder, EncoderConfig
from minidistil.ch04_encoder.modes import without_numbers
from minidistil.ch05_weights.tensor_names import model_type, modern_name, our_names, shortened, their_name
from minidistil.files import data_folder, read_small, write_atomically
from minidistil.hub.official import STUDENT, Pin, locate, official_name, verify

if TYPE_CHECKING:
    from typing_extensions import Self


def load_plainly(model: nn.Module, path: Path, model_type: str) -> None:
    """Copy the tensors of a model.safetensors into a model with a head, without any check of the file."""
    tensors = load_file(path)
    names = our_names(model, model_type)
    state = {ours: tensors[theirs] for theirs, ours in names.items()}
    model.load_state_dict(state, strict=False)  # not strict: a tied tensor has a second name in the state dict


# --- The same with less memory, and with errors that say what is wrong ---

# Parts of a file that the model at hand may lack: other heads, buffers, the second name of a tied tensor.
_IGNORED = re.compile(
    r"pooler\.|cls\.|vocab_|classifier\.|pre_classifier\.|qa_outputs\.|embeddings\.(position|token_type)_ids$"
)
_TIED = "head.word.weight"  # the word embeddings under another name, unless the decoder has a matrix of its own
COPIES = os.name == "nt"  # weights lie in their file, and Windows neither removes nor replaces such a file
_POOLER = {"pooler.dense.weight": 2, "pooler.dense.bias": 1}  # number of dimensions, each of size D


class Model(nn.Module):
    """The base of every public model: reads and writes a folder in Hugging Face format."""

    architecture: str  # name of the transformers class, without Bert/DistilBert
    config_class = EncoderConfig
    config: EncoderConfig
    pooler: dict[str, Tensor] | None = None  # BERT's, in an encoder without a head: kept for saving, not used

    @classmethod
    def from_pretrained(cls, name: str | Path) -> "Self":
        """Load a model by its name, hub id or folder, in fp32 and evaluation mode.

        "minilm" with a masked-LM head is the offline teacher: the official MiniLM with the layers that
        this project trained. Without that head it is the official MiniLM, unchanged. "minilm-student" is that
        teacher's student of three layers, which this project trained as well.

        Raises:
            TypeError: name is neither a string nor a Path.
            FileNotFoundError: no such model.
            ValueError: its files are damaged, or their tensors do not fit this class.
        """
        require_kind(str, Path, name=name)
        config_path = locate(name, "config.json")
        config = cls.read_config(name, config_path)
        tensors = own_student() if name == STUDENT else read_tensors(locate(name, "model.safetensors"))
        if cls.architecture == "ForMaskedLM":
            config, tensors = _decoder(config, tensors)
            if official_name(name) == "minilm":
                tensors = add_own_layers(tensors)
        require_enough_tensors(name, config, tensors)
        with without_numbers():
            model = cls(config)
        wanted = our_names(model, model_type(config), prefix=False)
        shapes = {theirs: model.get_parameter(ours).shape for theirs, ours in wanted.items()}
        pooler = _POOLER.items() if cls.architecture == "Model" and model_type(config) == "bert" else ()
        kept = {theirs: torch.Size([config.hidden_size] * rank) for theirs, rank in pooler if theirs in tensors}
        _require_fit(name, shapes | kept, tensors)
        if official_name(name) is None:  # the official files are verified by their sha256
            require_finite(name, {theirs: tensors[theirs] for theirs in shapes | kept})
        state = {ours: tensors[theirs].to(torch.float32, copy=COPIES) for theirs, ours in wanted.items()}
        model.load_state_dict(state, strict=False, assign=True)
        model.pooler = {theirs: tensors[theirs].to(torch.float32, copy=COPIES) for theirs in kept}
        return model.eval()

    @classmethod
    def read_config(cls, name: str | Path, config_path: Path) -> EncoderConfig:
        """What config.json, and any other file of a model, says about it."""
        return cls.config_class.read(config_path)

    def more_files(self) -> dict[str, object]:
        """The other files beside config.json that say something about the model: name and JSON."""
        return {}

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors for transformers to load; no file is left half-written.

        A BERT encoder without a head is saved with the pooler that its file had. If it never had one, transformers'
        AutoModel reports it as missing and draws it at random, unless called with `add_pooling_layer=False`.

        Raises:
            TypeError: folder is neither a string nor a Path.
            ValueError: the model is in int8.
            OSError: the folder cannot be written.
        """
        require_kind(str, Path, folder=folder)
        if not all(tensor.is_floating_point() for tensor in self.state_dict().values()):
            raise ValueError("The model is in int8, which transformers does not read: write it with save_int8.")
        folder, kind = Path(folder), model_type(self.config)
        has_head = self.architecture != "Model"  # without a head, names have no prefix
        untied = not self.config.tie_word_embeddings
        parts = {ours: value for ours, value in self.state_dict().items() if ours != _TIED or untied}
        state = {their_name(ours, kind, has_head): value for ours, value in parts.items()} | (self.pooler or {})
        if untied and _BIAS in state:  # transformers does not tie the two names of the bias either
            state[_DECODER_BIAS] = state[_BIAS].clone()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        write_atomically(folder / "model.safetensors", lambda part: save_file(tensors, part, metadata={"format": "pt"}))
        save_config(self, folder)


def save_config(model: Model, folder: Path) -> None:
    """Write what the folder says about its model: config.json, and what else there is for the class of the model."""
    files = {"config.json": model.config.to_hugging_face(model.architecture), **model.more_files()}
    for name, entries in files.items():
        text = json.dumps(entries, indent=2) + "\n"
        write_atomically(folder / name, functools.partial(Path.write_text, data=text, encoding="utf-8"))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by their modern names, mapped into memory.

    Raises:
        ValueError: the file is cut short, is no safetensors file, or has a tensor twice under two names.
    """
    spellings: dict[str, str] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                other = spellings.setdefault(modern_name(name), name)
                if other != name:
                    raise ValueError(f"{path} has one tensor twice, as {other} and as {name}: remove one of them.")
            return {modern: file.get_tensor(name) for modern, name in spellings.items()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}): copy or download it again.") from error


def require_enough_tensors(name: str | Path, config: EncoderConfig, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError where a model has more layers than its file has tensors: before so many are built."""
    if config.num_hidden_layers > len(tensors):
        raise ValueError(
            f"The weights of {name} do not fit: config.json says {config.num_hidden_layers} layers, the file has "
            f"only {len(tensors)} tensors."
        )


def require_finite(name: str | Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError that names every tensor in which a number is NaN or infinite."""
    # A sum is NaN or infinite if one of its numbers is; it takes one pass and no memory.
    suspects = {theirs: tensor for theirs, tensor in tensors.items() if not tensor.sum(dtype=torch.float32).isfinite()}
    if found := [theirs for theirs, tensor in suspects.items() if not tensor.isfinite().all()]:
        raise ValueError(
            f"The weights of {name} hold NaN or infinity in {shortened(found)}: the training has diverged or the file "
            "is damaged. Take an earlier checkpoint or another copy."
        )


_WORD = "embeddings.word_embeddings.weight"
_BIAS, _DECODER_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"  # BERT's bias and its second name


def _decoder(config: EncoderConfig, tensors: dict[str, Tensor]) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """Configuration and tensors of a masked LM, without second names for one tensor.

    As in transformers: of two biases, the decoder's counts; without word embeddings, the decoder's matrix is taken for
    them; and a matrix other than the word embeddings stays the decoder's own, whatever the configuration says.
    """
    tensors = dict(tensors)
    if (bias := tensors.pop(_DECODER_BIAS, None)) is not None:
        tensors[_BIAS] = bias
    decoder = their_name(_TIED, model_type(config))
    if config.tie_word_embeddings and decoder in tensors:
        word = tensors.setdefault(_WORD, tensors[decoder])
        if torch.equal(word.float(), tensors[decoder].float()):
            del tensors[decoder]
        else:
            config = dataclasses.replace(config, tie_word_embeddings=False)
    return config, tensors


def _require_fit(name: str | Path, wanted: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError that names every tensor that is missing, of another shape or type, or unexpected."""
    missing = [theirs for theirs in wanted if theirs not in tensors]
    there = [theirs for theirs in wanted if theirs in tensors]
    shapes = {theirs: (tuple(tensors[theirs].shape), tuple(wanted[theirs])) for theirs in there}
    misshapen = [f"{theirs} {has} for {wants}" for theirs, (has, wants) in shapes.items() if has != wants]
    no_floats = [theirs for theirs in there if not tensors[theirs].is_floating_point()]
    unexpected = [theirs for theirs in tensors if theirs not in wanted and not _IGNORED.match(theirs)]
    complaints = {
        f"of {len(wanted)} tensors are missing": missing,
        "have another shape than config.json says": sorted(misshapen),
        "do not hold floating-point numbers": no_floats,
        "have no place in the model": unexpected,
    }
    found = " ".join(f"{len(names)} {problem}: {shortened(names)}." for problem, names in complaints.items() if names)
    if found:
        raise ValueError(
            f"The weights of {name} do not fit. {found} Check that config.json belongs to these weights and that the "
            "class is right: a MaskedLM needs the weights of a masked-LM head."
        )


# --- What this project trained: the layers of the offline teacher, and its student ---

OWN_LAYERS = "minilm-masked-lm"
STUDENTS_LAYERS = f"{STUDENT}/layers"


def add_own_layers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """MiniLM's tensors with the layers that this project trained; their file is verified first.

    Raises:
        FileNotFoundError, ValueError: the file is missing, or has not the size and sha256 in its .json file.
    """
    return apply_changes(tensors, _read_own(OWN_LAYERS))


def own_student() -> dict[str, Tensor]:
    """The tensors of the offline teacher's student, whose word embeddings are its teacher's.

    Raises:
        FileNotFoundError, ValueError: as `add_own_layers`.
    """
    teacher = add_own_layers(read_tensors(locate("minilm", "model.safetensors")))
    return apply_changes({_WORD: teacher[_WORD]}, _read_own(STUDENTS_LAYERS))


def _read_own(name: str) -> dict[str, Tensor]:
    """Tensors in the project's data, verified."""
    path = data_folder() / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: reinstall the project. data/README.md says how it was made.")
    provenance = json.loads(read_small(path.with_suffix(".json")))
    try:
        verify(path, Pin(provenance["bytes"], provenance["sha256"]))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error} Reinstall the project.") from error
    return read_tensors(path)


def apply_changes(tensors: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Official tensors with the project's own: a whole tensor replaces one, an 8-bit change is added to one.

    A change is multiplied by its scale, one number per row; `rows` says which rows change, by default all. The change
    of a matrix that is not among the tensors is that matrix.
    """
    result = dict(tensors)
    for name, tensor in own.items():
        matrix, _, kind = name.rpartition(".")
        if kind == "change":
            change = tensor.float() * own[f"{matrix}.scale"][:, None]
            rows = own.get(f"{matrix}.rows", torch.arange(len(change)))
            result[matrix] = tensors[matrix].index_add(0, rows, change) if matrix in tensors else change
        elif kind not in ("scale", "rows"):
            result[name] = tensor.float()
    return result


class BareEncoder(Model, Encoder):
    """The encoder without a head, read and written like the other models.

    Devlin et al. (2019), section 3; a block as in Vaswani et al. (2017), section 3.1.
    """

    architecture = "Model"
