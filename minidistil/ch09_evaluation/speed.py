"""Chapter 9. What a student saves: size, and time for inputs of different shapes.

Sanh et al. (2019, abstract) say 60 % of the teacher's size and 1.6 times its speed.

Letters in shapes: B sequences, L tokens.
"""

import time
from collections.abc import Callable, Iterable
from statistics import median

import torch
from torch import Tensor, nn

from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.device import device_of
from minidistil.ch09_evaluation.bootstrap import Interval
from minidistil.ch09_evaluation.held_out import MaskedText, answers

ROUNDS = 6  # the smallest number whose lowest and highest ratio are a 95 % interval

Shape = tuple[int, int]  # B, L

SHAPES = ((1, 16), (1, 128), (8, 16), (8, 128))  # a sentence, a paragraph, eight of each


def parameters(model: nn.Module) -> int:
    """Number of weights; tied ones count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def size_in_bytes(model: nn.Module) -> int:
    """Bytes of the weights; tied ones count once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def ratio_of_times(
    teacher: Callable[[], object], student: Callable[[], object], repeats: int = ROUNDS
) -> tuple[float, Interval]:
    """The teacher's time divided by the student's: the median over the rounds, with the lowest and highest ratio.

    The two are called in turn, so that other work on the machine slows down both. The lowest and the highest of n
    ratios miss the true median only if all of them are on the same side of it. If they are independent, this has
    probability 2 * (1/2)^n, whatever their distribution, so the interval holds the median with probability
    1 - 2^(1-n): 96.9 % for 6 rounds. It is valid for this machine at this time only.
    """
    ratios = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        teacher()
        between = time.perf_counter()
        student()
        ratios.append((between - start) / (time.perf_counter() - between))
    del ratios[0]  # the first round is a warm-up
    return median(ratios), (min(ratios), max(ratios))


def speedup(teacher: MaskedLM, student: MaskedLM, text: MaskedText, repeats: int = ROUNDS) -> tuple[float, Interval]:
    """`ratio_of_times` of the two models for a batch of masked text, in fp32."""
    largest = max(zip(text.batches, text.origins, strict=True), key=lambda pair: pair[0][0].numel())
    one = MaskedText([largest[0]], [largest[1]])
    return ratio_of_times(  # answers are copied to the CPU, so a GPU has finished by then
        lambda: answers(teacher, one), lambda: answers(student, one), repeats
    )


def speedup_by_shape(
    teacher: MaskedLM, student: MaskedLM, shapes: Iterable[Shape] = SHAPES, repeats: int = ROUNDS
) -> dict[Shape, tuple[float, Interval]]:
    """`ratio_of_times` of the two encoders alone, for random tokens of each shape (B, L).

    A length that a model cannot read is shortened to the longest that both can.
    """
    longest = min(model.config.max_position_embeddings for model in (teacher, student))
    ratios = {}
    for shape in dict.fromkeys((size, min(length, longest)) for size, length in shapes):
        ids = torch.randint(teacher.config.vocab_size, shape, generator=torch.Generator().manual_seed(0))
        ratios[shape] = ratio_of_times(_reader(teacher, ids), _reader(student, ids), repeats)
    return ratios


def _reader(model: MaskedLM, input_ids: Tensor) -> Callable[[], object]:
    ids = input_ids.to(device_of(model))

    @torch.no_grad()
    def read() -> object:
        with evaluating(model):
            return model.encoder(ids).last_hidden_state[0, 0, 0].item()  # the value waits for a GPU

    return read
