"""Chapter 5. What the folder of a sentence encoder says about it, in the files of sentence-transformers.

modules.json lists the steps: transformer, pooling and, in most models, normalisation. 1_Pooling/config.json has the
kind of pooling, sentence_bert_config.json the number of tokens that are read of a text.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from minidistil.ch01_wordpiece.tokenizer_files import read_tokenizer
from minidistil.ch04_encoder.config import EncoderConfig, require_whole
from minidistil.hub.official import locate, locate_if_any


@dataclass(frozen=True)
class SentenceConfig(EncoderConfig):
    """The configuration of an encoder (see EncoderConfig) that gives one vector for each text.

    pooling is "mean" (of the real tokens), "cls" (the first one) or "max"; normalize: whether the vector is scaled to
    length 1. Of a longer text only the first max_seq_length tokens are read; None: as many as the model takes.

    Raises:
        ValueError: as EncoderConfig, or one of these three is out of its range.
    """

    pooling: str = "mean"
    normalize: bool = True
    max_seq_length: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pooling not in _POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}: expected one of {', '.join(_POOLINGS)}.")
        require_whole("max_seq_length", self.longest, 1)

    @property
    def longest(self) -> int:
        """The number of tokens that are read of a text."""
        return self.max_position_embeddings if self.max_seq_length is None else self.max_seq_length

    def files(self) -> dict[str, object]:
        """The files beside config.json, by name."""
        steps = [("Transformer", ""), ("Pooling", _POOLING_FOLDER), ("Normalize", "2_Normalize")][: 2 + self.normalize]
        modules = [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{step}"}
            for number, (step, path) in enumerate(steps)
        ]
        pooling = {entry: mode == self.pooling for mode, entry in _POOLINGS.items()}
        return {
            "modules.json": modules,
            f"{_POOLING_FOLDER}/config.json": {"word_embedding_dimension": self.hidden_size, **pooling},
            "sentence_bert_config.json": {"max_seq_length": self.longest, "do_lower_case": False},
        }


_POOLINGS = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
}
_POOLING_FOLDER = "1_Pooling"
_KINDS = ("bert", "distilbert")  # sentence-transformers writes "bert" for every model now
_STEPS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


def read_sentence_config(name: str | Path, encoder: EncoderConfig) -> SentenceConfig:
    """What the folder of a model says; without modules.json: the mean, normalised.

    Raises:
        ValueError: a file is damaged, or asks for what is not supported.
        FileNotFoundError: the file about the pooling is missing, or the hub cannot be asked.
    """
    longest: Any = _entries(locate_if_any(name, "tokenizer_config.json")).get("model_max_length")
    settings: dict[str, Any] = {}
    if (path := locate_if_any(name, "modules.json")) is not None:
        modules = _json(path)
        try:
            steps, folders = zip(*((each["type"].rpartition(".")[2], each["path"]) for each in modules), strict=True)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} is no list of steps with a type and a path each.") from error
        if list(steps) not in _STEPS or folders[0]:
            raise ValueError(
                f"{path} has the steps {', '.join(steps)}: expected Transformer (in the folder itself), Pooling and, "
                "if the vectors are to have length 1, Normalize."
            )
        settings = {"pooling": _pooling(locate(name, f"{folders[1]}/config.json")), "normalize": len(steps) == 3}
        transformer = _transformer(name)
        longest = transformer.get("max_seq_length") or longest
        _refuse_more(locate_if_any(name, "config_sentence_transformers.json"))
    if isinstance(longest, int | float):  # a tokenizer without a limit has 1e30
        longest = min(longest, encoder.max_position_embeddings)
    return SentenceConfig(**asdict(encoder), **settings, max_seq_length=longest)


def _pooling(path: Path) -> str:
    """The kind of pooling; current files have "pooling_mode", older ones a truth value for each kind."""
    entries = _entries(path)
    modes = entries.get("pooling_mode") or [
        entry for entry, chosen in entries.items() if entry.startswith("pooling_mode_") and chosen
    ]
    by_entry = {entry: mode for mode, entry in _POOLINGS.items()}
    found = [by_entry.get(mode, mode) for mode in ([modes] if isinstance(modes, str) else modes)] or ["mean"]
    if len(found) > 1 or found[0] not in _POOLINGS:
        raise ValueError(f"{path} asks for the pooling {', '.join(found)}: expected one of {', '.join(_POOLINGS)}.")
    return found[0]


def _transformer(name: str | Path) -> Mapping[str, Any]:
    """What sentence_bert_config.json says, or the older file that is named after DistilBERT."""
    path = next(filter(None, (locate_if_any(name, f"sentence_{kind}_config.json") for kind in _KINDS)), None)
    entries = _entries(path)
    if entries.get("do_lower_case") and not read_tokenizer(name)[1].get("do_lower_case", True):
        raise ValueError(f"{path} has do_lower_case, the tokenizer beside it not: expected the same in both.")
    return entries


def _refuse_more(path: Path | None) -> None:
    entries = _entries(path)
    if width := entries.get("truncate_dim"):
        raise ValueError(f"{path} cuts each vector after {width} numbers (truncate_dim): expected whole vectors.")
    name = entries.get("default_prompt_name")
    if name and (prompt := (entries.get("prompts") or {}).get(name)):
        raise ValueError(f"{path} puts {prompt!r} before each text: expected a model without a default prompt.")


def _entries(path: Path | None) -> Mapping[str, Any]:
    """The object in a JSON file; empty without a file."""
    found = {} if path is None else _json(path)
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object: expected names and values.")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): copy or download it again.") from error
