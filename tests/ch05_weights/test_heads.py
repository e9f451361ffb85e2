"""Chapter 5, heads: every hidden state, logit, loss and gradient of a masked LM against transformers."""

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch.nn import functional

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, embed
from minidistil.ch05_weights.tensor_names import model_type, their_name
from tests.ch05_weights.peers import peer, perturb

TOLERANCE = 1e-5


@pytest.fixture(
    params=[("bert", 32, 3, 4), ("bert", 24, 1, 3), ("distilbert", 32, 2, 4), ("distilbert", 16, 4, 2)],
    ids=lambda parameter: "-".join(map(str, parameter)),
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[MaskedLM, Any]:
    """The same weights in both libraries, saved by transformers' own save_pretrained."""
    kind, width, layers, heads = request.param
    theirs = peer(kind, width=width, layers=layers, heads=heads)
    theirs.save_pretrained(tmp_path)
    return MaskedLM.from_pretrained(tmp_path), theirs


def padded_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    input_ids = torch.randint(1, 200, (4, 21))
    attention_mask = (torch.arange(21) < torch.tensor([21, 13, 2, 1])[:, None]).long()
    labels = torch.where(torch.rand(4, 21) < 0.3, input_ids, -100) * attention_mask - 100 * (1 - attention_mask)
    labels[0, 3] = input_ids[0, 3]
    return input_ids * attention_mask, attention_mask, labels


def test_everything_forward_is_official(pair: tuple[MaskedLM, Any]) -> None:
    ours, theirs = pair
    theirs.set_attn_implementation("eager")
    input_ids, attention_mask, labels = padded_batch()
    options = {"output_hidden_states": True, "output_attentions": True, "labels": labels}
    mine = ours(input_ids, attention_mask, **options)
    official = theirs(input_ids=input_ids, attention_mask=attention_mask, **options)
    assert len(mine.hidden_states) == len(official.hidden_states) == ours.config.num_hidden_layers + 1
    for name in ("hidden_states", "attentions"):
        for one, other in zip(getattr(mine, name), getattr(official, name), strict=True):
            torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(mine.logits, official.logits, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(mine.loss, official.loss, atol=TOLERANCE, rtol=0)
    fused = ours(input_ids, attention_mask).logits
    torch.testing.assert_close(fused, official.logits, atol=TOLERANCE, rtol=0)


def test_every_gradient_is_official(pair: tuple[MaskedLM, Any]) -> None:
    ours, theirs = pair
    input_ids, attention_mask, labels = padded_batch()
    ours.train()(input_ids, attention_mask, labels=labels).loss.backward()
    theirs.train()(input_ids=input_ids, attention_mask=attention_mask, labels=labels).loss.backward()
    official = dict(theirs.named_parameters())
    mine = {their_name(name, model_type(ours.config)): parameter.grad for name, parameter in ours.named_parameters()}
    assert mine.keys() == official.keys()
    for name, gradient in mine.items():
        say = functools.partial("{}: {}".format, name)
        torch.testing.assert_close(gradient, official[name].grad, atol=TOLERANCE, rtol=0, msg=say)


def test_token_types_are_official(tmp_path: Path) -> None:
    theirs = peer("bert")
    theirs.save_pretrained(tmp_path)
    input_ids, attention_mask, _ = padded_batch()
    token_type_ids = torch.randint(0, 2, input_ids.shape)
    mine = MaskedLM.from_pretrained(tmp_path)(input_ids, attention_mask, token_type_ids).logits
    official = theirs(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits
    torch.testing.assert_close(mine, official, atol=TOLERANCE, rtol=0)


def test_sentence_embeddings_are_those_of_sentence_transformers(tokenizer: WordPiece, minilm_folder: Path) -> None:
    texts = ["A man is eating food.", "A man eats a piece of bread.", "x", "The girl is carrying a baby, said she."]
    batch = tokenizer.batch(texts)
    with torch.no_grad():
        mine = SentenceEncoder.from_pretrained("minilm")(batch["input_ids"], batch["attention_mask"])
    reference = SentenceTransformer(str(minilm_folder), device="cpu")
    official = torch.tensor(reference.encode(texts, show_progress_bar=False))
    torch.testing.assert_close(mine, official, atol=TOLERANCE, rtol=0)


def test_embed_is_the_same_in_batches_of_any_size(tokenizer: WordPiece) -> None:
    model = SentenceEncoder.from_pretrained("minilm")
    texts = ["one", "two words", "and three of them", "x " * 40, "last"]
    together = embed(texts, model, tokenizer)
    assert together.shape == (5, 384)
    for size in (1, 2):
        torch.testing.assert_close(embed(texts, model, tokenizer, size), together, atol=TOLERANCE, rtol=0)
    with pytest.raises(TypeError, match="several texts, got str"):
        embed("one", model, tokenizer)
    with pytest.raises(ValueError, match="at least one text"):
        embed([], model, tokenizer)


# The parts that are exercises, alone


def head_and_hidden(impl: ModuleType) -> tuple[Any, torch.Tensor]:
    config = EncoderConfig(vocab_size=20, hidden_size=6, num_attention_heads=2)
    head = impl.MaskedLMHead(config, torch.nn.Embedding(20, 6))
    perturb(head)
    return head, torch.randn(2, 5, 6)


def test_the_masked_lm_head_by_its_formula(impl: ModuleType) -> None:
    head, hidden = head_and_hidden(impl)
    normed = functional.layer_norm(
        functional.gelu(hidden @ head.transform.weight.T + head.transform.bias),
        (6,), head.norm.weight, head.norm.bias, 1e-12,
    )  # fmt: skip
    expected = normed @ head.word.weight.T + head.bias
    torch.testing.assert_close(head(hidden), expected, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(head(hidden[0, 3]), expected[0, 3], atol=TOLERANCE, rtol=0)


def test_the_decoder_is_tied_to_the_word_embeddings(impl: ModuleType) -> None:
    word = torch.nn.Embedding(20, 6)
    head = impl.MaskedLMHead(EncoderConfig(vocab_size=20, hidden_size=6, num_attention_heads=2), word)
    own = sum(parameter.numel() for name, parameter in head.named_parameters() if parameter is not word.weight)
    assert own == 6 * 6 + 6 + 2 * 6 + 20, f"without the word embeddings the head has 74 parameters, not {own}"
    hidden = torch.randn(3, 6)
    before = head(hidden)
    with torch.no_grad():
        word.weight[7] *= 3
    changed = (head(hidden) != before).any(0)
    assert changed.nonzero().flatten().tolist() == [7], "a word's embedding changed, so its score has to, and no other"
    head(hidden).sum().backward()
    assert word.weight.grad is not None, "the gradient of the scores has to reach the word embeddings"


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_the_masked_lm_head_is_official(impl: ModuleType, kind: str, tmp_path: Path) -> None:
    theirs = peer(kind, layers=1)
    theirs.save_pretrained(tmp_path)
    ours = impl.MaskedLM.from_pretrained(tmp_path)
    input_ids, attention_mask, _ = padded_batch()
    official = theirs(input_ids=input_ids, attention_mask=attention_mask).logits
    torch.testing.assert_close(ours(input_ids, attention_mask).logits, official, atol=TOLERANCE, rtol=0)


def test_mean_pooling_by_hand(impl: ModuleType) -> None:
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [80.0, 90.0]], [[5.0, 5.0], [7.0, 1.0], [9.0, 0.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    pooled = impl.mean_pooling(hidden, mask)
    assert pooled.shape == (2, 2), f"one vector a text is expected, (2, 2), not {tuple(pooled.shape)}"
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 4.0], [7.0, 2.0]]))
    torch.testing.assert_close(impl.mean_pooling(hidden)[0], torch.tensor([28.0, 98.0 / 3]), msg="without a mask")


def test_mean_pooling_reads_the_mask_wherever_the_padding_is(impl: ModuleType) -> None:
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [80.0, 90.0]]] * 2)
    pooled = impl.mean_pooling(hidden, torch.tensor([[0, 1, 1], [1, 0, 1]]))
    torch.testing.assert_close(pooled, torch.tensor([[41.5, 48.0], [40.5, 46.0]]))


def test_mean_pooling_does_not_see_padding(impl: ModuleType) -> None:
    hidden = torch.randn(3, 4, 8, requires_grad=True)
    padded = torch.cat([hidden, torch.full((3, 5, 8), 100.0)], 1)
    mask = torch.tensor([[1] * 4 + [0] * 5] * 3)
    torch.testing.assert_close(impl.mean_pooling(padded, mask), hidden.mean(1))
    torch.testing.assert_close(impl.mean_pooling(padded, mask.bool()), hidden.mean(1), msg="with a mask of bools")
    (gradient,) = torch.autograd.grad(impl.mean_pooling(padded, mask).sum(), hidden)
    torch.testing.assert_close(gradient, torch.full_like(gradient, 0.25))


def test_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        bert = MaskedLM(EncoderConfig())
        distilbert = MaskedLM(EncoderConfig(num_hidden_layers=6, type_vocab_size=0))
    assert sum(parameter.numel() for parameter in bert.parameters()) == 109514298
    assert sum(parameter.numel() for parameter in distilbert.parameters()) == 66985530
