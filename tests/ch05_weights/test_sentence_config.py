"""Chapter 5, sentence encoders: what their folder says, read and written as sentence-transformers does."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, cls_pooling, embed, max_pooling, mean_pooling
from minidistil.ch05_weights.sentence_config import SentenceConfig
from minidistil.ch05_weights.weights import BareEncoder
from minidistil.ch11_smaller_faster.int8 import load_int8, save_int8, to_int8
from tests.local_hub import Hub, running_hub

TOLERANCE = 1e-5
SMALL = EncoderConfig(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, max_position_embeddings=40,
    initializer_range=0.3,
)  # fmt: skip
TEXTS = ["A man is eating food.", "x", "The girl is carrying a baby, said she. " * 3, "word " * 100, ""]


def official(folder: Path, texts: list[str]) -> Tensor:
    return torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(texts, show_progress_bar=False))


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.fixture
def folder(tmp_path: Path, tokenizer: WordPiece) -> Path:
    """A plain encoder with the official vocabulary."""
    tokenizer.save(tmp_path)
    BareEncoder(SMALL).save_pretrained(tmp_path)
    return tmp_path


def test_minilm_reads_as_many_tokens_as_officially(tokenizer: WordPiece, minilm_folder: Path) -> None:
    words = "the quick brown fox jumps over a lazy dog while seven wizards boxed " * 60
    texts = [" ".join(words.split()[:count]) for count in (3, 254, 255, 300, 510, 700)]
    assert [min(len(tokenizer.encode(text).ids), 900) for text in texts] == [5, 256, 257, 302, 512, 702]
    model = SentenceEncoder.from_pretrained("minilm")
    assert model.config.longest == 256
    close(embed(texts, model, tokenizer), official(minilm_folder, texts))


@pytest.mark.parametrize("saved_by_new", [False, True])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_a_folder_of_sentence_transformers_is_obeyed(
    pooling: Any, normalize: bool, saved_by_new: bool, folder: Path, tokenizer: WordPiece, tmp_path: Path
) -> None:
    """Today's files say it in other words than those of 2021, with which the small models on the hub are saved."""
    transformer = modules.Transformer(str(folder), max_seq_length=17)
    steps = [transformer, modules.Pooling(24, pooling_mode=pooling), modules.Normalize()]
    theirs = SentenceTransformer(modules=steps[: 2 + normalize], device="cpu")
    saved = tmp_path / "saved"
    theirs.save(str(saved))
    if not saved_by_new:
        old = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
        flags = {f"pooling_mode_{entry}": mode == pooling for mode, entry in old.items()}
        (saved / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 24, **flags}))
        (saved / "sentence_bert_config.json").write_text('{"max_seq_length": 17, "do_lower_case": false}')
    ours = SentenceEncoder.from_pretrained(saved)
    assert (ours.config.pooling, ours.config.normalize, ours.config.longest) == (pooling, normalize, 17)
    close(embed(TEXTS, ours, tokenizer), torch.tensor(theirs.encode(TEXTS, show_progress_bar=False)))


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize(("pooling", "normalize"), [("mean", True), ("cls", False), ("max", True)])
def test_what_is_saved_is_the_same_encoder_in_sentence_transformers(
    kind: str, pooling: str, normalize: bool, tokenizer: WordPiece, tmp_path: Path
) -> None:
    sizes = replace(SMALL, type_vocab_size=2 if kind == "bert" else 0)
    ours = SentenceEncoder(SentenceConfig(**vars(sizes), pooling=pooling, normalize=normalize, max_seq_length=9)).eval()
    ours.save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    found = embed(TEXTS, ours, tokenizer)
    theirs = SentenceTransformer(str(tmp_path), device="cpu")
    assert theirs.max_seq_length == 9
    close(found, torch.tensor(theirs.encode(TEXTS, show_progress_bar=False)))
    again = SentenceEncoder.from_pretrained(tmp_path)
    assert again.config == ours.config
    close(embed(TEXTS, again, tokenizer), found)


def test_a_plain_encoder_is_saved_with_length_and_normalisation(folder: Path, tokenizer: WordPiece) -> None:
    ours = SentenceEncoder.from_pretrained(folder)
    found = embed(TEXTS, ours, tokenizer)
    close(found.norm(dim=1), torch.ones(5))
    ours.save_pretrained(folder)
    close(official(folder, TEXTS), found)


def test_the_limit_of_the_tokenizer_counts_where_no_other_is_given(folder: Path) -> None:
    for limit, expected in ((31, 31), (10**30, 40), (1e30, 40), (512, 40)):
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
        assert SentenceEncoder.from_pretrained(folder).config.longest == expected


def test_int8_keeps_what_the_folder_said(tmp_path: Path) -> None:
    config = SentenceConfig(**vars(SMALL), pooling="cls", normalize=False, max_seq_length=7)
    save_int8(to_int8(SentenceEncoder(config)), tmp_path)
    assert load_int8(SentenceEncoder, tmp_path).config == config


@pytest.mark.parametrize(
    ("file", "content", "parts"),
    [
        ("modules.json", [{"type": f"x.{step}", "path": ""} for step in ("Transformer", "Pooling", "Dense")],
         ["Dense", "Normalize"]),
        ("modules.json", [{"type": f"x.{step}", "path": f"0_{step}"} for step in ("Transformer", "Pooling")],
         ["folder itself"]),
        ("modules.json", {"a": 1}, ["modules.json", "steps"]),
        ("modules.json", [], ["modules.json", "steps"]),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, ["lasttoken", "mean, cls, max"]),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, ["cls, max: exp"]),
        ("1_Pooling/config.json", {"pooling_mode_mean_sqrt_len_tokens": True}, ["mean_sqrt_len", "mean, cls, max"]),
        ("1_Pooling/config.json", [], ["config.json", "object"]),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, ["max_seq_length", "'long'"]),
        ("sentence_bert_config.json", {"max_seq_length": -1}, ["max_seq_length", "-1"]),
        ("config_sentence_transformers.json", {"truncate_dim": 8}, ["8", "truncate_dim"]),
        ("config_sentence_transformers.json", {"prompts": {"q": "query: "}, "default_prompt_name": "q"}, ["'query: '"]),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused(file: str, content: Any, parts: list[str], tmp_path: Path) -> None:
    SentenceEncoder(SMALL).save_pretrained(tmp_path)
    SentenceEncoder.from_pretrained(tmp_path)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"json|max_seq_length") as caught:
        SentenceEncoder.from_pretrained(tmp_path)
    assert all(part in str(caught.value) for part in parts)


def test_an_older_file_is_named_after_distilbert(tokenizer: WordPiece, tmp_path: Path) -> None:
    SentenceEncoder(replace(SMALL, type_vocab_size=0)).save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    (tmp_path / "sentence_bert_config.json").unlink()
    (tmp_path / "sentence_distilbert_config.json").write_text('{"max_seq_length": 9}')
    close(embed(TEXTS, SentenceEncoder.from_pretrained(tmp_path), tokenizer), official(tmp_path, TEXTS))


def test_lower_case_for_a_tokenizer_with_capitals_is_refused(tokenizer: WordPiece, tmp_path: Path) -> None:
    SentenceEncoder(SMALL).save_pretrained(tmp_path)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 9, "do_lower_case": true}')
    tokenizer.save(tmp_path)
    close(embed(TEXTS, SentenceEncoder.from_pretrained(tmp_path), tokenizer), official(tmp_path, TEXTS))
    WordPiece(tokenizer.tokens, do_lower_case=False).save(tmp_path)
    close(official(tmp_path, ["HELLO THERE"]), official(tmp_path, ["hello there"]))
    with pytest.raises(ValueError, match="do_lower_case"):
        SentenceEncoder.from_pretrained(tmp_path)


def test_a_file_that_is_no_json_or_missing_is_named(tmp_path: Path) -> None:
    SentenceEncoder(SMALL).save_pretrained(tmp_path)
    (tmp_path / "1_Pooling/config.json").write_text("{")
    with pytest.raises(ValueError, match="1_Pooling"):
        SentenceEncoder.from_pretrained(tmp_path)
    (tmp_path / "1_Pooling/config.json").unlink()
    with pytest.raises(FileNotFoundError, match="1_Pooling"):
        SentenceEncoder.from_pretrained(tmp_path)


@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
def test_poolings_are_official(mode: Any) -> None:
    """With padding on either side; a row without a token is 0 in the mean."""
    hidden, ours = torch.randn(4, 5, 24), {"mean": mean_pooling, "cls": cls_pooling, "max": max_pooling}[mode]
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
    theirs = modules.Pooling(24, pooling_mode=mode)
    expected = theirs({"token_embeddings": hidden, "attention_mask": mask})["sentence_embedding"]
    close(ours(hidden, mask), expected)
    close(ours(hidden, mask.bool()), expected)
    close(ours(hidden), theirs({"token_embeddings": hidden})["sentence_embedding"])
    assert mode != "mean" or not expected[3].any()


# From a hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with running_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between two attempts
        yield hub


def serve(hub: Hub, model: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    hub.files = {f"org/toy/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}


def test_a_model_of_the_hub_says_the_same_with_and_without_the_network(hub: Hub, tmp_path: Path) -> None:
    config = SentenceConfig(**vars(SMALL), pooling="cls", max_seq_length=7)
    serve(hub, SentenceEncoder(config), tmp_path / "model")
    assert SentenceEncoder.from_pretrained("org/toy").config == config
    hub.behaviour = 503
    assert SentenceEncoder.from_pretrained("org/toy").config == config


def test_a_hub_that_cannot_be_asked_is_no_model_without_these_files(hub: Hub, tmp_path: Path) -> None:
    serve(hub, MaskedLM(SMALL), tmp_path / "model")
    MaskedLM.from_pretrained("org/toy")
    hub.behaviour = 503
    with pytest.raises(FileNotFoundError, match="503"):
        SentenceEncoder.from_pretrained("org/toy")
    hub.behaviour = "good"
    assert SentenceEncoder.from_pretrained("org/toy").config.pooling == "mean"
    hub.behaviour = 503
    assert SentenceEncoder.from_pretrained("org/toy").config.longest == 40
