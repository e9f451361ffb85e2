"""Chapter 5 against transformers: every hidden state, logit, loss and gradient of a model with its head."""

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from torch.nn import functional

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, embed
from minidistil.ch05_weights.tensor_names import model_type, their_name

Peer = transformers.PreTrainedModel
TOLERANCE = 1e-5


def peer(kind: str, layers: int, width: int, heads: int) -> Peer:
    """A randomly initialised masked LM of transformers, with weights large enough that mistakes show."""
    if kind == "bert":
        return transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=200, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
                intermediate_size=3 * width, max_position_embeddings=40, initializer_range=0.1,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            )
        )  # fmt: skip
    return transformers.DistilBertForMaskedLM(
        transformers.DistilBertConfig(
            vocab_size=200, dim=width, n_layers=layers, n_heads=heads, hidden_dim=3 * width,
            max_position_embeddings=40, initializer_range=0.1, dropout=0.0, attention_dropout=0.0,
        )
    )  # fmt: skip


def perturb(model: torch.nn.Module) -> None:
    """Biases and norms start at 0 and 1, where many mistakes do not show."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


@pytest.fixture(
    params=[("bert", 3, 32, 4), ("bert", 1, 24, 3), ("distilbert", 2, 32, 4), ("distilbert", 4, 16, 2)],
    ids=lambda parameter: "-".join(map(str, parameter)),
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[MaskedLM, Peer]:
    """The same weights in both libraries, handed over by transformers' own save_pretrained."""
    theirs = peer(*request.param)
    perturb(theirs)
    theirs.save_pretrained(tmp_path)
    return MaskedLM.from_pretrained(tmp_path), theirs


def padded_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    input_ids = torch.randint(1, 200, (4, 21))
    attention_mask = (torch.arange(21) < torch.tensor([21, 13, 2, 1])[:, None]).long()
    labels = torch.where(torch.rand(4, 21) < 0.3, input_ids, -100) * attention_mask - 100 * (1 - attention_mask)
    labels[0, 3] = input_ids[0, 3]
    return input_ids * attention_mask, attention_mask, labels


def test_everything_forward_is_official(pair: tuple[MaskedLM, Peer]) -> None:
    ours, theirs = pair
    theirs.eval().set_attn_implementation("eager")
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


def test_every_gradient_is_official(pair: tuple[MaskedLM, Peer]) -> None:
    ours, theirs = pair
    input_ids, attention_mask, labels = padded_batch()
    ours.train()(input_ids, attention_mask, labels=labels).loss.backward()
    theirs.train()(input_ids=input_ids, attention_mask=attention_mask, labels=labels).loss.backward()
    official = dict(theirs.named_parameters())
    compared = set()
    for name, parameter in ours.named_parameters():
        other = official[their_name(name, model_type(ours.config))]
        assert parameter.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(
            parameter.grad, other.grad, atol=TOLERANCE, rtol=0, msg=functools.partial("{}: {}".format, name)
        )
        compared.add(other)
    assert compared == set(official.values())


def test_token_types_are_official(tmp_path: Path) -> None:
    theirs = peer("bert", 2, 32, 4).eval()
    theirs.save_pretrained(tmp_path)
    input_ids, attention_mask, _ = padded_batch()
    token_type_ids = torch.randint(0, 2, input_ids.shape)
    mine = MaskedLM.from_pretrained(tmp_path)(input_ids, attention_mask, token_type_ids).logits
    official = theirs(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits
    torch.testing.assert_close(mine, official, atol=TOLERANCE, rtol=0)


def test_sentence_embeddings_are_those_of_sentence_transformers(tokenizer: WordPiece, minilm_folder: Path) -> None:
    texts = [
        "A man is eating food.",
        "A man eats a piece of bread.",
        "x",
        "The girl is carrying a baby, said the Queen.",
    ]
    batch = tokenizer.batch(texts)
    with torch.no_grad():
        mine = SentenceEncoder.from_pretrained("minilm")(batch["input_ids"], batch["attention_mask"])
    official = torch.tensor(
        SentenceTransformer(str(minilm_folder), device="cpu").encode(texts, show_progress_bar=False)
    )
    torch.testing.assert_close(mine, official, atol=TOLERANCE, rtol=0)


def test_embed_is_the_same_in_batches_of_any_size(tokenizer: WordPiece) -> None:
    model = SentenceEncoder.from_pretrained("minilm")
    texts = ["one", "two words", "and three of them", "x " * 40, "last"]
    together = embed(texts, model, tokenizer)
    assert together.shape == (5, 384)
    for size in (1, 2):
        torch.testing.assert_close(embed(texts, model, tokenizer, size), together, atol=TOLERANCE, rtol=0)
    with pytest.raises(TypeError, match="got one string"):
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
    theirs = peer(kind, 1, 24, 3).eval()
    perturb(theirs)
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
