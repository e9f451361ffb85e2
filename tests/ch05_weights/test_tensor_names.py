"""Chapter 5, names: against the tensors of transformers' own models."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import model_type, modern_name, our_names, shortened, their_name

BERT = EncoderConfig(vocab_size=9, hidden_size=8, num_hidden_layers=11, num_attention_heads=2, intermediate_size=8)
CONFIGS = {"bert": BERT, "distilbert": replace(BERT, type_vocab_size=0)}


def peer(kind: str) -> Any:
    """transformers' masked LM of the same size."""
    with torch.device("meta"):
        if kind == "bert":
            bert = transformers.BertConfig(
                vocab_size=9, hidden_size=8, num_hidden_layers=11, num_attention_heads=2, intermediate_size=8
            )
            return transformers.BertForMaskedLM(bert)
        distilbert = transformers.DistilBertConfig(vocab_size=9, dim=8, n_layers=11, n_heads=2, hidden_dim=8)
        return transformers.DistilBertForMaskedLM(distilbert)


@pytest.mark.parametrize("kind", CONFIGS)
def test_names_go_both_ways_and_shapes_agree(kind: str) -> None:
    with torch.device("meta"):
        model = MaskedLM(CONFIGS[kind])
    ours, theirs = dict(model.named_parameters()), dict(peer(kind).named_parameters())
    assert {their_name(name, kind): parameter.shape for name, parameter in ours.items()} == {
        name: parameter.shape for name, parameter in theirs.items()
    }
    back = our_names(model, kind)
    assert back.keys() == theirs.keys()
    assert all(back[their_name(name, kind)] == name for name in ours)
    without = our_names(model, kind, prefix=False)
    assert without.keys() == {name.removeprefix(f"{kind}.") for name in theirs}


def test_from_bert_to_distilbert() -> None:
    with torch.device("meta"):
        ours = our_names(MaskedLM(BERT), "bert")
    for bert, distilbert in (
        ("bert.encoder.layer.10.attention.output.LayerNorm.bias", "distilbert.transformer.layer.10.sa_layer_norm.bias"),
        ("bert.embeddings.word_embeddings.weight", "distilbert.embeddings.word_embeddings.weight"),
        ("cls.predictions.bias", "vocab_projector.bias"),
    ):
        assert their_name(ours[bert], "distilbert") == distilbert


def test_the_two_kinds() -> None:
    assert {kind: model_type(config) for kind, config in CONFIGS.items()} == {kind: kind for kind in CONFIGS}


def test_old_spellings_and_prefixes() -> None:
    assert modern_name("bert.embeddings.LayerNorm.gamma") == "embeddings.LayerNorm.weight"
    assert modern_name("distilbert.embeddings.LayerNorm.beta") == "embeddings.LayerNorm.bias"
    assert modern_name("cls.predictions.bias") == "cls.predictions.bias"


def test_names_that_differ_in_the_layer_are_one() -> None:
    names = ["a.10.b", "a.2.b", "a.2.c", "d", "a.0.b"]
    assert shortened(names) == "a.{0,2,10}.b, a.2.c, d"
    assert shortened([]) == ""
