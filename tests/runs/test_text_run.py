"""A run's folder: what is logged, a plan that is kept, pairs that cannot be distilled."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from minidistil import plots
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.checkpoints import Progress, save_checkpoint, training_state
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import make_optimizer
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import masked_text
from minidistil.runs.distillation import distil
from minidistil.runs.run_folder import RunFolder
from tests.conftest import TINY

CONFIG = DistilConfig(
    steps=9, batch_size=4, max_length=32, precision="fp32", log_every=5, validate_every=3, dropout=0.1
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(docs_corpus: Corpus) -> Corpus:
    return Corpus("some", docs_corpus.train[:60], docs_corpus.validation[:10], docs_corpus.test[:10])


def small(**changes: Any) -> MaskedLM:
    torch.manual_seed(0)
    return MaskedLM(replace(TINY, **changes))


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_log_tells_what_a_run_does(corpus: Corpus, tmp_path: Path, tokenizer: WordPiece) -> None:
    teacher = small()
    student = student_of(teacher)
    run = distil(teacher, student, corpus, CONFIG, tmp_path, tokenizer)
    log = lines(tmp_path)
    assert log == run.log
    assert [line["step"] for line in log] == [3, 5, 6, 9]
    assert [line["step"] for line in log if "validation_loss" in line] == [3, 6, 9]
    for before, line in zip([{"tokens": 0, "seconds": 0.0}, *log], log, strict=False):
        assert line["effective_batch"] == 4
        assert line.keys() >= {"loss", "ce", "mlm", "cos", "gradient_norm", "learning_rate", "peak_memory_mib"}
        tokens, seconds = line["tokens"] - before["tokens"], line["seconds"] - before["seconds"]
        # Both times are rounded to hundredths, and a step of this small model takes no more than a few of them.
        assert line["tokens_per_second"] >= tokens / (seconds + 0.011) - 1
        assert line["tokens_per_second"] <= tokens / max(seconds - 0.011, 1e-3) + 1
        assert 100 < line["peak_memory_mib"] < 100_000
    # The last look at held-out text is one at the finished model.
    text = masked_text(sequences(corpus.validation, tokenizer, 32)[:128], tokenizer)
    assert log[-1]["validation_accuracy"] == score(student, text).accuracy


def test_utilisation_is_the_models_operations_over_the_devices(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidistil.runs.text_run.device_operations", lambda device, precision: 1e9)
    teacher = small()
    run = distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path, tokenizer)
    cut = sequences(corpus.train, tokenizer, 32)
    length = sum(map(len, cut)) / len(cut)
    d, i, v, share = TINY.hidden_size, TINY.intermediate_size, TINY.vocab_size, CONFIG.mask_share
    layer, head = 8 * d * d + 4 * d * i + 4 * length * d, 2 * share * (d * d + d * v)  # Chowdhery et al., appendix B
    layers = TINY.num_hidden_layers
    a_token = layers * layer + head + 3 * (layers // 2 * layer + head)
    for line in run.log:
        assert line["utilisation"] == pytest.approx(line["tokens_per_second"] * a_token / 1e9, rel=0.02, abs=6e-5)
    assert run.metrics["utilisation"] == pytest.approx(run.metrics["tokens_per_second"] * a_token / 1e9, rel=0.02)


def test_looking_at_held_out_text_changes_nothing(corpus: Corpus, tmp_path: Path, tokenizer: WordPiece) -> None:
    weights = []
    for name, every in (("with", 3), ("without", None)):
        teacher = small()
        distil(teacher, student_of(teacher), corpus, replace(CONFIG, validate_every=every), tmp_path / name, tokenizer)
        weights.append(load_file(tmp_path / name / "model" / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_corrected_plan_is_kept_and_repeats_the_run(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    guess = Plan(20, "fp32", 0.075)  # however fast this machine is
    monkeypatch.setattr("minidistil.runs.text_run.make_plan", lambda *arguments: guess)
    config = replace(CONFIG, steps=None, budget_seconds=1.5, max_epochs=1000)
    teacher = small()
    run = distil(teacher, student_of(teacher), corpus, config, tmp_path / "first", tokenizer)
    settings = json.loads((tmp_path / "first" / "config.json").read_text())
    *_, (after, steps) = settings["plan"]["corrections"]
    assert 0 < after < steps == run.metrics["steps"]
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "config.json").write_text(json.dumps(settings))
    teacher = small()
    again = distil(teacher, student_of(teacher), corpus, config, tmp_path / "second", tokenizer)
    assert [line["loss"] for line in again.log] == [line["loss"] for line in run.log]
    first, second = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("first", "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_curves_are_drawn_as_the_run_goes(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def save(figure: Any, path: Path) -> None:
        drawn.append(figure)
        path.write_bytes(b"drawn")

    monkeypatch.setattr("minidistil.runs.run_log.REDRAW_SECONDS", 0.0)
    monkeypatch.setattr(plots, "save", save)
    teacher = small()
    distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path, tokenizer)
    points = [len(figure.axes[0].lines[0].get_xdata()) for figure in drawn]
    assert points == [1, 2, 3, 4, 4]


def test_what_is_logged_goes_to_tensorboard_where_it_is_installed(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    scalars: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: Path):
            assert folder == tmp_path / "tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            scalars.append((name, value, step))

        def close(self) -> None:
            scalars.append(("closed", 0.0, 0))

    monkeypatch.setattr("minidistil.runs.run_log._tensorboard", Writer)
    teacher = small()
    run = distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path, tokenizer)
    logged = [(name, value, line["step"]) for line in run.log for name, value in line.items()]
    assert scalars == [*logged, ("closed", 0.0, 0)]


def test_tensorboard_has_the_same_curves(corpus: Corpus, tmp_path: Path, tokenizer: WordPiece) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    teacher = small()
    distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path, tokenizer)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in ("loss", "learning_rate", "validation_accuracy"):
        logged = {line["step"]: line[name] for line in lines(tmp_path) if name in line}
        assert {event.step: event.value for event in events.Scalars(name)} == pytest.approx(logged)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ({"vocab_size": 30000}, r"vocabulary.* 30000 .* 30522"),
        ({"hidden_size": 16}, r"hidden_size is 16, .* 32: .* alpha_cos=0"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_refused(
    student: dict[str, int], message: str, corpus: Corpus, tmp_path: Path, tokenizer: WordPiece
) -> None:
    with pytest.raises(ValueError, match=message):
        distil(small(), small(**student), corpus, CONFIG, tmp_path / "run", tokenizer)
    assert not (tmp_path / "run").exists()


def test_a_narrower_student_can_do_without_the_cosine(corpus: Corpus, tmp_path: Path, tokenizer: WordPiece) -> None:
    config = replace(CONFIG, alpha_cos=0.0)
    run = distil(small(), small(hidden_size=16), corpus, config, tmp_path, tokenizer)
    assert "cos" not in run.log[-1]
    assert run.metrics["hidden_cosine"] is None
    assert "hidden_cosine" not in run.metrics["intervals"]
    assert run.metrics["student_parameters"] < run.metrics["teacher_parameters"]


def test_the_cosine_alone_trains_and_resumes(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, alpha_ce=0.0, alpha_mlm=0.0)
    teacher = small()
    student = student_of(teacher)
    head = {name: tensor.clone() for name, tensor in student.head.state_dict().items() if "word" not in name}
    run = distil(teacher, student, corpus, config, tmp_path / "whole", tokenizer)
    assert run.log[-1]["cos"] < run.log[0]["cos"]
    assert all(torch.equal(student.head.state_dict()[name], tensor) for name, tensor in head.items())
    stop_after(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        distil(teacher, student_of(teacher), corpus, config, tmp_path / "parts", tokenizer)
    monkeypatch.undo()
    again = student_of(teacher)
    distil(teacher, again, corpus, config, tmp_path / "parts", tokenizer)
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in student.state_dict().items())


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(folder: RunFolder, plan: Plan, progress: Progress, *others: object) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr("minidistil.runs.distillation.keep_to_budget", interrupt)


def test_a_run_stopped_behind_its_last_step_is_finished_by_the_next_call(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    teacher = small()
    whole = distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path / "whole", tokenizer)
    monkeypatch.setattr("minidistil.runs.distillation.compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path / "parts", tokenizer)
    monkeypatch.undo()
    run = distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path / "parts", tokenizer)
    for name in ("steps", "tokens", "student_masked_accuracy"):
        assert run.metrics[name] == whole.metrics[name]
    assert [line["loss"] for line in lines(tmp_path / "parts")] == [line["loss"] for line in whole.log]
    assert (tmp_path / "parts" / "curves.png").stat().st_size > 0


def test_a_finished_run_gives_its_student_back_and_is_of_one_teacher(
    corpus: Corpus, tmp_path: Path, tokenizer: WordPiece
) -> None:
    teacher = small()
    trained, again = student_of(teacher), student_of(teacher)
    distil(teacher, trained, corpus, CONFIG, tmp_path, tokenizer)
    assert distil(teacher, again, corpus, CONFIG, tmp_path, tokenizer).was_finished
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in trained.state_dict().items())
    other = small()
    with torch.no_grad():
        other.head.bias[0] += 1
    with pytest.raises(ValueError, match=r"holds a run with other settings \(teacher "):
        distil(other, student_of(other), corpus, CONFIG, tmp_path, tokenizer)


def test_the_place_that_a_run_needs_is_what_it_has_not_got_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    size = 4 * sum(parameter.numel() for parameter in model.parameters())
    usage = shutil.disk_usage(tmp_path)._replace(free=6 * size)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    folder = RunFolder(tmp_path, {}, print)
    with pytest.raises(OSError, match="are free in"):
        folder.require_room_for(model)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-00000007.safetensors").write_bytes(bytes(3 * size))
    folder.require_room_for(model)  # a run that can go on
    usage = usage._replace(free=0)
    (tmp_path / "metrics.json").write_text("{}")
    folder.require_room_for(model)  # a run that is finished


def test_a_checkpoint_of_another_model_is_refused(corpus: Corpus, tmp_path: Path, tokenizer: WordPiece) -> None:
    other = MaskedLM(EncoderConfig(**{**vars(TINY), "num_hidden_layers": 1}))
    save_checkpoint(tmp_path / "checkpoints", training_state(other, make_optimizer(other, CONFIG)), Progress(step=3))
    teacher = small()
    with pytest.raises(ValueError, match="is damaged or belongs to another run"):
        distil(teacher, student_of(teacher), corpus, CONFIG, tmp_path, tokenizer)
