"""One model in two libraries: transformers makes it, this package reads it, and both do the same work.

Letters in shapes: B sequences, L tokens.
"""

import contextlib
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

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FP32 = 1e-5  # largest absolute difference in fp32
ARCHITECTURES = {"bert": "BERT", "distilbert": "DistilBERT"}

Differences = dict[str, tuple[float, float]]  # what: the largest difference and the bound


def largest_difference(ours: Any, theirs: Any) -> float:
    """The largest absolute difference of two tensors or sequences of tensors; infinite if shapes differ."""
    if not isinstance(ours, Tensor):
        return worst([largest_difference(*pair) for pair in zip(ours, theirs, strict=True)])
    if ours.shape != theirs.shape:
        return math.inf
    return float((ours.detach().cpu().double() - theirs.detach().cpu().double()).abs().max())  # not all have float64


def worst(differences: Sequence[float]) -> float:
    """The largest of them, 0 of none; NaN where one is NaN, which `max` would lose."""
    return math.nan if any(map(math.isnan, differences)) else max(differences, default=0.0)


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep transformers, where it is installed, from drawing a bar for every small file."""
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


def random_config(architecture: str, seed: int) -> EncoderConfig:
    """A small model of random depth, width and heads; its weights are large enough that mistakes show."""
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
    """Input and labels (B, L), any length; padding on the right, on the left or in holes, never a whole sequence."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    batch, length = draw.randint(1, 6), draw.choice([1, 2, 15, 32, 64])
    place = torch.arange(length).expand(batch, length)
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    holes = torch.rand(batch, length, generator=generator) < 0.6
    visible = draw.choice([place < lengths, place >= length - lengths, holes]).clone()
    visible[:, draw.randrange(length)] = True
    ids = torch.randint(1, config.vocab_size, (batch, length), generator=generator)
    guessed = visible & (torch.rand(batch, length, generator=generator) < 0.3)
    guessed[0, int(visible[0].nonzero()[0])] = True
    inputs = {
        "input_ids": torch.where(visible, ids, config.pad_token_id),
        "attention_mask": visible.long(),
        "labels": torch.where(guessed, ids.flip(1), -100),
    }
    if config.type_vocab_size:
        inputs["token_type_ids"] = torch.randint(0, config.type_vocab_size, (batch, length), generator=generator)
    return inputs


def same_model_twice(config: EncoderConfig, seed: int, device: str) -> "tuple[MaskedLM, PreTrainedModel]":
    """A masked LM with random weights in transformers, and what ours reads from the folder that it writes."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    entries: dict[str, Any] = config.to_hugging_face("ForMaskedLM")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**entries), attn_implementation="eager")
        with torch.no_grad():
            for parameter in theirs.parameters():  # biases of 0 and norms of 1 would hide many mistakes
                parameter.add_(0.05 * torch.randn_like(parameter))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a model still maps its file
        theirs.save_pretrained(folder)
        ours = MaskedLM.from_pretrained(folder)
    return ours.to(device).train(), theirs.to(device).train()


def compare_masked_lm(config: EncoderConfig, seed: int, device: str, precision: str = "fp32") -> Differences:
    """Every hidden state, the logits, the loss and every gradient against transformers' in fp32.

    In fp32 the largest absolute difference counts; in bf16, ours under autocast, the difference's norm relative
    to that of the exact values.
    """
    ours, theirs = same_model_twice(config, seed, device)
    inputs = {name: tensor.to(device) for name, tensor in random_batch(config, seed).items()}
    with autocast(torch.device(device), precision):
        mine = ours(**inputs, output_hidden_states=True)
    official = theirs(**inputs, output_hidden_states=True)
    mine.loss.backward()
    official.loss.backward()
    names = our_names(ours, model_type(config))
    if absent := names.keys() ^ dict(theirs.named_parameters()).keys():
        raise ValueError(f"Only one of the two models has {', '.join(absent)}.")
    gradients = [
        (ours.get_parameter(names[name]).grad, parameter.grad) for name, parameter in theirs.named_parameters()
    ]
    pairs = {
        "hidden states": list(zip(mine.hidden_states, official.hidden_states, strict=True)),
        "logits": [(mine.logits, official.logits)],
        "loss": [(mine.loss, official.loss)],
        "gradients": gradients,
    }
    if precision == "fp32":
        return {what: (largest_difference(*zip(*each, strict=True)), FP32) for what, each in pairs.items()}
    return {
        what: (_relative(each), bf16_bound(config.num_hidden_layers, what == "gradients"))
        for what, each in pairs.items()
    }


def bf16_bound(num_hidden_layers: int, backward: bool = False) -> float:
    """How far bf16 may be from fp32, relative to the norm.

    A bf16 number has 8 bits, so rounding moves it by at most 2^-8 of itself. A matrix product rounds both its
    factors and its result: three roundings, each of 2^-8 / sqrt(3) in the mean square if errors are evenly
    spread, together 2^-8. Errors of products in a row are independent and add up in squares: six products a
    block (projections, scores, context, output and the two of the feed-forward part) and two in the head. Gradients
    come from the way there and the way back, where each product has two: three times as many.
    """
    products = 6 * num_hidden_layers + 2
    return 2**-8 * math.sqrt(3 * products if backward else products)


def _relative(pairs: list[tuple[Any, Any]]) -> float:
    error = math.hypot(*(float((mine.detach().float() - other.detach()).norm()) for mine, other in pairs))
    return error / math.hypot(*(float(other.detach().norm()) for _, other in pairs))
