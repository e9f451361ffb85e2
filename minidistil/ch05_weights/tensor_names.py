"""Chapter 5. Tensor names: what this package, BERT and DistilBERT in transformers call the same tensor.

A name is the path of a module and the kind of tensor in it, "weight" or "bias". The table translates the
paths; where DistilBERT has no such module, its entry is empty.
"""

import re
from collections.abc import Iterable

from torch import nn

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.files import few

_NAMES = (  # this package's, BERT's, DistilBERT's
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
    ("head.word", "cls.predictions.decoder", "vocab_projector"),  # where it is not the word embeddings
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


def model_type(config: EncoderConfig) -> str:
    """The model_type in config.json, "bert" or "distilbert"."""
    return "bert" if config.type_vocab_size else "distilbert"


def their_name(ours: str, model_type: str, prefix: bool = True) -> str:
    """The name in transformers' `bert` or `distilbert` of a tensor of this package, with or without the prefix.

    >>> their_name("encoder.layers.3.expand.weight", "bert")
    'bert.encoder.layer.3.intermediate.dense.weight'
    """
    path, kind = ours.removeprefix("encoder.").rsplit(".", 1)
    stack = ""
    if match := re.match(r"layers\.(\d+)\.", path):
        stack = f"{_STACK[model_type]}.{match[1]}."
        path = path[match.end() :]
    name = f"{stack}{_THEIRS[model_type][path]}.{kind}"
    in_encoder = ours.startswith("encoder.") or name.startswith("pooler.")  # BERT counts its pooler as encoder
    return f"{model_type}.{name}" if in_encoder and prefix else name


def our_names(model: nn.Module, model_type: str, prefix: bool = True) -> dict[str, str]:
    """The way back for a model of this package: the name in transformers of each parameter, and its name here."""
    return {their_name(ours, model_type, prefix): ours for ours, _ in model.named_parameters()}


def modern_name(name: str) -> str:
    """A name without its prefix, and with "weight" and "bias" where the oldest files have "gamma" and "beta"."""
    name = re.sub(r"^(bert|distilbert)\.", "", name)
    return re.sub(r"\.beta$", ".bias", re.sub(r"\.gamma$", ".weight", name))


def shortened(names: Iterable[str]) -> str:
    """The names in one line, ten at most; those that differ only in the layer become one.

    >>> shortened(["layer.0.bias", "layer.1.bias", "norm.bias"])
    'layer.{0,1}.bias, norm.bias'
    """
    layers: dict[tuple[str, str], list[int]] = {}
    for name in names:
        match = re.fullmatch(r"(.*?\.)(\d+)(\..*)", name)
        start, end = (match[1], match[3]) if match else (name, "")
        layers.setdefault((start, end), []).extend([int(match[2])] if match else [])
    numbers = {key: ",".join(map(str, sorted(found))) for key, found in layers.items()}
    return few(key[0] + (f"{{{each}}}" if "," in each else each) + key[1] for key, each in numbers.items())
