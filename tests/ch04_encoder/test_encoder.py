"""Chapter 4 against transformers: embeddings, block and encoder, every hidden state and every gradient.

Weights are copied part by part: within embeddings and blocks, both libraries register the same tensors in the
same order.
"""

import random
from dataclasses import asdict, replace
from pathlib import Path
from statistics import NormalDist
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder import encoder
from minidistil.ch04_encoder.encoder import EncoderConfig

TOLERANCE = 1e-5
SMALL = EncoderConfig(
    vocab_size=50, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=16, dropout=0.0, attention_dropout=0.0, initializer_range=0.3,
)  # fmt: skip
CASES = [(architecture, seed) for architecture in ("bert", "distilbert") for seed in range(8)]


def random_config(architecture: str, seed: int) -> EncoderConfig:
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3, 4])
    return EncoderConfig(
        vocab_size=60, hidden_size=heads * draw.choice([2, 5, 8]), num_hidden_layers=draw.randint(1, 5),
        num_attention_heads=heads, intermediate_size=draw.choice([7, 24, 48]), max_position_embeddings=24,
        type_vocab_size=draw.choice([2, 3]) if architecture == "bert" else 0, dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip


def random_batch(config: EncoderConfig, seed: int) -> dict[str, Tensor]:
    """Any length up to the limit; padding on the right, on the left or in between, but never a whole sequence."""
    draw = random.Random(seed)
    batch, length = draw.randint(1, 5), draw.choice([1, 2, 9, 17, 24])
    lengths = torch.tensor([draw.randint(1, length) for _ in range(batch)])[:, None]
    place = torch.arange(length).expand(batch, length)
    visible = draw.choice([place < lengths, place >= length - lengths, torch.rand(batch, length) < 0.6])
    visible[:, draw.randrange(length)] = True
    inputs = {"input_ids": torch.randint(1, config.vocab_size, (batch, length)), "attention_mask": visible.long()}
    if config.type_vocab_size:
        inputs["token_type_ids"] = torch.randint(0, config.type_vocab_size, (batch, length))
    return inputs


def peer(config: EncoderConfig, attention: str = "eager") -> Any:
    """The model of transformers with this configuration, with weights large enough to show mistakes."""
    options: dict[str, Any] = {"attn_implementation": attention, "attention_dropout": config.attention_dropout}
    if config.type_vocab_size:
        options |= asdict(config) | {"hidden_dropout_prob": config.dropout}
        options["attention_probs_dropout_prob"] = config.attention_dropout
        theirs: Any = BertModel(BertConfig(**options), add_pooling_layer=False)
    else:
        options |= {"vocab_size": config.vocab_size, "max_position_embeddings": config.max_position_embeddings}
        options |= {"dim": config.hidden_size, "n_layers": config.num_hidden_layers, "dropout": config.dropout}
        options |= {"n_heads": config.num_attention_heads, "hidden_dim": config.intermediate_size}
        theirs = DistilBertModel(DistilBertConfig(**options))
    scramble(theirs)
    return theirs


def scramble(module: nn.Module) -> None:
    """Change biases of 0 and layer norm weights of 1, with which many mistakes would not show."""
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))


def layers_of(theirs: Any) -> Any:
    return theirs.encoder.layer if hasattr(theirs, "encoder") else theirs.transformer.layer


def same_parameters(ours: Any, theirs: Any) -> list[tuple[nn.Parameter, nn.Parameter]]:
    """The parameters of both encoders, paired, with theirs copied into ours."""
    parts = [(ours.embeddings, theirs.embeddings), *zip(ours.layers, layers_of(theirs), strict=True)]
    pairs = [pair for part in parts for pair in copy_weights(*part)]
    assert len(pairs) == len(list(theirs.parameters()))
    return pairs


def copy_weights(ours: Any, theirs: Any) -> list[tuple[nn.Parameter, nn.Parameter]]:
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    for mine, other in pairs:
        assert mine.shape == other.shape
        mine.data.copy_(other)
    return pairs


def assert_close(ours: Any, theirs: Any, hint: str = "", rtol: float = 0) -> None:
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=rtol, msg=lambda text: f"{hint}: {text}".strip(": "))


# Layer norm and GELU


def test_layer_norm_by_hand(impl: ModuleType) -> None:
    one, zero = torch.ones(4), torch.zeros(4)
    # mean 1 and variance 1; mean 3 and variance 4
    rows = torch.tensor([[2.0, 0.0, 2.0, 0.0], [1.0, 5.0, 1.0, 5.0]])
    assert_close(impl.layer_norm(rows, one, zero, 0.0), torch.tensor([[1.0, -1, 1, -1], [-1, 1, -1, 1]]))
    weight, bias = torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 10, 0, 10])
    assert_close(impl.layer_norm(rows[0], weight, bias, 0.0), torch.tensor([1.0, 8, 3, 6]), "weight, then bias")


@pytest.mark.parametrize("eps", [1e-12, 0.5])
@pytest.mark.parametrize("shape", [(7,), (3, 8), (2, 5, 4), (2, 3, 4, 6)])
def test_layer_norm_is_that_of_torch(impl: ModuleType, shape: tuple[int, ...], eps: float) -> None:
    x, weight, bias = inputs = [torch.randn(shape) * 3 + 1, torch.randn(shape[-1:]), torch.randn(shape[-1:])]
    for each in inputs:
        each.requires_grad_()
    ours, theirs = impl.layer_norm(x, weight, bias, eps), functional.layer_norm(x, shape[-1:], weight, bias, eps)
    assert_close(ours, theirs, "the output")
    upstream = torch.randn(shape)
    mine, others = (torch.autograd.grad(output, inputs, upstream) for output in (ours, theirs))
    assert_close(mine, others, "the gradients", rtol=TOLERANCE)


def test_layer_norm_of_equal_features_is_the_bias(impl: ModuleType) -> None:
    normalized = impl.layer_norm(torch.full((2, 4), 7.0), torch.ones(4), torch.arange(4.0), 1e-12)
    assert_close(normalized[0], torch.arange(4.0))


def test_gelu_is_x_times_the_normal_distribution(impl: ModuleType) -> None:
    xs = [-20.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 20.0]
    expected = torch.tensor([x * NormalDist().cdf(x) for x in xs])
    torch.testing.assert_close(impl.gelu(torch.tensor(xs)), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_gelu_is_that_of_torch(impl: ModuleType, shape: tuple[int, ...]) -> None:
    x = (2 * torch.randn(shape)).requires_grad_()
    ours, theirs = impl.gelu(x), functional.gelu(x)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    assert_close(torch.autograd.grad(ours.sum(), x), torch.autograd.grad(theirs.sum(), x), "the gradient")


# Embeddings


@pytest.mark.parametrize("types", [0, 1, 2])
@pytest.mark.parametrize("length", [1, 5, 16])
def test_embeddings_are_those_of_transformers(impl: ModuleType, types: int, length: int) -> None:
    config = replace(SMALL, type_vocab_size=types)
    theirs, ours = peer(config).embeddings, impl.Embeddings(config)
    copy_weights(ours, theirs)
    input_ids = torch.randint(0, 50, (3, length))
    assert_close(ours(input_ids), theirs(input_ids), "without token types")
    if types:
        token_type_ids = torch.randint(0, types, (3, length))
        assert_close(ours(input_ids, token_type_ids), theirs(input_ids, token_type_ids=token_type_ids), "with types")


def test_dropout_of_the_embeddings_comes_last_and_in_training_only(impl: ModuleType) -> None:
    ours = impl.Embeddings(replace(SMALL, dropout=0.5))
    input_ids = torch.randint(1, 50, (64, 16))
    kept = ours.eval()(input_ids)
    dropped = ours.train()(input_ids)
    zeros = float((dropped == 0).double().mean())
    assert 0.45 < zeros < 0.55, f"dropout 0.5 sets half of the features to 0 in training, not {zeros:.0%}"
    assert_close(dropped[dropped != 0], 2 * kept[dropped != 0], "the other features are doubled")


# Block


def only_states(outputs: Any) -> Tensor:
    """The hidden states that a block of transformers returns, in some versions with attentions."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
@pytest.mark.parametrize("seed", range(3))
def test_a_block_is_that_of_transformers(impl: ModuleType, architecture: str, seed: int) -> None:
    config = random_config(architecture, seed)
    theirs, ours = layers_of(peer(config))[0], impl.Block(config)
    copy_weights(ours, theirs)
    hidden = torch.randn(2, 7, config.hidden_size)
    visible = (torch.arange(7) < torch.tensor([7, 4])[:, None])[:, None, None, :]
    added = torch.zeros(2, 1, 7, 7).masked_fill(~visible, torch.finfo(torch.float32).min)
    official = only_states(theirs(hidden, attention_mask=added))
    output, weights = ours(hidden, visible)
    assert_close(output, official, "with padding")
    assert weights is None, "weights are returned only if asked for"
    output, weights = ours(hidden, visible, True)
    assert_close(output, official, "with padding and weights")
    assert not weights[1, :, :, 4:].any(), "the weight of padding is 0"
    assert_close(ours(hidden)[0], ours(hidden, torch.ones(2, 1, 1, 7, dtype=torch.bool))[0], "without a mask")


ALL = 1 - 1e-7  # a dropout probability that sets everything to 0, so that the result is not random


@pytest.mark.parametrize(("dropout", "attention_dropout"), [(ALL, 0.0), (0.0, ALL), (ALL, ALL)])
@pytest.mark.parametrize(("architecture", "types"), [("BERT", 2), ("DistilBERT", 0)])
def test_dropout_in_a_block_is_where_transformers_has_it(
    impl: ModuleType, architecture: str, types: int, dropout: float, attention_dropout: float
) -> None:
    config = replace(SMALL, type_vocab_size=types, dropout=dropout, attention_dropout=attention_dropout)
    theirs, ours = layers_of(peer(config))[0].train(), impl.Block(config).train()
    copy_weights(ours, theirs)
    hidden = torch.randn(2, 5, 12)
    assert_close(ours(hidden)[0], only_states(theirs(hidden)), f"{architecture} in training")


# Encoder


def loss_of(hidden_states: Any) -> Tensor:
    """A number that depends on every feature of every hidden state."""
    factors = [torch.linspace(-1, 1, each.numel()).reshape(each.shape).sin() for each in hidden_states]
    return torch.stack([(each * factor).mean() for each, factor in zip(hidden_states, factors, strict=True)]).sum()


def assert_states_close(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs), "one hidden state for the embeddings and one for each block"
    for layer, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(one, other, f"hidden state {layer}")


@pytest.mark.parametrize(("architecture", "seed"), CASES)
def test_hidden_states_and_gradients_are_those_of_transformers(impl: ModuleType, architecture: str, seed: int) -> None:
    config = random_config(architecture, seed)
    theirs, ours = peer(config).train(), impl.Encoder(config).train()
    pairs = same_parameters(ours, theirs)
    inputs = random_batch(config, seed)
    mine = ours(**inputs, output_hidden_states=True)
    official = theirs(**inputs, output_hidden_states=True)
    assert_states_close(mine.hidden_states, official.hidden_states)
    assert_close(mine.last_hidden_state, official.last_hidden_state, "the last hidden state")
    loss_of(mine.hidden_states).backward()
    loss_of(official.hidden_states).backward()
    names = [name for part in (ours.embeddings, *ours.layers) for name, _ in part.named_parameters()]
    for name, (parameter, other) in zip(names, pairs, strict=True):
        assert_close(parameter.grad, other.grad, f"gradient of {name}")


@pytest.mark.parametrize("length", [1, 7, 8, 16])
def test_the_feed_forward_network_in_slices_and_without_a_mask_gives_the_same(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = encoder.Encoder(SMALL).eval()
    scramble(ours)
    input_ids = torch.randint(1, 50, (3, length))
    expected = ours(input_ids).last_hidden_state
    monkeypatch.setattr(encoder, "SLICE", 8)
    with torch.no_grad():
        assert_close(ours(input_ids, torch.ones_like(input_ids)).last_hidden_state, expected)
        with torch.autocast("cpu", torch.bfloat16):
            assert (ours(input_ids).last_hidden_state - expected).norm() / expected.norm() < 2**-5


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_the_embedding_of_the_padding_has_gradient_0_as_in_transformers(architecture: str) -> None:
    config = random_config(architecture, 0)
    theirs, ours = peer(config), encoder.Encoder(config)
    pairs = same_parameters(ours, theirs)
    input_ids = torch.tensor([[5, 7, 0, 0]])
    for model in (ours, theirs):
        loss_of(model(input_ids, output_hidden_states=True).hidden_states).backward()
    for mine, other in pairs:
        assert_close(mine.grad, other.grad)
    gradient = ours.embeddings.word.weight.grad
    assert gradient is not None
    assert not gradient[0].any()


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_attentions_are_those_of_transformers(impl: ModuleType, architecture: str) -> None:
    config = random_config(architecture, 1)
    theirs, ours = peer(config).eval(), impl.Encoder(config).eval()
    same_parameters(ours, theirs)
    inputs = random_batch(config, 1)
    output = ours(**inputs, output_attentions=True)
    assert_close(output.attentions, theirs(**inputs, output_attentions=True).attentions)
    states = ours(**inputs, output_hidden_states=True).hidden_states
    assert (type(output.attentions), type(states)) == (tuple, tuple), "both are tuples, as in transformers"
    assert output.hidden_states is None, "hidden states are returned only if asked for"
    assert ours(**inputs).attentions is None, "attentions are returned only if asked for"


def test_padding_changes_nothing(impl: ModuleType) -> None:
    ours = impl.Encoder(SMALL).eval()
    scramble(ours)
    short, padding = torch.randint(1, 50, (2, 6)), torch.randint(1, 50, (2, 4))
    mask = torch.tensor([[1] * 6 + [0] * 4] * 2)
    alone = ours(short).last_hidden_state
    assert_close(ours(torch.cat([short, padding], 1), mask).last_hidden_state[:, :6], alone)


def test_every_layer_has_its_own_weights(impl: ModuleType) -> None:
    ours, theirs = impl.Encoder(SMALL), peer(SMALL)
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert count == sum(parameter.numel() for parameter in theirs.parameters())


def test_a_new_encoder_has_initial_weights_as_transformers_has_them(impl: ModuleType) -> None:
    config = replace(SMALL, hidden_size=60, intermediate_size=90)
    ours = impl.Encoder(config)
    theirs = BertModel(BertConfig(**asdict(config)), add_pooling_layer=False)
    for part, other in [(ours.embeddings, theirs.embeddings), *zip(ours.layers, layers_of(theirs), strict=True)]:
        for (name, mine), official in zip(part.named_parameters(), other.parameters(), strict=True):
            if mine.dim() == 1:
                assert torch.equal(mine, official), f"{name} begins as {official[0]:g}"
            else:
                std = float(mine.detach().std())
                assert std == pytest.approx(config.initializer_range, rel=0.15), f"standard deviation of {name}"
                assert (mine.abs() > 2 * config.initializer_range).any(), f"{name} is normal"
    assert not ours.embeddings.word.weight[config.pad_token_id].any(), "the row of the padding is 0"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((torch.ones(2, dtype=torch.int64),), "input_ids must have shape"),
        ((torch.ones(1, 2),), "input_ids must be integers"),
        ((torch.ones(1, 17, dtype=torch.int64),), "17 tokens long"),
        ((torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 1)), r"attention_mask .* \(2, 3\), got \(2, 1\)"),
        (
            (torch.ones(2, 3, dtype=torch.int64), None, torch.zeros(1, 3, dtype=torch.int64)),
            r"token_type_ids .* \(2, 3\), got \(1, 3\)",
        ),
    ],
)
def test_wrong_input_is_refused(impl: ModuleType, inputs: tuple[Tensor, ...], message: str) -> None:
    model = impl.Encoder(SMALL)
    with pytest.raises(ValueError, match=message):
        model(*inputs)


def test_without_layers_the_output_is_the_embeddings(impl: ModuleType) -> None:
    ours = impl.Encoder(replace(SMALL, num_hidden_layers=0)).eval()
    input_ids = torch.randint(0, 50, (2, 3))
    output = ours(input_ids, output_hidden_states=True)
    assert len(output.hidden_states) == 1
    assert torch.equal(output.last_hidden_state, ours.embeddings(input_ids))


def test_official_weights_give_the_official_hidden_states(
    minilm_folder: Path, tokenizer: WordPiece, impl: ModuleType
) -> None:
    theirs = BertModel.from_pretrained(minilm_folder, add_pooling_layer=False)
    config = EncoderConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
    with torch.device("meta"):
        ours = impl.Encoder(config)
    for mine, other in zip([ours.embeddings, *ours.layers], [theirs.embeddings, *layers_of(theirs)], strict=True):
        tensors = [parameter.detach() for parameter in other.parameters()]
        mine.load_state_dict(dict(zip(mine.state_dict(), tensors, strict=True)), assign=True)
    batch = tokenizer.batch(["A man is eating food.", "A longer sentence; this one sets the length of the batch."])
    with torch.no_grad():
        outputs = [encoder.eval()(**batch, output_hidden_states=True) for encoder in (ours, theirs)]
    assert_states_close(*(output.hidden_states for output in outputs))


@pytest.mark.parametrize(("architecture", "seed"), CASES[::2])
def test_in_bf16_it_is_transformers_in_fp32_within_the_tolerance_of_bf16(architecture: str, seed: int) -> None:
    """bf16 has 8 bits, so relative steps of 2^-8. Gradients are compared by norm."""
    config = random_config(architecture, seed)
    theirs, ours = peer(config, attention="sdpa"), encoder.Encoder(config)
    pairs = same_parameters(ours, theirs)
    inputs = random_batch(config, seed)
    exact = theirs(**inputs, output_hidden_states=True).hidden_states
    with torch.autocast("cpu", torch.bfloat16):
        low = ours(**inputs, output_hidden_states=True).hidden_states
    assert [each.dtype for each in low] == [torch.float32] * len(low)  # the norms stay in fp32
    for one, other in zip(low, exact, strict=True):
        assert (one - other).norm() / other.norm() < 2**-5
    exact_gradients = torch.autograd.grad(loss_of(exact), [other for _, other in pairs])
    low_gradients = torch.autograd.grad(loss_of(low), [mine for mine, _ in pairs])
    errors = [(mine - other).norm() for mine, other in zip(low_gradients, exact_gradients, strict=True)]
    assert torch.stack(errors).norm() / torch.stack([each.norm() for each in exact_gradients]).norm() < 2**-4


# Parameters


@pytest.mark.parametrize(("architecture", "seed"), CASES[::2])
def test_parameters_are_counted_as_transformers_counts_them(impl: ModuleType, architecture: str, seed: int) -> None:
    config = random_config(architecture, seed)
    theirs = peer(config)
    parts = {
        "norm": "layer norms", "word_emb": "word embeddings", "position_emb": "position embeddings",
        "token_type_emb": "token-type embeddings", "attention": "attention", "": "feed-forward",
    }  # fmt: skip
    expected = dict.fromkeys(parts.values(), 0)
    for name, parameter in theirs.named_parameters():
        part = next(part for key, part in parts.items() if key in name.lower())
        expected[part] += parameter.numel()
    assert impl.count_parameters(config) == expected


def test_parameter_counts_are_the_published_ones(impl: ModuleType) -> None:
    bert, distilbert = EncoderConfig(), EncoderConfig(num_hidden_layers=6, type_vocab_size=0)
    head = 768 * 768 + 768 + 2 * 768 + 30522  # of the masked LM: a linear layer, a norm, a bias for each word
    assert sum(impl.count_parameters(bert).values()) + head == 109514298
    assert sum(impl.count_parameters(distilbert).values()) + head == 66985530


# Errors

IDS = torch.tensor([[1, 2]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EncoderConfig(hidden_size=32, num_attention_heads=5), "hidden_size 32 .* num_attention_heads 5"),
        (lambda: EncoderConfig(dropout=1.5), r"^dropout must be in \[0, 1\), got 1\.5"),
        (lambda: EncoderConfig(attention_dropout=-0.1), r"attention_dropout must .* got -0\.1"),
        (lambda: EncoderConfig(hidden_size=32.0), r"hidden_size must be an integer .* got 32\.0"),  # type: ignore[arg-type]
        (lambda: EncoderConfig(pad_token_id=50_000), "pad_token_id must be below vocab_size 30522, got 50000"),
        (lambda: EncoderConfig(layer_norm_eps=float("nan")), "layer_norm_eps must be a number, 0 or larger, got nan"),
        (lambda: EncoderConfig(vocab_size=0), "vocab_size must be an integer from 1 .* got 0"),
        (lambda: EncoderConfig(num_hidden_layers=-1), "num_hidden_layers must be an integer from 0 .* got -1"),
        (lambda: encoder.Encoder(SMALL)(IDS[0]), r"input_ids must have shape \(batch, length\), got \(2,\)"),
        (lambda: encoder.Encoder(SMALL)(torch.ones(1, 2)), r"input_ids must be integers .* got torch\.float32"),
        (lambda: encoder.Encoder(SMALL)(IDS, torch.ones(1, 3)), r"attention_mask .* \(1, 2\), got \(1, 3\)"),
        (lambda: encoder.Encoder(SMALL)(IDS, None, torch.ones(2).long()), r"token_type_ids .* \(1, 2\), got \(2,\)"),
        (lambda: encoder.Encoder(SMALL)(IDS.repeat(1, 9)), "18 tokens long, the model takes 16 at most"),
        (lambda: encoder.Encoder(SMALL)(IDS * 25), "input_ids must be below vocab_size 50 .* from 25 to 50"),
        (lambda: encoder.Encoder(SMALL)(IDS, None, IDS), "token_type_ids below type_vocab_size 2"),
    ],
)
def test_an_error_says_what_is_allowed_and_what_was_given(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


SIZES = '"model_type": "distilbert", "dim": 8, "vocab_size": 9, "n_layers": 1, "n_heads": 1, "hidden_dim": 8'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no configuration of a BERT or DistilBERT model"),
        ('{"model_type": "gpt2"}', "expected JSON with model_type"),
        ('{"model_type": "distilbert", "dim": 8}', "lacks vocab_size, n_layers, n_heads, hidden_dim"),
        (f'{{{SIZES}, "activation": "relu"}}', "activation 'relu': only 'gelu'"),
    ],
)
def test_a_wrong_config_json_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        EncoderConfig.read(tmp_path / "config.json")
