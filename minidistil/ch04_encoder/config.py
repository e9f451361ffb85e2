"""Chapter 4. The configuration: the sizes of an encoder, and their names in Hugging Face's config.json.

BERT and DistilBERT are two configurations of one encoder. DistilBERT (Sanh et al., 2019, section 3) has half
the layers and no token-type embeddings; its config.json has other names for the same sizes.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from minidistil.files import read_small

DISTILBERT_EPS = 1e-12  # a constant of the official implementation


@dataclass(frozen=True)
class EncoderConfig:
    """The sizes of an encoder; the names are those of Hugging Face's BertConfig, except for the two dropouts.

    The defaults are bert-base's (Devlin et al., 2019, section 3). With type_vocab_size 0 the encoder has no
    token-type embeddings: it is a DistilBERT (Sanh et al., 2019, section 3).

    Raises:
        ValueError: a value is out of its range, or hidden_size is not a multiple of num_attention_heads.

    >>> EncoderConfig(num_hidden_layers=6, type_vocab_size=0).hidden_size  # distilbert-base
    768
    """

    vocab_size: int = 30522  # V, tokens
    hidden_size: int = 768  # D, features of a token
    num_hidden_layers: int = 12
    num_attention_heads: int = 12  # H, a divisor of hidden_size
    intermediate_size: int = 3072  # features inside the feed-forward layer
    max_position_embeddings: int = 512  # tokens in the longest text
    type_vocab_size: int = 2
    dropout: float = 0.1  # probability that training sets a feature to 0
    attention_dropout: float = 0.1  # probability that training sets an attention weight to 0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02  # standard deviation of the initial weights
    pad_token_id: int = 0
    tie_word_embeddings: bool = True  # whether the decoder of a masked-LM head is the word embeddings

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            require_whole(name, getattr(self, name), least)
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}."
            )
        if self.pad_token_id >= self.vocab_size:
            raise ValueError(f"pad_token_id must be below vocab_size {self.vocab_size}, got {self.pad_token_id}")
        if not self.type_vocab_size and self.layer_norm_eps != DISTILBERT_EPS:
            raise ValueError(
                f"layer_norm_eps must be {DISTILBERT_EPS} with type_vocab_size 0, got {self.layer_norm_eps!r}: a "
                "DistilBERT has no other, and its config.json has no entry for it."
            )
        if not isinstance(self.tie_word_embeddings, bool):
            raise ValueError(f"tie_word_embeddings must be True or False, got {self.tie_word_embeddings!r}")
        for name in ("dropout", "attention_dropout"):
            require_share(name, getattr(self, name))
        for name in ("layer_norm_eps", "initializer_range"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number, 0 or larger, got {value!r}")

    @classmethod
    def read(cls, path: Path) -> "EncoderConfig":
        """Read the config.json of a BERT or DistilBERT in Hugging Face's format.

        Raises:
            ValueError: not JSON, another architecture, a missing entry or an unsupported option.
        """
        try:
            raw = json.loads(read_small(path))
            names = _HF_NAMES[raw["model_type"]]
            values = {name: raw[entry] for name, entry in names.items() if raw.get(entry) is not None}
            values |= {name: raw[name] for name in _ALIASES if raw.get(name) is not None}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            inner = path.parent / "model"
            advice = f" The model of a run is in a folder of its own: {inner}." if inner.is_dir() else ""
            raise ValueError(
                f"{path} is no configuration of a BERT or DistilBERT model: expected JSON with model_type "
                f'"bert" or "distilbert".{advice}'
            ) from error
        missing = [entry for name, entry in names.items() if name in _SIZES and name not in values]
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}: all sizes of the model are required.")
        activation = raw.get(_ACTIVATION[raw["model_type"]], "gelu")
        if activation != "gelu":
            raise ValueError(f"{path} has the activation {activation!r}: only 'gelu' is supported.")
        if raw.get("is_decoder"):
            raise ValueError(f"{path} is of a decoder (is_decoder is true): only encoders are supported.")
        if raw["model_type"] == "distilbert":
            values["type_vocab_size"] = 0
        elif not values.get("type_vocab_size", 2):
            raise ValueError(f"{path} is of a BERT with type_vocab_size 0: only DistilBERT has no token types.")
        return cls(**values)

    def to_hugging_face(self, architecture: str) -> dict[str, object]:
        """The entries of a config.json; `architecture` is the class name without Bert/DistilBert: "ForMaskedLM"."""
        prefix = "Bert" if self.type_vocab_size else "DistilBert"
        model_type = prefix.lower()
        entries = {"architectures": [prefix + architecture], "model_type": model_type, _ACTIVATION[model_type]: "gelu"}
        return entries | {entry: getattr(self, name) for name, entry in _HF_NAMES[model_type].items()}


def require_whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless the value, which may come from any file, is an integer from `least` to 2^30."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 2**30:
        raise ValueError(f"{name} must be an integer from {least} to 2^30, got {value!r}")


def require_share(name: str, value: object) -> None:
    """Raise ValueError unless the value, which may come from any file, can be a dropout probability."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")


_ACTIVATION = {"bert": "hidden_act", "distilbert": "activation"}
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_ALIASES = ("hidden_size", "num_hidden_layers", "num_attention_heads")  # transformers obeys these in a DistilBERT, too
_LEAST = {
    "vocab_size": 1, "hidden_size": 1, "num_hidden_layers": 0, "num_attention_heads": 1, "intermediate_size": 1,
    "max_position_embeddings": 1, "type_vocab_size": 0, "pad_token_id": 0,
}  # fmt: skip
_SAME = ("vocab_size", "max_position_embeddings", "initializer_range", "pad_token_id", "tie_word_embeddings")
_HF_NAMES = {
    "bert": {name: name for name in (*_SIZES, *_SAME, "type_vocab_size", "layer_norm_eps")}
    | {"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"},
    "distilbert": {name: name for name in (*_SAME, "dropout", "attention_dropout")}
    | {"hidden_size": "dim", "num_hidden_layers": "n_layers"}
    | {"num_attention_heads": "n_heads", "intermediate_size": "hidden_dim"},
}
