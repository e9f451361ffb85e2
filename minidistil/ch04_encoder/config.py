"""Chapter 4. The configuration: the sizes of an encoder, and how Hugging Face writes them down.

BERT and DistilBERT are two configurations of one encoder. DistilBERT (Sanh et al., 2019, section 3) has half
the layers and no token-type embeddings; config.json says the same things of both in different words.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EncoderConfig:
    """Size and shape of an encoder, in Hugging Face's words.

    The defaults are bert-base's (Devlin et al., 2019, section 3). type_vocab_size 0 means no token-type
    embeddings: a DistilBERT (Sanh et al., 2019, section 3).

    Raises:
        ValueError: a size is no whole number or too small, the heads do not divide the width, or a share is not
            from 0 to 1.
    """

    vocab_size: int = 30522  # V, tokens
    hidden_size: int = 768  # D, features of a token
    num_hidden_layers: int = 12
    num_attention_heads: int = 12  # H, a divisor of hidden_size
    intermediate_size: int = 3072  # features inside the feed-forward layer
    max_position_embeddings: int = 512  # tokens in the longest text
    type_vocab_size: int = 2
    dropout: float = 0.1  # share of the features that training leaves out
    attention_dropout: float = 0.1  # share of the attention weights that training leaves out
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02  # standard deviation of fresh weights
    pad_token_id: int = 0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            require_whole(name, getattr(self, name), least)
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}."
            )
        if self.pad_token_id >= self.vocab_size:
            raise ValueError(f"pad_token_id is {self.pad_token_id}: expected one of {self.vocab_size} words.")
        for name in ("dropout", "attention_dropout"):
            require_share(name, getattr(self, name))
        for name in ("layer_norm_eps", "initializer_range"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}: expected a number, 0 or more.")

    @classmethod
    def read(cls, path: Path) -> "EncoderConfig":
        """The configuration in a config.json of Hugging Face's BERT or DistilBERT.

        Raises:
            ValueError: not JSON, another architecture, a missing entry or an unsupported option.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            names = _HF_NAMES[raw["model_type"]]
            values = {ours: raw[theirs] for ours, theirs in names.items() if raw.get(theirs) is not None}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            inner = path.parent / "model"
            advice = f" A run keeps its model in a folder of its own: {inner}." if inner.is_dir() else ""
            raise ValueError(
                f"{path} is no configuration of a BERT or DistilBERT model: expected JSON with model_type "
                f'"bert" or "distilbert".{advice}'
            ) from error
        missing = [theirs for ours, theirs in names.items() if ours in _SIZES and ours not in values]
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}: expected all sizes of the model.")
        activation = raw.get("hidden_act", raw.get("activation", "gelu"))
        if activation != "gelu":
            raise ValueError(f"{path} asks for the activation {activation!r}; supported is 'gelu'.")
        if raw.get("is_decoder"):
            raise ValueError(f"{path} is of a decoder, whose tokens see only those before them: expected an encoder.")
        if raw["model_type"] == "distilbert":
            values["type_vocab_size"] = 0
        return cls(**values)

    def to_hugging_face(self, architecture: str) -> dict[str, object]:
        """The entries of a config.json; `architecture` is the class name without Bert/DistilBert: "ForMaskedLM"."""
        model_type = "bert" if self.type_vocab_size else "distilbert"
        names = _HF_NAMES[model_type]
        prefix = "Bert" if model_type == "bert" else "DistilBert"
        entries: dict[str, object] = {
            "architectures": [prefix + architecture],
            "model_type": model_type,
            "hidden_act" if model_type == "bert" else "activation": "gelu",
        }
        return entries | {theirs: getattr(self, ours) for ours, theirs in names.items()}


def require_whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless the value, which may come from any file, is a whole number from `least` to 2^30."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise ValueError(f"{name} is {value!r}: expected a whole number, {least} or more, {_MOST} at most.")


def require_share(name: str, value: object) -> None:
    """Raise ValueError unless the value, which may come from any file, can be a dropout."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} is {value!r}: expected a number from 0 to below 1.")


_MOST = 2**30
_LEAST = {
    "vocab_size": 1,
    "hidden_size": 1,
    "num_hidden_layers": 0,
    "num_attention_heads": 1,
    "intermediate_size": 1,
    "max_position_embeddings": 1,
    "type_vocab_size": 0,
    "pad_token_id": 0,
}
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_SAME = ("vocab_size", "max_position_embeddings", "initializer_range", "pad_token_id")
_HF_NAMES = {
    "bert": {name: name for name in (*_SIZES, *_SAME, "type_vocab_size", "layer_norm_eps")}
    | {"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"},
    "distilbert": {name: name for name in (*_SAME, "dropout", "attention_dropout")}
    | {
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
    },
}
