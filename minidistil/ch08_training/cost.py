"""What a whole distillation costs in time, memory and money, computed before it is started.

Operations are counted from the shapes of the two models, memory from their sizes and from what a micro-batch keeps for
its backward pass, speed from a step on this machine. The fraction of a device's speed that is used is the model FLOP
utilisation (Chowdhery et al., 2022, "PaLM", appendix B); there the divisor is the maker's figure, here a large matrix
product on the same device. The only published figures used are BERT's corpus and DistilBERT's training time, which
stand in `settings`.

Letters in shapes: B sequences, L tokens, D width, I width of the feed-forward layer, V vocabulary.
"""

import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import default_layers, student_of
from minidistil.ch08_training.device import HALF, best_device
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.settings import CORPUS_TOKENS, PAPER_GPUS, PAPER_HOURS, V100_FP32, DistilConfig
from minidistil.ch08_training.training import gradient_norm

BYTES_STUDENT = 4 * 4  # a student's weight in fp32, its gradient and AdamW's two moments
BYTES_TEACHER = 4


def forward_operations(config: EncoderConfig, length: float, head_share: float) -> float:
    """Floating-point operations a token on the way forward: a multiplication and an addition count as two.

    Matrix products only; all else is less than a hundredth of them.

    Args:
        length: L, of which attention's part is a multiple.
        head_share: fraction of the positions at which the V logits are computed.
    """
    d, i, v = config.hidden_size, config.intermediate_size, config.vocab_size
    layer = 4 * d * d + 2 * d * i + 2 * length * d  # query, key, value, output; feed-forward; weights and their sum
    return 2 * (config.num_hidden_layers * layer + head_share * (d * d + d * v))


def step_operations(teacher: EncoderConfig, student: EncoderConfig, length: float, head_share: float) -> float:
    """Operations a token of a distillation step: the backward pass is two forward ones, and the teacher has none."""
    return forward_operations(teacher, length, head_share) + 3 * forward_operations(student, length, head_share)


def device_operations(device: torch.device, precision: str, rounds: int = 3) -> float:
    """Operations a second of this device in products of two large square matrices: the fastest of some rounds.

    A rough figure: other programs slow it down, and a CPU of many cores is faster in still larger products.

    Args:
        precision: "fp32", "bf16" or "fp16", the format of the numbers.
    """
    side, products = 1024 if device.type == "cpu" else 4096, 5
    dtype = HALF.get(precision, torch.float32)
    draw = torch.Generator().manual_seed(0)  # of its own: a run's other draws stay what they are
    matrix = torch.randn(side, side, generator=draw).to(device, dtype)
    product, seconds = torch.empty_like(matrix), []
    for _ in range(rounds + 1):  # the first one warms up
        start = time.perf_counter()
        for _ in range(products):
            torch.mm(matrix, matrix, out=product)
        product[0, 0].item()  # the value waits for a GPU
        seconds.append(time.perf_counter() - start)
    return products * 2 * side**3 / min(seconds[1:])


# --- From operations to days and costs ---


@dataclass(frozen=True)
class Measured:
    """A micro-batch's step on this machine."""

    tokens_per_second: float
    kept_mebibytes: float  # for the backward pass
    parameters: tuple[int, int]  # of teacher and student


def measure(teacher: EncoderConfig, config: DistilConfig) -> Measured:
    """Take the step on models of the right shape with random weights, and a full micro-batch of random tokens."""
    models = MaskedLM(teacher).eval().requires_grad_(False), student_of(MaskedLM(teacher), config.layers)
    batch = random_batch(teacher.vocab_size, config)
    teacher_model, student = (model.to(best_device()) for model in models)
    losses = distillation_losses(teacher_model, config)
    batch = MaskedBatch(*(part.to(best_device()) for part in vars(batch).values()))
    kept = kept_mebibytes(lambda: losses(student, batch)["loss"], student)  # warms up as well
    start = time.perf_counter()
    losses(student, batch)["loss"].backward()
    gradient_norm(list(student.parameters()))  # a number, so that it waits for a GPU
    seconds = time.perf_counter() - start
    counts = [sum(parameter.numel() for parameter in model.parameters()) for model in models]
    return Measured(batch.input_ids.numel() / seconds, kept, (counts[0], counts[1]))


class _Kept:
    """A tensor that waits for the backward pass."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def kept_mebibytes(function: Callable[[], Tensor], model: nn.Module) -> float:
    """MiB that a loss keeps for its backward pass besides the model's weights; what it has freed does not count."""
    kept: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def keep(tensor: Tensor) -> _Kept:
        kept.add(wrapped := _Kept(tensor))
        return wrapped

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda wrapped: wrapped.tensor):
        loss = function()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    storages = {storage.data_ptr(): storage for storage in (each.tensor.untyped_storage() for each in kept)}
    del loss  # until here it kept all of it alive
    return sum(storage.nbytes() for pointer, storage in storages.items() if pointer not in weights) / 2**20


def random_batch(vocab_size: int, config: DistilConfig) -> MaskedBatch:
    """A full micro-batch (B, L) of random tokens without padding; `mask_share` of them are to be guessed."""
    shape = config.batch_size, config.max_length
    input_ids = torch.randint(vocab_size, shape)
    labels = torch.where(torch.rand(shape) < config.mask_share, input_ids, IGNORE)
    return MaskedBatch(input_ids, torch.ones_like(input_ids), labels)


def memory(measured: Measured) -> float:
    """GiB of one process, at least: models, gradients, optimiser, and what a micro-batch keeps."""
    teacher, student = measured.parameters
    return (BYTES_TEACHER * teacher + BYTES_STUDENT * student + measured.kept_mebibytes * 2**20) / 2**30


def plan(
    config: DistilConfig,
    teacher: EncoderConfig | None = None,
    tokens: float = CORPUS_TOKENS,
    teraflops: float = V100_FP32 / 1e12,
    utilisation: float | None = None,
    price: float | None = None,
) -> Iterator[str]:
    """Lines that say what `max_epochs` of `tokens` take, here and on devices of `teraflops` each.

    Args:
        teacher: its shape; bert-base's if None.
        utilisation: fraction of a device's speed that is used; None: that of the paper's run.
        price: of a device for an hour; None: no cost is printed.
    """
    teacher = teacher or EncoderConfig()
    layers = config.layers or default_layers(teacher.num_hidden_layers)
    student = replace(teacher, num_hidden_layers=len(layers), type_vocab_size=0)
    share = 1.0 if config.ce_positions == "all" else config.mask_share
    each = step_operations(teacher, student, config.max_length, share)
    read = tokens * config.max_epochs
    paper = PAPER_GPUS * PAPER_HOURS * 3600 * V100_FP32
    distilbert = step_operations(EncoderConfig(), EncoderConfig(num_hidden_layers=6, type_vocab_size=0), 512, 1.0)
    used_there = CORPUS_TOKENS * 3 * distilbert / paper
    used = used_there if utilisation is None else utilisation
    yield (
        f"{teacher.num_hidden_layers} layers into {len(layers)}, {teacher.hidden_size} wide; sequences of "
        f"{config.max_length}, {config.batch_size} a micro-batch; logits at {share:.0%} of the positions"
    )
    yield f"text: {tokens / 1e9:.2f} billion tokens, {config.max_epochs:g} times"
    yield f"operations: {each / 1e9:.2f} billion a token, {read * each:.2e} in all"
    yield f"the paper's {PAPER_HOURS} hours on {PAPER_GPUS} V100 used {used_there:.0%} of their speed in fp32"
    measured = measure(teacher, config)
    yield f"memory: {memory(measured):.1f} GiB at least; a micro-batch keeps {measured.kept_mebibytes:,.0f} MiB"
    rate = measured.tokens_per_second * each
    yield f"here: {measured.tokens_per_second:,.0f} tokens/s measured, {rate / 1e9:,.0f} billion operations a second"
    yield f"{'devices':<34}{'tokens/s':>12}{'days':>10}" + ("" if price is None else f"{'cost':>12}")
    rows = [("this machine", 1, measured.tokens_per_second)]
    rows += [(f"{count} of {teraflops:g} TFLOP/s, {used:.0%} used", count, 0.0) for count in (1, 8, 16)]
    for name, count, speed in rows:
        speed = speed or count * teraflops * 1e12 * used / each
        days = read / speed / 86400
        cost = "" if price is None or name == "this machine" else f"{days * 24 * count * price:>12,.0f}"
        yield f"{name:<34}{speed:>12,.0f}{days:>10,.1f}{cost}"
