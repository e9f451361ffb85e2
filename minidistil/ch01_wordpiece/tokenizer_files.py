"""Chapter 1. What the files of a model say about its tokenizer: obeyed, or refused with a sentence.

As in transformers, tokenizer_config.json says what is lower-cased, stripped of accents and set apart (BERT's uncased
settings where it is silent), and each file may add tokens. tokenizer.json says all of it again, with the vocabulary.
Files that contradict each other are refused, and so is what BERT's WordPiece with its five special tokens is not.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from minidistil.ch01_wordpiece.tokenizer_json import NAMED_TOKENS, tokenizer_config, tokenizer_json
from minidistil.ch01_wordpiece.vocabulary import SPECIAL_TOKENS
from minidistil.files import read_small, write_atomically
from minidistil.hub.official import STUDENT, locate, locate_if_any, official_name

_UNCASED = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
_FIXED = {"padding_side": "right", "truncation_side": "right", "split_special_tokens": False}
_CLASSES = ("BertTokenizer", "DistilBertTokenizer")
_BY_TOKENIZER_JSON = ("TokenizersBackend", "PreTrainedTokenizer")  # classes that take all from tokenizer.json
_CONFIG, _STEPS, _MAP, _ADDED, _MODEL = _FILES = (
    "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "config.json",
)  # fmt: skip


def write_tokenizer(folder: Path, tokens: Sequence[str], settings: dict[str, bool], model_max_length: int) -> None:
    """Write the three files, which say the same."""
    vocab = {token: index for index, token in enumerate(tokens)}
    texts = {
        "vocab.txt": "\n".join(tokens) + "\n",
        _STEPS: json.dumps(tokenizer_json(vocab, settings), ensure_ascii=False, indent=1),
        _CONFIG: json.dumps(tokenizer_config(settings, model_max_length), indent=1),
    }
    for name, text in texts.items():
        write_atomically(folder / name, partial(Path.write_text, data=text, encoding="utf-8", newline="\n"))


def read_tokenizer(name: str | Path) -> tuple[list[str], dict[str, bool]]:
    """The vocabulary and the settings, by transformers' names, of a model name, hub id, folder or vocab.txt.

    Raises:
        FileNotFoundError, ValueError: no such vocabulary, it is damaged, or the files ask for what is not supported.
    """
    path = Path(name).expanduser()
    if name == STUDENT or official_name(name) is not None:
        return _lines(locate(name, "vocab.txt")), {}  # verified, and known to be uncased
    if path.is_file():
        beside = _FILES if path.name == "vocab.txt" else ()  # what lies beside another file may be another model's
        found = {"vocab.txt": path} | {each: path.parent / each for each in beside if (path.parent / each).is_file()}
    else:
        places = {each: locate_if_any(name, each) for each in ("vocab.txt", *_FILES)}
        found = {each: place for each, place in places.items() if place is not None}
        if "vocab.txt" not in found and _STEPS not in found:
            locate(name, "vocab.txt")  # raises, and says what is missing
    said = {each: _json(found[each]) if each in found else {} for each in _FILES}
    try:
        settings = _settings(said)
        tokens = _lines(found["vocab.txt"]) if "vocab.txt" in found else _vocabulary(said[_STEPS])
        _check_tokens(said, tokens)
        if _STEPS in found:
            _check_steps(said[_STEPS], tokens, settings)
    except _Refused as refused:
        file, problem = refused.args
        raise ValueError(f"{found[file]} {problem}") from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"The tokenizer's files of {name} are not in transformers' format: {error}.") from error
    return tokens, settings


class _Refused(Exception):
    """The name of a file, and what is wrong with what it says."""


_ONLY = "only BERT's WordPiece with its five special tokens is supported, use transformers' AutoTokenizer."


def _lines(path: Path) -> list[str]:
    return read_small(path).rstrip("\n").split("\n")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_small(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: copy or download it again.") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds {_short(value)}: expected a JSON object with names and values.")
    return value


def _vocabulary(steps: dict[str, Any]) -> list[str]:
    """The tokens of tokenizer.json, by id."""
    vocab = steps["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.get)
    if [vocab[token] for token in tokens] != list(range(len(tokens))):
        raise _Refused(_STEPS, f"has a vocabulary of {len(tokens)} tokens whose ids are not 0 to {len(tokens) - 1}.")
    return tokens


def _settings(said: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """The settings as transformers takes them, refused where tokenizer.json says otherwise."""
    config = said[_CONFIG]
    asks = _CONFIG if config.get("tokenizer_class") else _MODEL
    kind = str(said[asks].get("tokenizer_class") or _CLASSES[0]).removesuffix("Fast")
    if kind not in (*_CLASSES, *_BY_TOKENIZER_JSON):
        raise _Refused(asks, f"asks for the class {kind}: {_ONLY}")
    for name, value in _FIXED.items():
        if config.get(name, value) != value:
            raise _Refused(_CONFIG, f"has {name} {_short(config[name])}: only {_short(value)} is supported.")
    steps = _of_normalizer(said[_STEPS])
    given = {name: config[name] for name in (*_UNCASED, "clean_up_tokenization_spaces") if name in config}
    settings = {"clean_up_tokenization_spaces": False} | (steps if kind in _BY_TOKENIZER_JSON else _UNCASED) | given
    if settings["strip_accents"] is None:
        settings["strip_accents"] = settings["do_lower_case"]
    for name, value in settings.items():
        if not isinstance(value, bool):
            raise _Refused(_CONFIG, f"has {name} {_short(value)}: expected true or false.")
        if steps.get(name, value) != value:
            by_default = "" if name in given else " by default"
            raise _Refused(
                _STEPS,
                f"says {name} {_short(steps[name])}, {_CONFIG} says {_short(value)}{by_default}: expected the same in "
                "both, correct the wrong one.",
            )
    return settings


def _of_normalizer(steps: dict[str, Any]) -> dict[str, Any]:
    """The settings in tokenizer.json, by transformers' names."""
    if not steps:
        return {}
    normalizer = steps.get("normalizer") or {}
    if normalizer.get("type") != "BertNormalizer" or not normalizer.get("clean_text", True):
        raise _Refused(_STEPS, f"has the normalizer {_short(normalizer)}: {_ONLY}")
    lower, accents = normalizer.get("lowercase", True), normalizer.get("strip_accents")
    return {
        "do_lower_case": lower,
        "strip_accents": lower if accents is None else accents,
        "tokenize_chinese_chars": normalizer.get("handle_chinese_chars", True),
    }


def _check_tokens(said: dict[str, dict[str, Any]], tokens: list[str]) -> None:
    """Refuse every added token but the five special ones, as they are written and with their ids."""
    vocab = {token: index for index, token in enumerate(tokens)}
    for file, entry, token, index in _added(said):
        content, flags = (token.get("content"), token) if isinstance(token, dict) else (token, {})
        if content not in SPECIAL_TOKENS or content != NAMED_TOKENS.get(entry, content):
            raise _Refused(file, f"has {_short(content)} in {entry}: {_ONLY}")
        for flag in ("lstrip", "rstrip", "single_word", "normalized"):
            if flags.get(flag):
                raise _Refused(file, f"has {content} with {flag}: {_ONLY}")
        if index is not None and str(index) != str(vocab.get(content)):
            raise _Refused(file, f"gives {content} the id {index}, the vocabulary {vocab.get(content)}: {_ONLY}")


def _added(said: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, Any, Any]]:
    """(file, entry, token, id or None) for each token that a file adds or gives a role."""
    for file in (_CONFIG, _MAP):
        for entry, value in said[file].items():
            if entry in NAMED_TOKENS or (entry.endswith("_token") and value and value is not True):
                yield file, entry, value, None
            elif entry in ("additional_special_tokens", "extra_special_tokens"):
                for token in value.values() if isinstance(value, dict) else value or ():
                    yield file, entry, token, None
    for index, token in (said[_CONFIG].get("added_tokens_decoder") or {}).items():
        yield _CONFIG, "added_tokens_decoder", token, index
    for token, index in said[_ADDED].items():
        yield _ADDED, "it", token, index
    for token in said[_STEPS].get("added_tokens") or ():
        yield _STEPS, "added_tokens", token, token["id"]


def _check_steps(steps: dict[str, Any], tokens: list[str], settings: dict[str, bool]) -> None:
    """Refuse a tokenizer.json that says other than ours would; truncation and padding are arguments here."""
    expected = tokenizer_json({token: index for index, token in enumerate(tokens)}, settings)
    older = {"type": "BertProcessing"} | {
        name: [token, tokens.index(token)] for name, token in (("sep", "[SEP]"), ("cls", "[CLS]"))
    }
    for part in ("pre_tokenizer", "post_processor", "decoder", "model"):
        found, right = steps.get(part) or {}, expected[part]
        if part == "model" and found["vocab"] != right["vocab"]:
            raise _Refused(_STEPS, "has another vocabulary than vocab.txt: expected the same, correct the wrong one.")
        if not found or (right | found != right and found != older):
            wrong = {name: value for name, value in found.items() if right.get(name) != value}
            raise _Refused(_STEPS, f"has {_short(wrong)} in its {part}: {_ONLY}")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
