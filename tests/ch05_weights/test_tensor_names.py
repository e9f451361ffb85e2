"""Chapter 5, names: against the tensors of transformers' own models."""

from dataclasses import replace

import pytest
import torch

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import modern_name, our_names, shortened, their_name
from tests.ch05_weights.peers import peer

BERT = EncoderConfig(vocab_size=9, hidden_size=8, num_hidden_layers=11, num_attention_heads=2, intermediate_size=16)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_names_go_both_ways_and_shapes_agree(kind: str) -> None:
    with torch.device("meta"):
        model = MaskedLM(replace(BERT, type_vocab_size=2 if kind == "bert" else 0))
        official = peer(kind, width=8, layers=11, heads=2, vocab_size=9, max_position_embeddings=512)
    ours, theirs = dict(model.named_parameters()), dict(official.named_parameters())
    assert {their_name(name, kind): parameter.shape for name, parameter in ours.items()} == {
        name: parameter.shape for name, parameter in theirs.items()
    }
    back = our_names(model, kind)
    assert back.keys() == theirs.keys()
    assert all(back[their_name(name, kind)] == name for name in ours)
    without = our_names(model, kind, prefix=False)
    assert without.keys() == {name.removeprefix(f"{kind}.") for name in theirs}


def test_old_spellings_and_prefixes() -> None:
    assert modern_name("bert.embeddings.LayerNorm.gamma") == "embeddings.LayerNorm.weight"
    assert modern_name("distilbert.embeddings.LayerNorm.beta") == "embeddings.LayerNorm.bias"
    assert modern_name("cls.predictions.bias") == "cls.predictions.bias"


def test_names_that_differ_in_the_layer_are_one() -> None:
    assert shortened(["a.10.b", "a.2.b", "a.2.c", "d", "a.0.b"]) == "a.{0,2,10}.b, a.2.c, d"
    assert shortened([]) == ""
