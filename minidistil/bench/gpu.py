"""A distillation of full size as one GPU runs it: speed, memory, and whether a resumed run stays exact.

Teacher and student have the shapes of bert-base-uncased and DistilBERT, with random weights: the time is the same, and
nothing is downloaded. On a CPU small models take their place, which says that the benchmark works and no more.
"""

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from minidistil.bench.step import Result, Work, in_own_process, measure_official, measure_package, require_same
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.compiled import DEVICES
from minidistil.ch08_training.cost import device_operations, random_batch, step_operations
from minidistil.ch08_training.device import best_device, precisions
from minidistil.ch08_training.feed import MemoryFeed
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import train
from minidistil.parity.peers import require

SMALL = EncoderConfig(hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=128)
WAYS = (
    ("official", measure_official, False), ("minidistil", measure_package, False), ("compiled", measure_package, True),
)  # fmt: skip
STEPS = 6  # of the run that is interrupted


@dataclass(frozen=True)
class Shape:
    """A micro-batch without padding, and the positions of L_ce."""

    sequences: int
    length: int
    positions: str

    def __str__(self) -> str:
        return f"{self.sequences} x {self.length} {self.positions}"


SHAPES = [Shape(64, 128, "masked"), Shape(64, 512, "all")]
SMALL_SHAPES = [Shape(8, 32, "masked"), Shape(4, 64, "all")]


def table() -> Iterator[str]:
    """The device's ceiling, a step of each shape in the official way and in this package's, and a resumed run."""
    require("transformers")
    device = best_device()
    on_cpu = device.type == "cpu"
    teacher, shapes = (SMALL, SMALL_SHAPES) if on_cpu else (EncoderConfig(), SHAPES)
    if on_cpu:
        yield "This is no GPU: small models show that the benchmark works here; they say nothing about a GPU."
    ceilings = {precision: device_operations(device, precision) for precision in precisions(device)}
    for precision, most in ceilings.items():
        yield f"one large matrix product in {precision}: {most / 1e12:.2f} TFLOP/s"
    yield ""
    shape_of_it = f"{teacher.num_hidden_layers} layers, {teacher.hidden_size} wide"
    yield f"A step of the triple loss, forward and backward. The teacher: {shape_of_it}, random weights."
    yield "compiled: minidistil with torch.compile on the blocks, the way of long runs where a trial finds it faster."
    yield "used: operations that the losses need, of those of the large product; MiB: beyond the models, at the peak."
    yield f"{'batch and L_ce at':<18}{'way':<18}{'ms':>9}{'tokens/s':>11}{'used':>6}{'MiB':>9}"
    for shape in shapes:
        yield from _rows(shape, teacher, ceilings)
    yield ""
    for precision in ceilings:
        yield f"{precision}, {STEPS} steps: {resumed(device, precision)}"


def _rows(shape: Shape, teacher: EncoderConfig, ceilings: dict[str, float]) -> Iterator[str]:
    """A line for each way and precision; a way that needs more memory than there is says so."""
    with tempfile.TemporaryDirectory() as folder:
        work = _work(shape, teacher, Path(folder))
        scored = 1.0 if shape.positions == "all" else work.config.mask_share
        student = MaskedLM.from_pretrained(work.folder / "student").config
        tokens = shape.sequences * shape.length
        needed = tokens * step_operations(teacher, student, shape.length, scored)
        for precision, ceiling in ceilings.items():
            found: dict[str, Result] = {}
            lines = []
            for name, measure, compiled in WAYS if best_device().type in DEVICES else WAYS[:2]:
                way = f"{shape!s:<18}{f'{name}, {precision}':<18}"
                try:
                    result = in_own_process(measure, replace(work, precision=precision, compiled=compiled))
                except torch.OutOfMemoryError:
                    lines.append(f"{way}needs more memory than the device has")
                    continue
                found[name] = result
                taken = result["clock"]
                lines.append(
                    f"{way}{1e3 * taken:>9.1f}{tokens / taken:>11,.0f}{needed / taken / ceiling:>6.0%}"
                    f"{result['mebibytes']:>9,.0f}"
                )
            tolerance = 1e-3 if precision == "fp32" else 0.05
            for name in found.keys() - {"official"} if "official" in found else ():
                require_same(found[name], found["official"], tolerance, ("loss", "ce", "mlm", "cos"))
            yield from lines


def _work(shape: Shape, teacher: EncoderConfig, folder: Path) -> Work:
    """Random weights, the same for both ways, and random tokens."""
    torch.manual_seed(0)
    config = replace(
        DistilConfig.paper(), batch_size=shape.sequences, max_length=shape.length, ce_positions=shape.positions
    )
    model = MaskedLM(teacher)
    model.save_pretrained(folder / "teacher")
    student_of(model).save_pretrained(folder / "student")
    return Work(folder, random_batch(teacher.vocab_size, config), config)


# --- Resume ---


def resumed(device: torch.device, precision: str) -> str:
    """How the weights of a short run that was stopped and resumed, and of a second whole one, differ from a first."""
    runs: list[tuple[int | None, ...]] = [(None,), (None,), (2, None)]
    whole, again, parts = (_ends_of_a_run(device, precision, stops) for stops in runs)
    return f"resumed {_difference(whole, parts)}; twice the same run {_difference(whole, again)}"


def _difference(one: Tensor, other: Tensor) -> str:
    return "bit for bit" if torch.equal(one, other) else f"off by {float((one - other).abs().max()):.1e}"


def _ends_of_a_run(device: torch.device, precision: str, stops: tuple[int | None, ...]) -> Tensor:
    """All weights, on the CPU, of a small student after `STEPS` steps, with a new start after each of the stops."""
    torch.manual_seed(0)
    config = DistilConfig(batch_size=8, max_length=32, dropout=0.1, checkpoint_seconds=1e-9, log_every=1)
    tokens = torch.randint(1000, SMALL.vocab_size, (64, config.max_length))
    feed = MemoryFeed(list(tokens), WordPiece.from_pretrained("minilm"), config)
    teacher = MaskedLM(SMALL).to(device).eval().requires_grad_(False)
    losses = distillation_losses(teacher, config)
    with tempfile.TemporaryDirectory() as folder:
        for stop in stops:
            student = student_of(teacher)
            run = train(student, losses, feed, config, Plan(STEPS, precision, 1.0), Path(folder))
            for _ in itertools.islice(run, stop):
                pass
            run.close()  # type: ignore[attr-defined]
    return torch.cat([parameter.detach().cpu().flatten() for parameter in student.parameters()])
