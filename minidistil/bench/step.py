"""One distillation step, by this package and by the official script's computation: time, memory and use of the device.

The official computation stands here in full, on `transformers` models: all logits of teacher and student at all
positions, then a selection of them (huggingface/transformers, research_projects/distillation, distiller.py). Both sides
get the same batch and weights, and a result counts only if both give the same losses and gradient.

Letters in shapes: B sequences, L tokens, V vocabulary.
"""

import contextlib
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.bench.inference import process_memory
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import docs, sequences
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.compiled import compiled_blocks
from minidistil.ch08_training.cost import device_operations, step_operations
from minidistil.ch08_training.device import autocast, best_device, in_16_bits, peak_memory_mib
from minidistil.ch08_training.feed import MaskedBatch, MemoryFeed
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import gradient_norm
from minidistil.parity.peers import require, without_progress_bars

ROUNDS = 3  # the fastest counts

Result = dict[str, float]  # loss terms, gradient_norm, seconds, mebibytes, clock, possible


@dataclass(frozen=True)
class Work:
    """What both sides compute: models in a folder, a batch, settings."""

    folder: Path  # teacher/ and student/ in Hugging Face format
    batch: MaskedBatch
    config: DistilConfig
    precision: str = "fp32"
    compiled: bool = False  # this package's blocks, on a GPU


def table() -> Iterator[str]:
    """Three lines for each choice of L_ce's positions: the official way, and this package in fp32 and bf16."""
    require("transformers")
    yield "A step of the triple loss, forward and backward: MiniLM (6 layers) and a student of 3, 16 x 128 docs tokens."
    yield f"Processor seconds, the fastest of {ROUNDS}; MiB that the first step needs beyond the models;"
    yield "tokens/s by the clock; used: operations that the losses need, of those of one large matrix product."
    yield ""
    yield f"{'L_ce at':<9}{'way':<18}{'seconds':>9}{'ratio':>7}{'MiB':>8}{'ratio':>7}{'tokens/s':>10}{'used':>6}"
    with TemporaryDirectory() as folder:
        work = offline_work(Path(folder))
        models = [MaskedLM.from_pretrained(work.folder / name).config for name in ("teacher", "student")]
        tokens = int(work.batch.attention_mask.sum())
        masked = float((work.batch.labels != IGNORE).sum()) / tokens
        for positions, rate in (("masked", masked), ("all", 1.0)):
            needed = tokens * step_operations(models[0], models[1], work.config.max_length, rate)
            results = compare(replace(work, config=replace(work.config, ce_positions=positions)))
            for way, result in zip(("official, fp32", "minidistil, fp32", "minidistil, bf16"), results, strict=True):
                ratios = [results[0][name] / result[name] for name in ("seconds", "mebibytes")]
                yield (
                    f"{positions:<9}{way:<18}{result['seconds']:>9.2f}{ratios[0]:>7.2f}"
                    f"{result['mebibytes']:>8.0f}{ratios[1]:>7.2f}"
                    f"{tokens / result['clock']:>10,.0f}{needed / result['clock'] / result['possible']:>6.0%}"
                )


def offline_work(folder: Path, batch_size: int = 16) -> Work:
    """The offline teacher, its untrained student, and a batch of the docs corpus with 128 tokens a sequence."""
    tokenizer = WordPiece.from_pretrained("minilm")
    teacher = MaskedLM.from_pretrained("minilm")
    teacher.save_pretrained(folder / "teacher")
    student_of(teacher).save_pretrained(folder / "student")
    config = replace(DistilConfig.paper(), batch_size=batch_size, accumulate=1, max_length=128)
    long = [sequence for sequence in sequences(docs().test, tokenizer, 128) if len(sequence) == 128]
    batch = MemoryFeed(long, tokenizer, config)[0]
    assert isinstance(batch, MaskedBatch)
    return Work(folder, batch, config)


def compare(work: Work) -> tuple[Result, Result, Result]:
    """The official way in fp32, this package in fp32 and in bf16, each in its own process.

    RuntimeError if they do not compute the same; in bf16, not nearly the same.
    """
    official = in_own_process(measure_official, work)
    fp32, bf16 = (in_own_process(measure_package, replace(work, precision=each)) for each in ("fp32", "bf16"))
    for result, tolerance in ((fp32, 1e-5), (bf16, 0.05)):
        require_same(result, official, tolerance, ("loss", "ce", "mlm", "cos", "gradient_norm"))
    return official, fp32, bf16


def require_same(result: Result, official: Result, tolerance: float, names: Iterable[str]) -> None:
    """RuntimeError if this package and the official computation differ by more in one of these figures."""
    for name in names:
        if not math.isclose(result[name], official[name], rel_tol=tolerance, abs_tol=tolerance):
            raise RuntimeError(
                f"{name} is {result[name]} in minidistil and {official[name]} in the official computation: "
                "a comparison of speed means nothing."
            )


def in_own_process(measure: Callable[[Work], Result], work: Work) -> Result:
    """In a fresh process, so that the peak of one side's memory does not count for the other."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (work,))


def measure_package(work: Work) -> Result:
    """This package's step."""
    teacher = MaskedLM.from_pretrained(work.folder / "teacher").to(best_device()).eval().requires_grad_(False)
    student = MaskedLM.from_pretrained(work.folder / "student").to(best_device()).eval()
    teacher = in_16_bits(teacher, work.precision)
    losses = distillation_losses(teacher, work.config)

    def terms(batch: MaskedBatch) -> dict[str, Tensor]:
        with autocast(batch.input_ids.device, work.precision):
            return losses(student, batch)

    with compiled_blocks([student, teacher], work.compiled):
        return _measure(student, terms, work)


def measure_official(work: Work) -> Result:
    """The same step as the official script computes it."""
    from transformers import AutoModelForMaskedLM

    with without_progress_bars():
        teacher, student = (
            AutoModelForMaskedLM.from_pretrained(work.folder / name).to(best_device()).eval()
            for name in ("teacher", "student")
        )
    teacher.requires_grad_(False)

    def terms(batch: MaskedBatch) -> dict[str, Tensor]:
        with autocast(batch.input_ids.device, work.precision):
            return official_losses(teacher, student, batch, work.config)

    return _measure(student, terms, work)


def official_losses(teacher: Any, student: Any, batch: MaskedBatch, config: DistilConfig) -> dict[str, Tensor]:
    """The official loss of `transformers` models, without its L_mse: every logit first, then the selection."""
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, "output_hidden_states": True}
    output = student(**inputs)
    with torch.no_grad():
        target = teacher(**inputs)
    at = batch.labels != IGNORE if config.ce_positions == "masked" else batch.attention_mask.bool()  # (B, L)
    selected = at.unsqueeze(-1).expand_as(output.logits)  # (B, L, V)
    student_logits = torch.masked_select(output.logits, selected).view(-1, output.logits.size(-1))
    teacher_logits = torch.masked_select(target.logits, selected).view(-1, output.logits.size(-1))
    t = config.temperature
    ce = t**2 * nn.functional.kl_div(
        (student_logits / t).log_softmax(-1), (teacher_logits / t).softmax(-1), reduction="batchmean"
    )
    mlm = nn.functional.cross_entropy(output.logits.view(-1, output.logits.size(-1)), batch.labels.view(-1))
    real = batch.attention_mask.bool()
    student_hidden, teacher_hidden = (each.hidden_states[-1][real] for each in (output, target))
    ones = torch.ones(int(real.sum()), device=real.device)
    cos = nn.functional.cosine_embedding_loss(student_hidden, teacher_hidden, ones)
    loss = config.alpha_ce * ce + config.alpha_mlm * mlm + config.alpha_cos * cos
    return {"loss": loss, "ce": ce, "mlm": mlm, "cos": cos}


def _measure(student: nn.Module, losses: Callable[[MaskedBatch], dict[str, Tensor]], work: Work) -> Result:
    device = next(student.parameters()).device
    batch = MaskedBatch(*(part.to(device) for part in vars(work.batch).values()))
    result: Result = {"seconds": math.inf, "clock": math.inf}
    before = reset_memory_peak(device)
    for round_number in range(ROUNDS):
        student.zero_grad()
        start = processor_seconds(device), time.perf_counter()
        terms = losses(batch)
        terms["loss"].backward()
        seconds = {"seconds": processor_seconds(device) - start[0], "clock": time.perf_counter() - start[1]}
        result |= {name: min(result[name], each) for name, each in seconds.items()}
        if round_number == 0:
            result["mebibytes"] = memory_peak(device) - before
    result["gradient_norm"] = gradient_norm(list(student.parameters()))
    result["possible"] = device_operations(device, work.precision)
    return result | {name: float(value.detach()) for name, value in terms.items()}


def reset_memory_peak(device: torch.device) -> float:
    """Forget the peak so far, where the system can (Linux, a GPU); returns MiB in use, as `memory_peak` does."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory_peak(device)


def memory_peak(device: torch.device) -> float:
    """The largest memory of this process since it was reset, MiB; NaN where the system does not report it."""
    if device.type != "cpu" or math.isnan(peak := process_memory("VmHWM")):
        return peak_memory_mib(device) or math.nan
    return peak


def processor_seconds(device: torch.device) -> float:
    """Processor time, which other programs do not lengthen; wall-clock time on a GPU."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()
        return time.perf_counter()
    return time.process_time()
