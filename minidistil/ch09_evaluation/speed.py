"""Chapter 9. What a student saves: size, and time by the shape of what is read.

The published goals (Sanh et al., 2019, abstract): 60 % of the teacher's size, 1.6 times its speed.

Letters in shapes: B sequences, L tokens.
"""

import time
from collections.abc import Callable, Iterable
from statistics import median

import torch
from torch import Tensor, nn

from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.device import device_of
from minidistil.ch09_evaluation.evaluation import Interval, answers
from minidistil.ch09_evaluation.held_out import MaskedText

ROUNDS = 6  # the fewest whose lowest and highest ratio are an interval of 95 %

Shape = tuple[int, int]  # B, L

SHAPES = ((1, 16), (1, 128), (8, 16), (8, 128))  # a sentence, a paragraph, eight of them


def parameters(model: nn.Module) -> int:
    """Number of weights, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def size_in_bytes(model: nn.Module) -> int:
    """Bytes of the weights, shared ones counted once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def ratio_of_times(
    teacher: Callable[[], object], student: Callable[[], object], repeats: int = ROUNDS
) -> tuple[float, Interval]:
    """The teacher's time over the student's: the median of the rounds' ratios, and the lowest and highest of them.

    The two are called in turn, so that a busy moment meets both. Lowest and highest miss the true median only if all n
    ratios fall on the same side of it. Independent ones do so with probability 2 * (1/2)^n, whatever their
    distribution: the interval holds the median with probability 1 - 2^(1-n), 96.9 % for 6 rounds. It speaks of this
    machine as it was then.
    """
    ratios = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        teacher()
        between = time.perf_counter()
        student()
        ratios.append((between - start) / (time.perf_counter() - between))
    del ratios[0]  # the first round warms up
    return median(ratios), (min(ratios), max(ratios))


def speedup(teacher: MaskedLM, student: MaskedLM, text: MaskedText, repeats: int = ROUNDS) -> tuple[float, Interval]:
    """Teacher's time for a batch of masked text over the student's, in fp32, with an interval: `ratio_of_times`."""
    largest = max(zip(text.batches, text.origins, strict=True), key=lambda pair: pair[0][0].numel())
    one = MaskedText([largest[0]], [largest[1]])  # the last one may be a remainder of a few
    return ratio_of_times(
        lambda: answers(teacher, one),  # they lie on the CPU: a GPU has finished by then
        lambda: answers(student, one),
        repeats,
    )


def speedup_by_shape(
    teacher: MaskedLM, student: MaskedLM, shapes: Iterable[Shape] = SHAPES, repeats: int = ROUNDS
) -> dict[Shape, tuple[float, Interval]]:
    """The same for the encoder alone, on random tokens of each shape (B, L); no longer than both models can read."""
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
        return model.encoder(ids).last_hidden_state[0, 0, 0].item()  # the value waits for a GPU

    return read
