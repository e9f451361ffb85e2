"""Chapter 1. The five steps and a vocabulary in the file formats of `tokenizers` (format 1.0) and transformers."""

from typing import Any

from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, SPECIAL_TOKENS

NAMED_TOKENS = {f"{token[1:-1].lower()}_token": token for token in SPECIAL_TOKENS}  # "mask_token": "[MASK]" …


def tokenizer_json(vocab: dict[str, int], settings: dict[str, bool]) -> dict[str, Any]:
    """The content of tokenizer.json: the steps by their names in `tokenizers`, and the vocabulary (token to id)."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = {token: {"id": token, "ids": [vocab[token]], "tokens": [token]} for token in ("[CLS]", "[SEP]")}
    first, second = (
        [{"Sequence": {"id": name, "type_id": kind}}, {"SpecialToken": {"id": "[SEP]", "type_id": kind}}]
        for name, kind in (("A", 0), ("B", 1))
    )
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, *first]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocab[token], "content": token, **flags} for token in SPECIAL_TOKENS],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings["tokenize_chinese_chars"],
            "strip_accents": _accents(settings),
            "lowercase": settings["do_lower_case"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, *second],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": MAX_WORD_LENGTH,
            "vocab": vocab,
        },
    }


def tokenizer_config(settings: dict[str, bool], model_max_length: int) -> dict[str, Any]:
    """The content of tokenizer_config.json. The class is left to transformers, which knows it by the model."""
    return settings | {"strip_accents": _accents(settings), "model_max_length": model_max_length} | NAMED_TOKENS


def _accents(settings: dict[str, bool]) -> bool | None:
    """Whether to strip accents; None, as in the official files, where that goes with the lower case."""
    stripped = settings["strip_accents"]
    return None if stripped == settings["do_lower_case"] else stripped
