"""One model in several number formats and runtimes: size, time and accuracy; and the paper's claim, measured again.

All take turns in one process, so that other load on the machine affects all of them; a ratio is the median of the
rounds' own ratios. transformers gets the very same tensors.

Letters in shapes: B sequences, L tokens, N masked tokens, C classes or words, V vocabulary.
"""

import contextlib
import copy
import importlib.util
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.bench.inference import DISTILBERT, Rounds, in_turns, ratio
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking import corpus
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch09_evaluation.held_out import masked_text
from minidistil.ch09_evaluation.speed import parameters
from minidistil.ch11_smaller_faster.export import OnnxModel, export_onnx, round_onnx
from minidistil.ch11_smaller_faster.int8 import save_int8, to_int8
from minidistil.parity.peers import without_progress_bars

AnyHead = MaskedLM | SequenceClassifier
Logits = Callable[..., Tensor]  # input_ids, attention_mask and token_type_ids (B, L) to logits
Backend = Callable[[AnyHead, Path], tuple[Logits, int]]  # given a folder for files; also the bytes of the weights

SECONDS = 8.0  # for one shape, shared by all backends
SHAPES = ((1, 64), (32, 64))
DOCUMENTS = 100  # of the test split, for the accuracy
BERT = EncoderConfig()
STSB_LENGTHS = (16, 18, 20, 22, 25, 30, 35, 41, 46, 60)  # tokens of a pair in STS-B's dev set: 5 %, 15 % … 95 %
PAPER = {"BERT-base": 668, "DistilBERT": 410}  # seconds for STS-B's dev set: Sanh et al. (2019), table 3


def fp32(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """The model as it is."""
    return lambda **inputs: model(**inputs).logits, 4 * parameters(model)


def bf16(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """All weights and all arithmetic in bf16."""
    rounded = copy.deepcopy(model).bfloat16()
    return lambda **inputs: rounded(**inputs).logits.float(), 2 * parameters(model)


def int8(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """This package's dynamic int8."""
    rounded = to_int8(model)
    return lambda **inputs: rounded(**inputs).logits, save_int8(rounded, folder).stat().st_size


def onnx(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """An exported graph in onnxruntime, fp32."""
    path, _ = export_onnx(model, folder)
    return OnnxModel(path), path.stat().st_size


def onnx_int8(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """An exported graph, rounded by onnxruntime's dynamic quantisation."""
    path = round_onnx(export_onnx(model, folder)[0])
    return OnnxModel(path), path.stat().st_size


def transformers(model: AnyHead, folder: Path) -> tuple[Logits, int]:
    """transformers' model of the same architecture with the same weights, fp32."""
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

    model.save_pretrained(folder)
    kind = AutoModelForMaskedLM if isinstance(model, MaskedLM) else AutoModelForSequenceClassification
    with without_progress_bars():
        reference: Any = kind.from_pretrained(folder)
    return lambda **inputs: reference(**inputs).logits, (folder / "model.safetensors").stat().st_size


BACKENDS: dict[str, Backend] = {"fp32": fp32, "bf16": bf16, "int8": int8, "onnx": onnx, "onnx-int8": onnx_int8}
PEER: dict[str, Backend] = {"transformers": transformers}
EXACT = ("onnx", "transformers")  # these must give fp32's logits; the others may be off by NOISE of their norm
NOISE = 0.15


def table(names: Sequence[str]) -> Iterator[str]:
    """Three tables: size and speed, accuracy, and the paper's claim.

    Raises:
        ValueError: an unknown backend, or none.
        RuntimeError: a backend's logits are not those of the model.
    """
    if unknown := [name for name in names if name not in BACKENDS] or not names:
        raise ValueError(f"There is no backend {unknown}: expected some of {', '.join(BACKENDS)}.")
    kinds = {name: BACKENDS[name] for name in names}
    peer = PEER if importlib.util.find_spec("transformers") else {}
    yield f"On the CPU, threads: {torch.get_num_threads()}. Ratios above 1: better than the first line of a table."
    torch.manual_seed(0)
    with torch.no_grad():
        yield from speed_table(SequenceClassifier(ClassifierConfig(**vars(DISTILBERT))).eval(), peer | kinds)
        yield from accuracy_table(kinds)
        yield from paper_table(kinds)


@contextlib.contextmanager
def _ready(model: AnyHead, kinds: Mapping[str, Backend]) -> Iterator[dict[str, tuple[Logits, int]]]:
    """The model in each backend; their files are deleted at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield {name: make(model, Path(folder, name)) for name, make in kinds.items()}


def speed_table(
    model: AnyHead,
    kinds: Mapping[str, Backend],
    shapes: Sequence[tuple[int, int]] = SHAPES,
    seconds: float = SECONDS,
) -> Iterator[str]:
    """A line for each backend: MiB of weights, milliseconds for each shape, ratios to the first backend."""
    with _ready(model, kinds) as made:
        ways = {name: run for name, (run, _) in made.items()}
        rounds = [_time(model, ways, shape, seconds) for shape in shapes]
    first = next(iter(made))
    yield ""
    heads = "".join(f"{f'{batch} x {length} tokens':>18}{'ratio':>7}" for batch, length in shapes)
    yield f"{'a classifier of texts':<24}{'weights':>12}{'ratio':>7}{heads}"
    for name, (_, size) in made.items():
        times = "".join(
            f"{1000 * statistics.median(each[name]):>15.1f} ms{ratio(each, first, name):>7.2f}" for each in rounds
        )
        yield f"{name:<24}{size / 2**20:>8.1f} MiB{made[first][1] / size:>7.2f}{times}"


def _time(model: AnyHead, ways: Mapping[str, Logits], shape: tuple[int, int], seconds: float) -> Rounds:
    ids = torch.randint(1, model.config.vocab_size, shape)  # (B, L)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if model.config.type_vocab_size:
        inputs["token_type_ids"] = torch.zeros_like(ids)
    expected = model(**inputs).logits
    for name, run in ways.items():
        off = (run(**inputs) - expected).norm() / expected.norm()
        if not off < (1e-4 if name in EXACT else NOISE):
            raise RuntimeError(f"The logits of {name} are off by {off:.1%}: a comparison of speed means nothing.")
    return in_turns({name: partial(run, **inputs) for name, run in ways.items()}, seconds)


def accuracy_table(kinds: Mapping[str, Backend], name: str = "minilm", documents: int = DOCUMENTS) -> Iterator[str]:
    """A line for each backend: masked accuracy and perplexity on held-out docs, agreement with fp32."""
    teacher, tokenizer = MaskedLM.from_pretrained(name), WordPiece.from_pretrained(name)
    text = masked_text(corpus.sequences(corpus.docs().test[:documents], tokenizer), tokenizer, batch_size=8)
    right = torch.cat([labels[labels != IGNORE] for _, _, labels in text.batches])
    expected = guesses(lambda **inputs: teacher(**inputs).logits, text.batches)[0]
    yield ""
    yield f"{'the offline teacher':<24}{'weights':>12}{'accuracy':>10}{'perplexity':>12}{'as fp32':>9}"
    with _ready(teacher, kinds) as made:
        for backend, (run, size) in made.items():
            guessed, loss = guesses(run, text.batches)
            accuracy, alike = ((guessed == other).double().mean() for other in (right, expected))
            perplexity = (loss.sum() / text.count).exp()
            yield f"{backend:<24}{size / 2**20:>8.1f} MiB{accuracy:>10.4f}{perplexity:>12.3f}{alike:>9.1%}"
    yield f"({text.count:,} hidden tokens of {documents} documents that nothing was trained on)"


def guesses(run: Logits, batches: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The most likely word and the negative log-probability of the right one at each masked token, (N,) each."""
    words, losses = [], []
    for input_ids, attention_mask, labels in batches:
        logits = run(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids))
        masked, right = logits[labels != IGNORE], labels[labels != IGNORE]  # (N, V), (N,)
        words.append(masked.argmax(-1))
        losses.append(torch.nn.functional.cross_entropy(masked, right, reduction="none").double())
    return torch.cat(words), torch.cat(losses)


def paper_table(
    kinds: Mapping[str, Backend],
    lengths: Sequence[int] = STSB_LENGTHS,
    configs: tuple[EncoderConfig, EncoderConfig] = (BERT, DISTILBERT),
    seconds: float = SECONDS,
) -> Iterator[str]:
    """BERT-base in fp32, then DistilBERT in every backend: parameters, and milliseconds a pair of STS-B, batch 1."""

    def over_all_lengths(run: Callable[..., object]) -> None:
        for length in lengths:
            ids = torch.full((1, length), 1000)
            run(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=torch.zeros_like(ids))

    large, small = (SequenceClassifier(ClassifierConfig(**vars(each), id2label=("score",))).eval() for each in configs)
    with _ready(small, kinds) as made:
        runs = {"BERT-base, fp32": large} | {f"DistilBERT, {name}": run for name, (run, _) in made.items()}
        rounds = in_turns({name: partial(over_all_lengths, run) for name, run in runs.items()}, seconds)
    yield ""
    yield f"{'STS-B, a pair, batch 1':<24}{'parameters':>16}{'time':>13}{'ratio':>7}"
    for name, seconds_each in rounds.items():
        milliseconds = 1000 * statistics.median(seconds_each) / len(lengths)
        count = parameters(small if name.startswith("DistilBERT") else large)
        yield f"{name:<24}{count:>16,}{milliseconds:>10.1f} ms{ratio(rounds, 'BERT-base, fp32', name):>7.2f}"
    yield (
        f"(DistilBERT has {1 - parameters(small) / parameters(large):.0%} fewer parameters; the paper: 40 % fewer, "
        f"{PAPER['BERT-base'] / PAPER['DistilBERT']:.2f} times as fast)"
    )
