"""Parity checks: this package compared with the official libraries, on each device of this machine.

Each comparison says how far the two differ and how far they may differ. Its rung is its number in the project's list of
proofs (the "ladder"). Here are those that another device's arithmetic could break; the others (a trained vocabulary,
masking statistics, losses, metrics, resumed runs) are in the tests alone. The tests use these functions too.

Letters in shapes: B sequences, L tokens, H heads, K width of a head.
"""

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch03_attention import attention
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder
from minidistil.ch08_training.device import best_device
from minidistil.hub.official import locate
from minidistil.parity.peers import (
    ARCHITECTURES,
    FP32,
    Differences,
    compare_masked_lm,
    largest_difference,
    official_tokenizer,
    random_batch,
    random_config,
    same_model_twice,
    without_progress_bars,
    worst,
)

SEEDS = range(4)  # of the random models

TEXTS = (
    "A man is eating food.",
    "Café naïveté: 北京, Ελλάδα, Москва and ﬁne print!?",
    "x = numpy.zeros((3, 4))  # don't [MASK] this",
    "The girl is carrying a baby, said the Queen of unhappinesses.",
)

# The model card of distilbert-base-uncased: the ids of the five best words of fill-mask and their scores.
MODEL_CARD = {
    "Hello I'm a [MASK] model.": {
        2535: 0.05292855575680733, 4827: 0.03968575969338417, 2449: 0.034743521362543106,
        2944: 0.03462274372577667, 11643: 0.018145186826586723,
    },
    "The White man worked as a [MASK].": {
        20987: 0.1235365942120552, 10533: 0.10142576694488525, 7500: 0.04985016956925392,
        18594: 0.03932540491223335, 14998: 0.03351764753460884,
    },
    "The Black woman worked as a [MASK].": {
        13877: 0.13283951580524445, 6821: 0.12586183845996857, 10850: 0.11708822101354599,
        19215: 0.11499975621700287, 22583: 0.04722772538661957,
    },
}  # fmt: skip

HEADER = f"{'rung':>4}  {'device':<6}  {'minidistil / reference':<60}  {'difference':>10}  {'bound':>7}  verdict"


@dataclass(frozen=True)
class Comparison:
    """A result of this package compared with a reference; not made if something that it needs is missing."""

    rung: int
    device: str
    what: str
    difference: float = math.nan
    bound: float = math.nan
    not_here: str = ""  # what is missing and how to get it

    @property
    def fails(self) -> bool:
        """Whether the two differ by more than the bound, or by NaN."""
        return not self.not_here and not self.difference <= self.bound

    def line(self) -> str:
        """A row of the table under HEADER."""
        if self.not_here:
            numbers, verdict = f"{'':>10}  {'':>7}", f"not here: {self.not_here}"
        else:
            numbers = f"{self.difference:>10.1e}  {self.bound:>7.1e}"
            verdict = "DIFFERS" if self.fails else "holds"
        return f"{self.rung:>4}  {self.device:<6}  {self.what:<60}  {numbers}  {verdict}"


def devices() -> list[str]:
    """The CPU, and the kind of device that models run on here."""
    return list(dict.fromkeys(["cpu", best_device().type]))


def ladder(device: str) -> Iterator[Comparison]:
    """Every comparison on a device; those that need something that is not here neither hold nor fail."""
    for (rung, what), compare in _RUNGS.items():
        try:
            with without_progress_bars():
                found = compare(device)
            for each, (difference, bound) in found.items():
                yield Comparison(rung, device, f"{what}: {each}" if each else what, difference, bound)
        except ImportError as error:
            yield Comparison(rung, device, what, not_here=f"pip install {error.name}")
        except FileNotFoundError as error:
            yield Comparison(rung, device, what, not_here=str(error))


def compare_tokenizer(device: str) -> Differences:
    """Ids of texts in several scripts against `tokenizers` with the official tokenizer.json."""
    official, tokenizer = official_tokenizer(), WordPiece.from_pretrained("minilm")
    wrong = sum(tokenizer.encode(text).ids != official.encode(text).ids for text in TEXTS)
    return {"texts with other ids": (wrong, 0)}


def compare_attention(device: str) -> Differences:
    """The plain formula against PyTorch's kernel, with padding: output and gradients."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(3, 4, 37, 16, generator=generator).to(device).requires_grad_() for _ in range(3))
    visible = (torch.arange(37) < torch.tensor([37, 20, 1])[:, None])[:, None, None, :].to(device)  # (B, 1, 1, L)
    outputs = (
        attention.scaled_dot_product_attention(query, key, value, visible)[0],  # (B, H, L, K)
        nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible),
    )
    gradients = [torch.autograd.grad(output.square().mean(), (query, key, value)) for output in outputs]
    return {"output": (largest_difference(*outputs), FP32), "gradients": (largest_difference(*gradients), FP32)}


def compare_random_models(device: str, architecture: str, precision: str) -> Differences:
    """Several random models; of each quantity the difference that is largest relative to its bound, or NaN."""

    def relative(difference: tuple[float, float]) -> float:
        value, bound = difference
        return math.inf if math.isnan(value) else value / bound

    found = [compare_masked_lm(random_config(architecture, seed), seed, device, precision) for seed in SEEDS]
    return {what: max((each[what] for each in found), key=relative) for what in found[0]}


def compare_sentence_embeddings(device: str) -> Differences:
    """Official MiniLM's embeddings against those of sentence-transformers on the same texts."""
    from sentence_transformers import SentenceTransformer

    batch = WordPiece.from_pretrained("minilm").batch(TEXTS)
    encoder = SentenceEncoder.from_pretrained("minilm").to(device)
    with torch.no_grad():
        found = encoder(batch["input_ids"].to(device), batch["attention_mask"].to(device))
    folder = locate("minilm", "config.json").parent
    official = SentenceTransformer(str(folder), device=device).encode(list(TEXTS), show_progress_bar=False)
    return {"": (largest_difference(found, torch.tensor(official)), FP32)}


def compare_model_card(device: str) -> Differences:
    """The 15 scores on the model card of distilbert-base-uncased; a word that is not among our best counts as 0.

    Raises:
        FileNotFoundError: the official weights are not here; the message says how to get them.
    """
    model = MaskedLM.from_pretrained("distilbert-base-uncased").to(device)
    tokenizer = WordPiece.from_pretrained("distilbert-base-uncased")
    differences = []
    for text, published in MODEL_CARD.items():
        scores = {guess["token"]: guess["score"] for guess in fill_mask(text, model, tokenizer)}
        differences += [abs(scores.get(token, 0.0) - score) for token, score in published.items()]
    return {"": (worst(differences), 1e-4)}


def compare_saved_model(device: str) -> Differences:
    """The logits of a model that this package saves and transformers loads; infinite if the keys differ."""
    from transformers import AutoModelForMaskedLM

    differences = []
    for architecture in ARCHITECTURES:
        config = random_config(architecture, 1)
        model = same_model_twice(config, 1, device)[0].eval()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            model.save_pretrained(folder)
            loaded, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
        if any(info[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys")):
            return {"": (math.inf, FP32)}
        inputs = {name: tensor.to(device) for name, tensor in random_batch(config, 1).items()}
        with torch.no_grad():
            differences.append(largest_difference(model(**inputs).logits, loaded.to(device)(**inputs).logits))
    return {"": (worst(differences), FP32)}


_RUNGS: dict[tuple[int, str], Callable[[str], Differences]] = {
    (1, "WordPiece / tokenizers"): compare_tokenizer,
    (4, "attention / torch"): compare_attention,
    **{
        (5, f"{name}, {precision} / transformers"): partial(
            compare_random_models, architecture=architecture, precision=precision
        )
        for precision in ("fp32", "bf16")
        for architecture, name in ARCHITECTURES.items()
    },
    (7, "MiniLM's sentence embeddings / sentence-transformers"): compare_sentence_embeddings,
    (8, "DistilBERT's fill-mask / its model card"): compare_model_card,
    (9, "saved models / transformers reads them"): compare_saved_model,
}
