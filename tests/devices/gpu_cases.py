"""Every public function that runs a model works on a device that is not the CPU, imitated; see imitated_gpu.

Run by test_gpu in a process of its own.
"""

import contextlib
import dataclasses
import itertools
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import minidistil as md
from minidistil.bench.gpu import resumed
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch02_masking.masking import choose_positions, mask_tokens
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch06_losses import toy_language
from minidistil.ch07_student.student import layer_cosines
from minidistil.ch08_training import training
from minidistil.ch08_training.cost import measure
from minidistil.ch08_training.device import best_device, in_16_bits
from minidistil.ch08_training.feed import MaskedBatch
from minidistil.ch08_training.objectives import distillation_losses, masked_lm_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.step_numbers import LateStepNumbers
from minidistil.ch08_training.training import Step, accumulate_gradients, clip_gradients, make_optimizer, train
from minidistil.ch09_evaluation.held_out import masked_documents
from minidistil.ch09_evaluation.speed import speedup_by_shape
from minidistil.ch10_tasks.conll import load_conll
from minidistil.ch10_tasks.glue import load_glue
from minidistil.ch10_tasks.question_answers import answer
from minidistil.ch10_tasks.squad import Squad, read_squad
from minidistil.ch10_tasks.tasks import Dataset
from minidistil.ch11_smaller_faster.export import sample
from minidistil.ch11_smaller_faster.int8 import to_int8
from minidistil.ch11_smaller_faster.quantisation import signal_to_noise
from minidistil.ch12_bias.bias import word_probabilities
from minidistil.ch12_bias.probe_sentences import Probe
from minidistil.files import data_folder
from minidistil.runs.finetuning import FinetuneConfig, finetune
from tests.devices.imitated_gpu import GPU, Mode, imitated_gpu
from tests.devices.small import DOCUMENTS, SETTINGS, a_feed, small


@pytest.fixture(scope="module")
def tokenizer() -> md.WordPiece:
    return md.WordPiece.from_pretrained("minilm")


def waits_of_a_step(tokenizer: md.WordPiece, precision: str, float64: bool = True, **changes: Any) -> Mode:
    """What the second step of a distillation makes the program wait for."""
    config = dataclasses.replace(SETTINGS, **changes)
    feed = a_feed(tokenizer, config)
    with imitated_gpu(float64) as mode:
        teacher = small().to(GPU).requires_grad_(False)
        student = md.student_of(teacher).train()
        assert next(student.parameters()).device == GPU
        optimizer = make_optimizer(student, config)
        module = Step(student, distillation_losses(teacher, config), precision, MaskedBatch)
        for number in range(2):
            mode.waits.clear()
            mode.attention.clear()
            accumulate_gradients(module, [(number, feed[number])], config.seed)
            clip_gradients(list(student.parameters()), config.max_grad_norm)
            optimizer.step()
    return mode


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("positions", ["masked", "all"])
def test_a_micro_batch_waits_for_the_device_three_times_at_most(
    tokenizer: md.WordPiece, positions: str, precision: str
) -> None:
    mode = waits_of_a_step(tokenizer, precision, ce_positions=positions)
    assert sum(mode.waits.values()) <= 3, mode.waits


def test_a_model_that_is_not_trained_is_copied_in_16_bits() -> None:
    with imitated_gpu():
        teacher = small().to(GPU)
        weight = in_16_bits(teacher, "bf16").get_parameter("encoder.layers.1.expand.weight")
        assert (weight.dtype, weight.device) == (torch.bfloat16, GPU)
        assert {each.dtype for each in teacher.parameters()} == {torch.float32}
        assert in_16_bits(teacher, "fp32") is teacher


def test_a_batch_without_padding_needs_no_attention_mask() -> None:
    ids = torch.randint(5, 300, (2, 6))
    whole = MaskedBatch(ids, torch.ones_like(ids), torch.where(ids % 3 == 0, ids, -100))
    assert whole.padding is None
    padded = MaskedBatch(ids, torch.tensor([[1] * 6, [1] * 5 + [0]]), whole.labels)
    assert padded.padding is padded.attention_mask


def test_a_step_without_float64(tokenizer: md.WordPiece) -> None:
    waits_of_a_step(tokenizer, "fp32", float64=False)


def fill(tokenizer: md.WordPiece) -> None:
    model = small().to(GPU)
    md.fill_mask(["The [MASK] is here.", "A [MASK] of the [MASK]."], model, tokenizer, targets=["list", "file"])


def embed(tokenizer: md.WordPiece) -> None:
    vectors = md.embed(["a text", "another, longer one"], md.SentenceEncoder(small().config).eval().to(GPU), tokenizer)
    assert vectors.numpy().shape == (2, 32)


def evaluate(tokenizer: md.WordPiece) -> None:
    text, teacher = masked_documents(DOCUMENTS[:20], tokenizer, 64), small().to(GPU)
    student = md.student_of(teacher)
    md.score(student, text)
    md.compare(teacher, student, text)
    speedup_by_shape(teacher, student, [(1, 8)], repeats=1)


def bias(tokenizer: md.WordPiece) -> None:
    word_probabilities(Probe(words=("nurse", "miner")), small().to(GPU), tokenizer)


def toy(tokenizer: md.WordPiece) -> None:
    language = toy_language.toy_language()
    quiz = toy_language.make_quiz(language, 40, 7, seed=1, share=0.25)
    model = toy_language.small_model(language, 1, 32, 0).to(GPU)
    toy_language.learn(model, quiz, toy_language.as_logits(quiz.truth), quiz, 11, 0)


def masks(tokenizer: md.WordPiece) -> None:
    ids = torch.randint(1000, 2000, (4, 16))
    found = []
    for each in (ids, ids.to(GPU)):
        draw = torch.Generator().manual_seed(1)
        chosen = choose_positions(each, (0, 100, 101, 102, 103), 0.15, generator=draw)
        found.append(mask_tokens(each, chosen, 103, 30522, draw)[0].tolist())
    assert found[0] == found[1]


def cosines(tokenizer: md.WordPiece) -> None:
    batch = {name: ids.to(GPU) for name, ids in tokenizer.batch(["a text", "another, longer one"]).items()}
    states = small().to(GPU)(**batch, output_hidden_states=True).hidden_states
    layer_cosines(states, states, batch["attention_mask"])


def an_answer(tokenizer: md.WordPiece) -> None:
    model = md.QuestionAnswering(head_config(Squad().id2label)).to(GPU).eval()
    answer("Who?", "Ada wrote the first program.", model, tokenizer)


CASES: list[Callable[[md.WordPiece], None]] = [fill, embed, evaluate, bias, toy, masks, cosines, an_answer]


@pytest.mark.parametrize("float64", [True, False], ids=["float64", "no float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_model_on_the_device(tokenizer: md.WordPiece, case: Callable[[md.WordPiece], None], float64: bool) -> None:
    with imitated_gpu(float64):
        case(tokenizer)


def test_int8_export_and_cost_on_the_device() -> None:
    with imitated_gpu():
        model = small().to(GPU)
        inputs = sample(model, 2, 8)
        signal_to_noise(model(**inputs).logits, to_int8(model)(**inputs).logits)
        measure(small().config, md.DistilConfig(batch_size=2, max_length=32, ce_positions="all", layers=(0, 2)))


@pytest.mark.parametrize("float64", [True, False], ids=["float64", "no float64"])
def test_a_distillation_moves_both_models(tmp_path: Path, float64: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.runs.text_run.device_operations", lambda device, precision: 1e12)  # slow here
    config = dataclasses.replace(SETTINGS, steps=4, validate_every=2)
    text = Corpus("words", DOCUMENTS, DOCUMENTS[:20], DOCUMENTS[:20])
    with imitated_gpu(float64):
        teacher = small()
        student = md.student_of(teacher)
        run = md.distil(teacher, student, text, config, tmp_path, device=best_device())
        assert {next(each.parameters()).device for each in (teacher, student)} == {GPU}
    assert run.metrics["steps"] == 4


def test_models_on_two_devices_are_refused(tmp_path: Path) -> None:
    text = Corpus("words", DOCUMENTS, DOCUMENTS[:20], DOCUMENTS[:20])
    with imitated_gpu():
        teacher = small()
        student = md.student_of(teacher).to(GPU)
        with pytest.raises(ValueError, match=r"cpu and gpu:0.*device="):
            md.distil(teacher, student, text, SETTINGS, tmp_path)


def test_a_resumed_run_on_the_device_equals_an_uninterrupted_one(tokenizer: md.WordPiece, tmp_path: Path) -> None:
    feed, plan, ends = a_feed(tokenizer, SETTINGS), Plan(6, "bf16", 1.0), []
    with imitated_gpu():
        teacher = small().to(GPU).requires_grad_(False)
        losses = distillation_losses(teacher, SETTINGS)
        for name, stops in (("whole", [None]), ("parts", [2, 2, None])):
            for stop in stops:
                student = md.student_of(teacher)
                steps: Any = train(student, losses, feed, SETTINGS, plan, tmp_path / name)
                for _ in itertools.islice(steps, stop):
                    pass
                steps.close()
            ends.append(torch.cat([parameter.detach().cpu().flatten() for parameter in student.parameters()]))
    assert torch.equal(*ends)


def trained(
    tokenizer: md.WordPiece,
    folder: Path,
    steps: int,
    losses: Any = None,
    stop: int | None = None,
    gpu: bool = True,
    **changes: Any,
) -> Any:
    """Student, progress and waits of each step of a training, which is stopped after some of its steps."""
    settings = {"validate_every": None, "dropout": 0.0, "checkpoint_seconds": 1e9} | changes
    config = dataclasses.replace(SETTINGS, **settings)
    feed, plan, waits = a_feed(tokenizer, config), Plan(steps, "fp32", 1.0), []
    with imitated_gpu() if gpu else contextlib.nullcontext() as mode:
        teacher = small().to(GPU if gpu else "cpu").requires_grad_(False)
        student = md.student_of(teacher)
        run: Any = train(student, losses or distillation_losses(teacher, config), feed, config, plan, folder)
        for each in itertools.islice(run, stop):
            progress = each
            if mode:
                waits.append(sum(mode.waits.values()))
                mode.waits.clear()
        run.close()
        return student.cpu(), progress, waits


def test_numbers_are_read_when_the_log_has_a_line_and_no_step_waits_for_them(
    tokenizer: md.WordPiece, tmp_path: Path
) -> None:
    _, progress, waits = trained(tokenizer, tmp_path, 8, log_every=5)
    assert [line["step"] for line in progress.log] == [5, 8]
    assert waits[1:4] == [0, 0, 0]
    assert waits[4] > 0
    assert waits[5:7] == [0, 0]


def test_what_is_read_late_is_what_the_cpu_reads_at_once(tokenizer: md.WordPiece, tmp_path: Path) -> None:
    ours, late, _ = trained(tokenizer, tmp_path / "gpu", 7, log_every=3)
    expected, at_once, _ = trained(tokenizer, tmp_path / "cpu", 7, gpu=False, log_every=3)
    assert (late.step, late.tokens) == (at_once.step, at_once.tokens)
    for line, other in zip(late.log, at_once.log, strict=True):
        for name in ("step", "tokens", "effective_batch", "learning_rate"):
            assert line[name] == other[name], name
        for name in ("loss", "ce", "mlm", "cos", "gradient_norm"):
            assert line[name] == pytest.approx(other[name], rel=1e-3), name
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, expected.get_parameter(name), atol=1e-4, rtol=0)


def test_a_step_that_is_not_finite_is_reported_late_and_changes_nothing(
    tokenizer: md.WordPiece, tmp_path: Path
) -> None:
    calls = itertools.count(1)

    def spoilt(student: Any, batch: Any) -> dict[str, torch.Tensor]:
        terms = masked_lm_losses(student, batch)
        return {"loss": terms["loss"] * (float("nan") if next(calls) == 3 else 1.0)}

    with pytest.raises(ValueError, match="stopped in step 3: loss is nan in micro-batch 2"):
        trained(tokenizer, tmp_path / "run", 9, spoilt, log_every=100)
    (checkpoint,) = (tmp_path / "run").glob("step-*.safetensors")
    assert checkpoint.name == "step-00000002.safetensors"
    trained(tokenizer, tmp_path / "other", 9, masked_lm_losses, stop=2, log_every=100)
    ours, expected = (load_file(tmp_path / name / checkpoint.name) for name in ("run", "other"))
    assert ours.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ours.items())


def test_steps_are_read_after_ten_and_checkpoints_written_when_they_are_read(
    tokenizer: md.WordPiece, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, int]] = []
    save = training._save

    def noted(*given: Any) -> None:
        saved.append((given[3].step, given[3].tokens))
        save(*given)

    monkeypatch.setattr(training, "_save", noted)
    _, progress, _ = trained(tokenizer, tmp_path / "gpu", 12, log_every=100, checkpoint_seconds=0.0)
    assert [step for step, _ in saved] == [2, 10, 12]  # 2: a tenth of the plan
    at_once = trained(tokenizer, tmp_path / "cpu", 12, gpu=False, log_every=1)[1]
    tokens = {line["step"]: line["tokens"] for line in at_once.log}
    assert all(count == tokens[step] for step, count in saved)
    assert progress.tokens == tokens[12]


def test_an_interrupt_while_numbers_are_read_waits_until_they_are(
    tokenizer: md.WordPiece, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = LateStepNumbers.count

    def interrupted(self: LateStepNumbers, step: Any, numbers: Any, number: int) -> None:
        if number == 5:
            signal.raise_signal(signal.SIGINT)
        count(self, step, numbers, number)

    monkeypatch.setattr(LateStepNumbers, "count", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tokenizer, tmp_path / "run", 12, log_every=100)
    (checkpoint,) = (tmp_path / "run").glob("step-*.safetensors")
    with safe_open(checkpoint, "pt") as file:
        found = json.loads(file.metadata()["progress"])
    at_once = trained(tokenizer, tmp_path / "cpu", 12, gpu=False, log_every=1)[1]
    assert (found["step"], found["tokens"]) == (10, at_once.log[9]["tokens"])


def test_the_run_of_the_benchmark_resumes_on_the_device() -> None:
    with imitated_gpu():
        assert resumed(GPU, "bf16") == "resumed bit for bit; twice the same run bit for bit"


def head_config(id2label: Any) -> ClassifierConfig:
    return ClassifierConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, id2label=id2label
    )


def some_data(kind: str) -> Dataset:
    samples = data_folder() / "samples"
    if kind == "squad":
        questions = read_squad(samples / "questions.json")[:6]
        return Dataset(Squad(), questions, {"validation": questions})
    data = load_glue("sst-2", samples) if kind == "glue" else load_conll(samples / "names.conll")
    few = {"validation": data.validation["validation"][:8]}
    return dataclasses.replace(data, train=data.train[:24], validation=few)


@pytest.mark.parametrize("kind", ["glue", "conll", "squad"])
def test_fine_tuning_moves_both_models(tmp_path: Path, kind: str) -> None:
    data, config = some_data(kind), FinetuneConfig(epochs=1, batch_size=6, max_length=96)
    with imitated_gpu(float64=False):
        model, teacher = (data.task.model_class(head_config(data.task.id2label)) for _ in range(2))
        finetune(model, data, config, tmp_path, teacher=teacher, device=best_device())
        assert next(model.parameters()).device == GPU
