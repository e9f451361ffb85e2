"""One model in two libraries: transformers creates it, this package loads it, and both compute the same.

Letters in shapes: B sequences, L tokens.
"""

import contextlib
import importlib.util
import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import model_type, our_names
from minidistil.ch08_training.device import autocast
from minidistil.hub.official import locate

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

FP32 = 1e-5  # largest absolute difference in fp32
ARCHITECTURES = {"bert": "BERT", "distilbert": "DistilBERT"}

Differences = dict[str, tuple[float, float]]  # what: the largest difference and the bound


def largest_difference(one: Any, other: Any) -> float:
    """The largest absolute difference of two tensors or sequences of tensors; infinite if shapes differ."""
    if not isinstance(one, Tensor):
        return worst([largest_difference(*pair) for pair in zip(one, other, strict=True)])
    if one.shape != other.shape:
        return math.inf
    return float((one.detach().cpu().double() - other.detach().cpu().double()).abs().max())  # MPS has no float64


def worst(differences: Sequence[float]) -> float:
    """The largest of them, 0 if there are none; NaN if one is NaN, which `max` could miss."""
    return math.nan if any(map(math.isnan, differences)) else max(differences, default=0.0)


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep transformers, if it is installed, from drawing a progress bar for every small file."""
    try:
        from transformers.utils import logging
    except ImportError:
        yield
        return
    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()


def require(package: str) -> None:
    """Raise a ValueError unless this package is installed."""
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"There is nothing to compare with: pip install {package}.")


def official_tokenizer() -> "Tokenizer":
    """The official tokenizer.json of MiniLM in `tokenizers`, without truncation and padding."""
    from tokenizers import Tokenizer

    official = Tokenizer.from_file(str(locate("minilm", "tokenizer.json")))
    official.no_truncation()
    official.no_padding()
    return official


def random_config(architecture: str, seed: int) -> EncoderConfig:
    """A small model of random depth, width and heads; its weights are large enough for mistakes to show."""
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3, 4, 6])
    return EncoderConfig(
        vocab_size=draw.randint(50, 300),
        hidden_size=heads * draw.choice([4, 7, 8, 16]),
        num_hidden_layers=draw.randint(1, 6),
        num_attention_heads=heads,
        intermediate_size=draw.choice([11, 48, 96]),
        max_position_embeddings=64,
        type_vocab_size=2 if architecture == "bert" else 0,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.1,
    )


def random_batch(config: EncoderConfig, seed: int) -> dict[str, Tensor]:
    """Inputs and labels (B, L) of any length; padding on the right, on the left or anywhere, but not everywhere."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    batch, length = draw.randint(1, 6), draw.choice([1, 2, 15, 32, 64])
    place = torch.arange(length).expand(batch, length)
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    anywhere = torch.rand(batch, length, generator=generator) < 0.6
    visible = draw.choice([place < lengths, place >= length - lengths, anywhere]).clone()
    visible[:, draw.randrange(length)] = True
    ids = torch.randint(1, config.vocab_size, (batch, length), generator=generator)
    labelled = visible & (torch.rand(batch, length, generator=generator) < 0.3)
    labelled[0, int(visible[0].nonzero()[0])] = True
    inputs = {
        "input_ids": torch.where(visible, ids, config.pad_token_id),
        "attention_mask": visible.long(),
        "labels": torch.where(labelled, ids.flip(1), -100),
    }
    if config.type_vocab_size:
        inputs["token_type_ids"] = torch.randint(0, config.type_vocab_size, (batch, length), generator=generator)
    return inputs


def same_model_twice(config: EncoderConfig, seed: int, device: str) -> "tuple[MaskedLM, PreTrainedModel]":
    """A masked LM with random weights that transformers saved and this package loaded, and transformers' own."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    entries: dict[str, Any] = config.to_hugging_face("ForMaskedLM")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reference = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**entries), attn_implementation="eager")
        with torch.no_grad():
            for parameter in reference.parameters():  # biases of 0 and norms of 1 would hide many mistakes
                parameter.add_(0.05 * torch.randn_like(parameter))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the model still maps its file
        reference.save_pretrained(folder)
        model = MaskedLM.from_pretrained(folder)
    return model.to(device).train(), reference.to(device).train()


def compare_masked_lm(config: EncoderConfig, seed: int, device: str, precision: str = "fp32") -> Differences:
    """Every hidden state, the logits, the loss and every gradient, compared with transformers' in fp32.

    In fp32 by the largest absolute difference; in bf16 (this package under autocast) by the norm of the difference
    relative to the norm of the exact values.
    """
    model, reference = same_model_twice(config, seed, device)
    inputs = {name: tensor.to(device) for name, tensor in random_batch(config, seed).items()}
    with autocast(torch.device(device), precision):
        output = model(**inputs, output_hidden_states=True)
    expected = reference(**inputs, output_hidden_states=True)
    output.loss.backward()
    expected.loss.backward()
    names, parameters = our_names(model, model_type(config)), dict(reference.named_parameters())
    if absent := names.keys() ^ parameters.keys():
        raise ValueError(f"Only one of the two models has {', '.join(absent)}.")
    pairs = {
        "hidden states": list(zip(output.hidden_states, expected.hidden_states, strict=True)),
        "logits": [(output.logits, expected.logits)],
        "loss": [(output.loss, expected.loss)],
        "gradients": [(model.get_parameter(names[name]).grad, each.grad) for name, each in parameters.items()],
    }
    if precision == "fp32":
        return {what: (largest_difference(*zip(*each, strict=True)), FP32) for what, each in pairs.items()}
    return {
        what: (_relative(each), bf16_bound(config.num_hidden_layers, what == "gradients"))
        for what, each in pairs.items()
    }


def bf16_bound(num_hidden_layers: int, backward: bool = False) -> float:
    """How far bf16 may be from fp32, relative to the norm.

    A bf16 number has 8 bits, so rounding changes it by at most 2^-8 of its value. A matrix product rounds both its
    factors and its result: three roundings, each of 2^-8 / sqrt(3) in the mean square if errors are spread evenly,
    together 2^-8. Errors of successive products are independent, so their squares add up: six products a block
    (projections, scores, context, output and the two of the feed-forward part) and two in the head. Gradients come from
    the forward and the backward pass, where each product has two: three times as many.
    """
    products = 6 * num_hidden_layers + 2
    return 2**-8 * math.sqrt(3 * products if backward else products)


def _relative(pairs: list[tuple[Any, Any]]) -> float:
    error = math.hypot(*(float((one.detach().float() - other.detach()).norm()) for one, other in pairs))
    return error / math.hypot(*(float(other.detach().norm()) for _, other in pairs))
