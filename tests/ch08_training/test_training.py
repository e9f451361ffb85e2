"""Chapter 8: optimiser, clipping, accumulation, one step against its formula, resume = uninterrupted, bit for bit."""

import itertools
import json
import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch._dynamo  # the first optimiser brings it along, which takes seconds: not of a learner's time
from filelock import FileLock
from safetensors.torch import load_file
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.checkpoints import Progress
from minidistil.ch08_training.feed import Batch, MaskedBatch, MemoryFeed, StreamFeed, mix
from minidistil.ch08_training.objectives import Losses, distillation_losses, masked_lm_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig, TrainingConfig
from minidistil.ch08_training.training import gradient_norm, train
from minidistil.ch08_training.trial import make_plan, trial_seconds
from tests.conftest import TINY

CONFIG = DistilConfig(batch_size=4, accumulate=2, max_length=32, dropout=0.1, mask_smoothing=0.7, log_every=1)
PLAN = Plan(steps=6, precision="fp32", seconds_per_step=0.1)


@pytest.fixture(scope="module")
def stream(tiny_corpus: Corpus, tokenizer: WordPiece) -> MemoryFeed:
    return MemoryFeed(sequences(tiny_corpus.train[:100], tokenizer, 32), tokenizer, CONFIG)


def run(
    teacher: MaskedLM,
    stream: MemoryFeed,
    folder: Path,
    plan: Plan = PLAN,
    stop: int | None = None,
    config: DistilConfig = CONFIG,
) -> Progress:
    """Train a student of the teacher; `stop` interrupts after that many steps in this call."""
    steps = train(student_of(teacher), distillation_losses(teacher, config), stream, config, plan, folder)
    *_, last = itertools.islice(steps, stop)
    steps.close()  # type: ignore[attr-defined]  # an Iterator that is a generator
    return last


def without_time(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    varying = {"seconds", "tokens_per_second", "peak_memory_mib"}
    return [{name: value for name, value in line.items() if name not in varying} for line in log]


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = folder.glob("step-*.safetensors")
    return load_file(path)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resumed_is_uninterrupted_bit_for_bit(
    tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path, precision: str
) -> None:
    plan = replace(PLAN, precision=precision)
    whole = run(tiny_teacher, stream, tmp_path / "whole", plan)
    for stop in (1, 2):
        run(tiny_teacher, stream, tmp_path / "parts", plan, stop, replace(CONFIG, workers=stop))
    parts = run(tiny_teacher, stream, tmp_path / "parts", plan)
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert without_time(whole.log) == without_time(parts.log)


SCRIPT = """
import sys, minidistil as md
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch04_encoder.encoder import EncoderConfig
import torch
torch.manual_seed(0)
teacher = md.MaskedLM(EncoderConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64))
words = "the list of all files in a folder is read by this function and each line is returned as one text".split()
documents = [" ".join(words[(i * j) % len(words)] for j in range(1, 16)) for i in range(1, 200)]
config = md.DistilConfig(steps=30, batch_size=4, accumulate=2, max_length=32, precision="fp32",
                         checkpoint_seconds=1e-9, dropout=0.1, mask_smoothing=0.7, workers=int(sys.argv[2]))
corpus = Corpus("words", documents, [], documents[:8])
md.distil(teacher, md.student_of(teacher), corpus, config, sys.argv[1])
"""


def reached(checkpoints: Path) -> int:
    return max((int(path.stem.removeprefix("step-")) for path in checkpoints.glob("step-*.safetensors")), default=0)


def test_a_run_killed_at_any_moment_ends_in_the_same_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT]
    subprocess.run([*command, str(tmp_path / "whole"), "0"], check=True, capture_output=True, timeout=300)
    killed = 0
    for workers, first in enumerate((1, 11, 21)):
        step = random.randint(first, first + 7)  # of 30
        process = subprocess.Popen([*command, str(tmp_path / "killed"), str(workers)], stdout=subprocess.DEVNULL)
        checkpoints = tmp_path / "killed" / "checkpoints"
        while process.poll() is None and reached(checkpoints) < step:
            time.sleep(random.uniform(0, 0.01))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed
    subprocess.run([*command, str(tmp_path / "killed"), "2"], check=True, capture_output=True, timeout=300)
    whole, parts = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    lines = [(tmp_path / name / "metrics.jsonl").read_text().count("\n") for name in ("whole", "killed")]
    assert lines == [3, 3]


def test_the_workers_of_a_killed_run_do_not_keep_its_folder(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), "2"], stdout=subprocess.DEVNULL)
    while process.poll() is None and not reached(tmp_path / "checkpoints"):
        time.sleep(0.01)
    process.kill()
    process.wait()
    with FileLock(tmp_path / ".lock", timeout=1):
        pass


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in the foreground: a process that a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("place", ["before", "after"])
def test_an_interrupt_within_an_update_waits_for_its_end(
    tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    whole = run(tiny_teacher, stream, tmp_path / "whole")
    update, updates = torch.optim.AdamW.step, itertools.count(1)

    def interrupted(optimizer: torch.optim.AdamW) -> None:
        hit = next(updates) == 4
        if hit and place == "before":
            signal.raise_signal(signal.SIGINT)
        update(optimizer)
        if hit and place == "after":
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tiny_teacher, stream, tmp_path / "parts")
    assert reached(tmp_path / "parts") == 4
    parts = run(tiny_teacher, stream, tmp_path / "parts")
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert without_time(whole.log) == without_time(parts.log)


def test_one_step_is_adamw_on_the_clipped_gradient(tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path) -> None:
    config = replace(CONFIG, dropout=0.0, max_grad_norm=1e-3)
    student = student_of(tiny_teacher).eval()  # without dropout, like the run below
    before = {name: parameter.detach().clone() for name, parameter in student.named_parameters()}
    losses = distillation_losses(tiny_teacher, config)
    parts = [torch.autograd.grad(losses(student, stream[n])["loss"], list(student.parameters())) for n in (0, 1)]
    gradients = [(first.double() + second.double()) / 2 for first, second in zip(*parts, strict=True)]
    norm = float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5
    plan = Plan(steps=1, precision="fp32", seconds_per_step=1.0)
    (progress,) = train(student, losses, stream, config, plan, tmp_path)
    assert progress.log[0]["gradient_norm"] == pytest.approx(norm, rel=1e-6)
    for (name, parameter), gradient in zip(student.named_parameters(), gradients, strict=True):
        clipped = gradient * 1e-3 / norm
        # Kingma and Ba (2015): in the first step both bias-corrected moments are the gradient's own.
        expected = before[name].double() - config.learning_rate * clipped / (clipped.abs() + config.eps)
        torch.testing.assert_close(parameter.detach().double(), expected, atol=2e-6, rtol=1e-5)


@pytest.fixture
def small() -> MaskedLM:
    return MaskedLM(replace(TINY, vocab_size=40))


def test_weight_decay_spares_biases_and_norms(small: MaskedLM, impl: ModuleType) -> None:
    optimizer = impl.make_optimizer(small, TrainingConfig(weight_decay=0.5))
    for group in optimizer.param_groups:
        assert {parameter.dim() >= 2 for parameter in group["params"]} == {group["weight_decay"] == 0.5}


def test_the_optimizer_has_every_trained_parameter_once_and_no_frozen_one(small: MaskedLM, impl: ModuleType) -> None:
    small.encoder.embeddings.position.requires_grad_(False)
    optimizer = impl.make_optimizer(small, TrainingConfig())
    held = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in small.parameters() if parameter.requires_grad)


def test_the_optimizer_has_the_settings_of_the_run(small: MaskedLM, impl: ModuleType) -> None:
    config = TrainingConfig(learning_rate=0.25, betas=(0.7, 0.9), eps=0.125)
    for group in impl.make_optimizer(small, config).param_groups:
        assert (group["lr"], tuple(group["betas"]), group["eps"]) == (0.25, (0.7, 0.9), 0.125)


def test_decay_is_a_factor_on_the_weight_and_no_gradient(small: MaskedLM, impl: ModuleType) -> None:
    weight, before = small.head.transform.weight, small.head.transform.weight.detach().clone()
    optimizer = impl.make_optimizer(small, TrainingConfig(weight_decay=0.5, learning_rate=0.1))
    for parameter in small.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before * (1 - 0.1 * 0.5))  # Loshchilov and Hutter (2019), algorithm 2


def with_gradients(*gradients: torch.Tensor | None) -> list[torch.nn.Parameter]:
    parameters = [torch.nn.Parameter(torch.zeros(2) if each is None else torch.zeros_like(each)) for each in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = None if gradient is None else gradient.clone()
    return parameters


def test_all_gradients_are_clipped_as_one_vector(impl: ModuleType) -> None:
    parameters = with_gradients(torch.tensor([3.0]), torch.tensor([[0.0, 4.0]]))
    before = [parameter.grad for parameter in parameters]
    norm = impl.clip_gradients(parameters, 1.0)
    same = [parameter.grad is each for parameter, each in zip(parameters, before, strict=True)]
    assert all(same), "a new tensor was assigned to .grad: change the one that is there, in place"
    assert isinstance(norm, float), f"the norm is a number of Python's, not a {type(norm).__name__}: float(norm)"
    assert norm == pytest.approx(5.0)  # its length before
    assert [parameter.grad.tolist() for parameter in parameters] == [  # type: ignore[union-attr]
        pytest.approx([0.6]),
        [pytest.approx([0.0, 0.8])],
    ]


def test_clipping_is_that_of_torch(impl: ModuleType) -> None:
    for scale in (0.01, 1.0, 100.0):
        gradients = [scale * torch.randn(shape) for shape in ((5, 7), (11,), (1,))]
        ours, theirs = with_gradients(*gradients), with_gradients(*gradients)
        norm = impl.clip_gradients(ours, 5.0)
        assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, 5.0)), rel=1e-5)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_a_short_gradient_stays_as_it_is(impl: ModuleType) -> None:
    parameters = with_gradients(torch.tensor([0.3, -0.4]))
    assert impl.clip_gradients(parameters, 5.0) == pytest.approx(0.5)
    assert torch.equal(torch.tensor([0.3, -0.4]), parameters[0].grad)  # type: ignore[arg-type]


def test_a_parameter_without_a_gradient_does_not_stop_clipping(impl: ModuleType) -> None:
    parameters = with_gradients(None, torch.tensor([30.0, 40.0]))
    assert impl.clip_gradients(parameters, 5.0) == pytest.approx(50.0)
    assert parameters[0].grad is None


class Toy(torch.nn.Module):
    """A model with dropout and a loss, as small as can be."""

    def __init__(self, dropout: float = 0.0, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.weight, self.dropout = (
            torch.nn.Parameter(torch.linspace(-1, 1, 16, dtype=dtype)),
            torch.nn.Dropout(dropout),
        )

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        real = attention_mask.bool()
        mlm = (self.dropout(self.weight)[input_ids[real]] - labels[real]).square().mean()
        return {"loss": 2 * mlm, "mlm": mlm}


def toy_batch(number: int) -> tuple[int, Batch]:
    ids = torch.randint(16, (2, 6), generator=torch.Generator().manual_seed(number))
    mask = torch.ones_like(ids)
    mask[1, 1 + number % 5 :] = 0
    return number, Batch(ids, mask, ids % 3)


def gradient_of(toy: Toy) -> torch.Tensor:
    assert toy.weight.grad is not None
    return toy.weight.grad.clone()


def test_the_gradient_is_that_of_the_mean_of_the_micro_batches(impl: ModuleType) -> None:
    toy, batches = Toy(), [toy_batch(number) for number in (4, 5, 9)]
    losses = torch.stack([toy(*vars(batch).values())["loss"] for _, batch in batches])
    (expected,) = torch.autograd.grad(losses.mean(), [toy.weight])
    terms = impl.accumulate_gradients(toy, batches, 56)
    torch.testing.assert_close(gradient_of(toy), expected)
    assert [row["loss"].item() for row in terms] == pytest.approx(losses.tolist())
    assert [row["mlm"].item() for row in terms] == pytest.approx((losses / 2).tolist())


def test_gradients_of_an_earlier_step_are_gone(impl: ModuleType) -> None:
    toy = Toy()
    impl.accumulate_gradients(toy, [toy_batch(1)], 56)
    once = gradient_of(toy)
    impl.accumulate_gradients(toy, [toy_batch(1)], 56)
    assert torch.equal(gradient_of(toy), once)


def test_a_micro_batch_has_its_own_draws_whatever_came_before(impl: ModuleType) -> None:
    toy, batches = Toy(dropout=0.5).train(), [toy_batch(number) for number in (7, 8)]
    impl.accumulate_gradients(toy, batches, 56)
    together = gradient_of(toy)
    alone = []
    for batch in reversed(batches):
        torch.rand(3)  # somebody else drew in between
        impl.accumulate_gradients(toy, [batch], 56)
        alone.append(gradient_of(toy))
    torch.testing.assert_close(together, (alone[0] + alone[1]) / 2)
    first = [impl.accumulate_gradients(toy, [(number, batches[0][1])], 56)[0]["loss"].item() for number in range(6)]
    assert len(set(first)) > 1  # the draws depend on the number


def test_each_micro_batch_is_seeded_by_the_runs_seed_and_its_number(impl: ModuleType) -> None:
    seeds = []

    class Asked(Toy):
        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
        ) -> dict[str, torch.Tensor]:
            seeds.append(torch.initial_seed())
            return super().forward(input_ids, attention_mask, labels)

    impl.accumulate_gradients(Asked(), [toy_batch(number) for number in (7, 8)], 56)
    assert seeds == [mix(56, 7), mix(56, 8)]


def test_terms_are_kept_without_their_graph_and_in_fp32(impl: ModuleType) -> None:
    for row in impl.accumulate_gradients(Toy(dtype=torch.bfloat16), [toy_batch(1), toy_batch(2)], 56):
        assert not any(term.requires_grad for term in row.values())
        assert {term.dtype for term in row.values()} == {torch.float32}


@pytest.fixture
def alone_in_a_group() -> Iterator[None]:
    """torch.distributed as torchrun makes it, with a single process and nobody at the other end of the line."""
    distributed.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("alone_in_a_group")
def test_processes_talk_once_a_step_however_many_micro_batches(impl: ModuleType) -> None:
    talks: list[int] = []

    def talk(state: object, bucket: distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
        talks.append(len(bucket.gradients()))
        future: torch.futures.Future[torch.Tensor] = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    module = DistributedDataParallel(Toy())
    module.register_comm_hook(None, talk)
    for count in (1, 2, 5):
        talks.clear()
        impl.accumulate_gradients(module, [toy_batch(number) for number in range(count)], 56)
        assert len(talks) == 1, f"{len(talks)} times for {count} micro-batches"


class Numbered:
    """A feed of random micro-batches by number."""

    batch_class, in_order, tokens_per_batch, batches_per_epoch = MaskedBatch, False, 24.0, 1000.0

    def __getitem__(self, number: int) -> MaskedBatch:
        ids = torch.randint(1, 40, (3, 8), generator=torch.Generator().manual_seed(number))
        return MaskedBatch(ids, torch.ones_like(ids), torch.where(ids % 4 == 0, ids, -100))

    def state_dict(self) -> None:
        return None


def test_the_pieces_together_resume_bit_for_bit(impl: ModuleType, tmp_path: Path) -> None:
    def go(folder: Path, stop: int | None = None) -> None:
        torch.manual_seed(0)
        model = MaskedLM(replace(TINY, vocab_size=40))
        steps = impl.train(model, masked_lm_losses, Numbered(), CONFIG, PLAN, folder)
        list(itertools.islice(steps, stop))
        steps.close()

    go(tmp_path / "whole")
    for stop in (2, None):
        go(tmp_path / "parts", stop)
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_interrupted_within_a_step_goes_on_without_a_gap(
    tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece, tmp_path: Path, workers: int
) -> None:
    asked = 0

    def interrupted(model: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        nonlocal asked
        asked += 1
        if asked == 2 * CONFIG.accumulate + 2:  # in the third step both micro-batches have been read
            raise KeyboardInterrupt
        return masked_lm_losses(model, batch)

    def go(folder: Path, losses: Losses, workers: int) -> Progress:
        feed = StreamFeed(Corpus("some", tiny_corpus.train[:200], [], []), tokenizer, CONFIG)
        *_, last = train(student_of(tiny_teacher), losses, feed, replace(CONFIG, workers=workers), PLAN, folder)
        return last

    whole = go(tmp_path / "whole", masked_lm_losses, 0)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "parts", interrupted, workers)
    parts = go(tmp_path / "parts", masked_lm_losses, workers)
    assert without_time(parts.log) == without_time(whole.log)
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_budget_decides_the_steps_and_the_epochs_limit_them(tiny_teacher: MaskedLM, stream: MemoryFeed) -> None:
    config = replace(CONFIG, precision="fp32", budget_seconds=1e9, max_epochs=2.0)
    plan = make_plan(tiny_teacher, masked_lm_losses, stream, config)
    assert plan.steps == -(-2 * stream.batches_per_epoch // config.accumulate)
    short = make_plan(tiny_teacher, masked_lm_losses, stream, replace(config, budget_seconds=1e-6))
    assert short.steps == 1
    assert make_plan(tiny_teacher, masked_lm_losses, stream, replace(config, steps=7)).steps == 7


def test_the_precisions_are_tried_in_turns(
    tiny_teacher: MaskedLM, stream: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidistil.ch08_training.trial.SLOWER", math.inf)  # whatever this machine is good at
    tried = []

    def losses(model: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        tried.append(("bf16" if torch.is_autocast_enabled("cpu") else "fp32", batch.input_ids.shape))
        return masked_lm_losses(model, batch)

    measured = trial_seconds(tiny_teacher, losses, stream, replace(CONFIG, steps=60), ("fp32", "bf16"))
    shapes = [batch.input_ids.shape for batch in stream.typical(3)]
    assert tried == [(precision, shape) for shape in shapes for precision in ("fp32", "bf16") * 2]
    assert {name: len(times) for name, times in measured.items()} == {"fp32": 3, "bf16": 3}


@pytest.mark.parametrize("late", [0, 1])
def test_a_step_that_was_held_up_does_not_choose_the_precision(
    tiny_teacher: MaskedLM, stream: MemoryFeed, late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of a shape, which makes its kernels, or a later one, while the machine does something else."""
    monkeypatch.setattr("minidistil.ch08_training.trial.SLOWER", math.inf)
    calls = 0

    def losses(model: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        nonlocal calls
        if torch.is_autocast_enabled("cpu"):
            time.sleep(0.5 if calls % 2 == late else 0)
            calls += 1
        return masked_lm_losses(model, batch)

    measured = trial_seconds(tiny_teacher, losses, stream, replace(CONFIG, steps=60), ("fp32", "bf16"))
    assert calls == 6
    assert max(measured["bf16"]) < 0.5


def test_a_precision_that_this_machine_is_slow_in_is_given_up(tiny_teacher: MaskedLM, stream: MemoryFeed) -> None:
    """As bf16 is on a CPU without instructions for it: minutes for the longer batches."""
    tried = []

    def losses(model: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        tried.append("bf16" if torch.is_autocast_enabled("cpu") else "fp32")
        time.sleep(2.0 if tried[-1] == "bf16" else 0.0)
        return masked_lm_losses(model, batch)

    measured = trial_seconds(tiny_teacher, losses, stream, replace(CONFIG, steps=60), ("fp32", "bf16"))
    assert tried == ["fp32", "bf16"] * 2 + ["fp32"] * 4
    assert {name: len(times) for name, times in measured.items()} == {"fp32": 3}


def test_the_faster_precision_is_taken_and_counts_the_steps(
    tiny_teacher: MaskedLM, stream: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = {"fp32": [2.0, 2.0, 4.0], "bf16": [1.0, 1.0, 4.0]}
    monkeypatch.setattr("minidistil.ch08_training.trial.trial_seconds", lambda *arguments: measured)
    config = replace(CONFIG, precision="auto", steps=None, budget_seconds=60.0, max_epochs=1e6, accumulate=2)
    plan = make_plan(tiny_teacher, masked_lm_losses, stream, config)
    assert (plan.precision, plan.seconds_per_step, plan.steps) == ("bf16", 4.0, 15)


@pytest.mark.parametrize("place", [0, 1])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_step(
    tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path, place: int
) -> None:
    run(tiny_teacher, stream, tmp_path, stop=2)
    good = final_weights(tmp_path)
    losses, number = distillation_losses(tiny_teacher, CONFIG), 4 + place

    def spoilt(student: MaskedLM, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        terms = losses(student, batch)
        if torch.equal(batch.labels, stream[number].labels):
            terms = {**terms, "cos": terms["cos"] * torch.inf, "loss": terms["loss"] * torch.nan}
        return terms

    count, length = stream[number].input_ids.shape
    where = rf"micro-batch {number} \({count} sequences of up to {length} tokens"
    message = f"Training stopped in step 3: cos is inf in {where}"
    with pytest.raises(ValueError, match=message):
        list(train(student_of(tiny_teacher), spoilt, stream, CONFIG, PLAN, tmp_path))
    assert all(torch.equal(good[name], tensor) for name, tensor in final_weights(tmp_path).items())
    kept = json.loads((tmp_path / "not-finite.json").read_text())
    for name in ("input_ids", "attention_mask", "labels"):
        assert kept[name] == getattr(stream[number], name).tolist()
    run(tiny_teacher, stream, tmp_path)  # and it goes on from there


def test_a_gradient_that_is_not_finite_stops_the_run_too(
    tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path
) -> None:
    student = student_of(tiny_teacher)
    student.head.bias.register_hook(lambda gradient: gradient * torch.inf)
    losses = distillation_losses(tiny_teacher, CONFIG)
    with pytest.raises(ValueError, match=r"in step 1: the losses of micro-batches 0 to 1 are finite, .* (nan|inf)"):
        list(train(student, losses, stream, CONFIG, PLAN, tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_norm_of_a_large_gradient_is_that_of_float64() -> None:
    parameters = [torch.nn.Parameter(torch.empty(shape)) for shape in ((30522, 64), (30522,), (64, 64), (1,))]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter) ** 5  # some far larger than most
    norm = sum(float((g.double() ** 2).sum()) for g in (p.grad for p in parameters) if g is not None) ** 0.5
    assert gradient_norm(parameters) == pytest.approx(norm, rel=1e-6)


def test_a_corrected_plan_alone_decides_what_a_run_does(
    tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path
) -> None:
    plan = replace(PLAN, corrections=[[1, 9], [4, 8]])
    run(tiny_teacher, stream, tmp_path / "whole", plan)
    for stop in (1, 2, 3):
        run(tiny_teacher, stream, tmp_path / "parts", plan, stop)
    last = run(tiny_teacher, stream, tmp_path / "parts", plan)
    assert last.step == 8
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_damaged_checkpoint_is_named(tiny_teacher: MaskedLM, stream: MemoryFeed, tmp_path: Path) -> None:
    run(tiny_teacher, stream, tmp_path, stop=1)
    (path,) = tmp_path.glob("step-*")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"step-00000001\.safetensors is damaged or belongs to another run"):
        run(tiny_teacher, stream, tmp_path)


def test_the_papers_settings_are_the_published_ones() -> None:
    paper = DistilConfig.paper()
    published = {
        "alpha_ce": 5.0, "alpha_mlm": 2.0, "alpha_cos": 1.0, "temperature": 2.0, "learning_rate": 5e-4,
        "betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 0.0, "warmup_share": 0.05, "max_grad_norm": 5.0,
        "batch_size": 5, "accumulate": 50, "max_epochs": 3.0, "seed": 56, "mask_share": 0.15,
        "mask_smoothing": 0.7, "dropout": 0.1, "max_length": 512, "ce_positions": "all", "freeze_positions": True,
        "log_every": 500, "layers": None,
    }  # fmt: skip
    assert {name: getattr(paper, name) for name in published} == published


def test_the_papers_run_ends_by_its_epochs(tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece) -> None:
    config = replace(DistilConfig.paper(), batch_size=4, accumulate=2, max_length=32, precision="fp32")
    losses = distillation_losses(tiny_teacher, config)
    some = Corpus("some", tiny_corpus.train[:200], [], [])
    feed = MemoryFeed(sequences(some.train, tokenizer, 32), tokenizer, config)
    assert make_plan(student_of(tiny_teacher), losses, feed, config).steps == -(-3 * feed.batches_per_epoch // 2)
    with pytest.raises(ValueError, match="--budget or --steps"):
        make_plan(student_of(tiny_teacher), losses, StreamFeed(some, tokenizer, config), config)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: expected 1 or more"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0: expected a finite number above 0"),
        ({"precision": "fp8"}, "precision is fp8: expected auto or fp32 or bf16"),
        ({"workers": -1}, "workers is -1: expected 0 or more"),
        ({"max_length": 2}, "max_length is 2: expected 3 or more"),
        ({"budget_seconds": 0.0}, "budget_seconds is 0.0: expected a number above 0, or None"),
        ({"temperature": 0.0}, "temperature is 0.0: expected a number above 0"),
        ({"mask_share": 1.5}, "mask_share is 1.5: expected a number from 0 to below 1"),
        ({"ce_positions": "some"}, "ce_positions is some"),
        ({"alpha_mse": -1.0}, "alpha_mse is -1.0: expected 0 or more"),
        ({"alpha_ce": 0.0, "alpha_mlm": 0.0, "alpha_cos": 0.0}, "are all 0: there is nothing to minimise"),
    ],
)
def test_bad_settings_are_explained(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistilConfig(**setting)  # type: ignore[arg-type]
