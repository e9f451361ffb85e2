"""Chapter 10's loop: what is learnt, what is kept, what a killed run becomes, what a teacher adds, what is refused."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch10_tasks.glue import GLUE, Example
from minidistil.ch10_tasks.load import load, loaders
from minidistil.ch10_tasks.squad import Squad
from minidistil.ch10_tasks.tasks import Dataset, Feature, TaskBatch, collate, predict, task_losses
from minidistil.cli.finetune import RECORDED, record
from minidistil.cli.main import main
from minidistil.files import data_folder
from minidistil.runs import finetuning as module
from minidistil.runs.finetuning import finetune

TINY = EncoderConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, initializer_range=0.1
)
CONFIG = FinetuneConfig(
    epochs=3, batch_size=8, learning_rate=1e-2, precision="fp32", max_length=16, dropout=0.1, checkpoint_seconds=1e-9
)
WITHOUT_DROPOUT = replace(CONFIG, epochs=5, dropout=0.0)
WORDS = ("good fine great nice", "bad poor awful ugly")


def examples(count: int) -> list[Example]:
    """Easy ones: a word tells the class."""
    return [
        Example(f"it was a {WORDS[1 - label].split()[place % 4]} {thing}", None, label)
        for place in range(count)
        for label, thing in [(place % 2, ("film", "book", "song")[place % 3])]
    ]


EASY = Dataset(GLUE["sst-2"], examples(48), {"validation": examples(24)})


def fresh(seed: int = 0, config: EncoderConfig = TINY) -> SequenceClassifier:
    torch.manual_seed(seed)
    return SequenceClassifier(ClassifierConfig(**asdict(config), id2label=GLUE["sst-2"].id2label)).eval()


def weights(folder: Path) -> dict[str, Tensor]:
    return dict(SequenceClassifier.from_pretrained(folder / "model").state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("run")
    said: list[str] = []
    finetune(fresh(), EASY, CONFIG, folder, say=said.append)
    return folder, said


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learnt")
    finetune(fresh(), EASY, WITHOUT_DROPOUT, folder)
    return folder


def test_an_easy_task_is_learnt(learnt: Path) -> None:
    assert json.loads((learnt / "metrics.json").read_text())["score"] > 0.9


def test_a_run_leaves_its_figures(finished: tuple[Path, list[str]]) -> None:
    folder, said = finished
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["score"] == metrics["metrics"]["validation"]["accuracy"]
    assert [look["epoch"] for look in metrics["epochs"]] == [1, 2, 3]
    assert metrics["steps"] == 18
    assert metrics["examples"] == {"train": 48, "validation": 24}
    assert metrics["classes"] == ["negative", "positive"]
    assert sum(map(sum, metrics["confusion"])) == 24
    assert metrics["confusion"][0][0] + metrics["confusion"][1][1] == pytest.approx(24 * metrics["score"])
    assert sum("accuracy" in line for line in said) == 3
    assert not (folder / "checkpoints").exists()
    for picture in ("curves.png", "confusion.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_a_report_has_every_look_and_the_best_in_bold(finished: tuple[Path, list[str]]) -> None:
    folder, _ = finished
    report = (folder / "report.md").read_text(encoding="utf-8")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert "| epoch | validation: accuracy |" in report
    for look in metrics["epochs"]:
        cells = [str(look["epoch"]), f"{look['score']:.4f}"]
        bold = look["epoch"] == metrics["best_epoch"]
        assert f"| {' | '.join(f'**{cell}**' if bold else cell for cell in cells)} |" in report
    assert "Examples: 48 train, 24 validation." in report
    assert "(curves.png)" in report
    assert "(confusion.png)" in report
    assert f"| learning_rate | {CONFIG.learning_rate} |" in report


def test_a_finished_run_asks_for_no_space(learnt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, needed: int) -> None:
        raise OSError("full")

    monkeypatch.setattr("minidistil.runs.run_folder.require_space", full)
    assert finetune(fresh(), EASY, WITHOUT_DROPOUT, learnt).was_finished


def test_the_kept_model_is_the_best_one_and_transformers_loads_it(
    finished: tuple[Path, list[str]], tokenizer: WordPiece
) -> None:
    folder, _ = finished
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["best_epoch"] == max(metrics["epochs"], key=lambda look: look["score"])["epoch"]
    model = SequenceClassifier.from_pretrained(folder / "model")
    rows = EASY.validation["validation"]
    features = EASY.task.features(rows, tokenizer, 16)
    assert EASY.task.metrics(rows, features, predict(model, features, 0)) == metrics["metrics"]["validation"]
    official, report = AutoModelForSequenceClassification.from_pretrained(folder / "model", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    batch = tokenizer.batch([rows[0].text])
    with torch.no_grad():
        assert torch.allclose(official.eval()(**batch).logits, model(**batch).logits, atol=1e-5)


class Wavering:
    """A task whose metric is made up: the second look is the best one."""

    name, id2label, model_class, decisive = "wavering", GLUE["sst-2"].id2label, SequenceClassifier, ("luck",)

    def __init__(self, *luck: float):
        self.luck = list(luck)

    def features(self, rows: Sequence[Example], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        return GLUE["sst-2"].features(rows, tokenizer, max_length)

    def metrics(self, rows: object, features: object, predictions: object) -> dict[str, float]:
        return {"luck": self.luck.pop(0), "other": 1.0}


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    task = Wavering(0.1, 0.9, 0.9)
    model = fresh()
    run = finetune(model, Dataset(task, EASY.train, EASY.validation), CONFIG, tmp_path)
    assert (run.metrics["best_epoch"], run.metrics["score"]) == (2, 0.9), "of equal ones the first; by `decisive` alone"
    assert not same(weights(tmp_path), dict(model.state_dict()))


def test_of_several_development_sets_the_first_decides(tmp_path: Path) -> None:
    validation = {"matched": examples(8), "mismatched": examples(6)}
    run = finetune(fresh(), replace(EASY, validation=validation), CONFIG, tmp_path)
    assert list(run.metrics["metrics"]) == ["matched", "mismatched"]
    assert run.metrics["score"] == run.metrics["metrics"]["matched"]["accuracy"]


@pytest.mark.parametrize("when", [1, 6, 8, 12, 18])
def test_a_killed_run_becomes_the_uninterrupted_one(
    when: int, finished: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after a step or, at the end of an epoch (6, 12, 18), in the evaluation that follows it."""
    original = module._evaluate
    steps = iter(range(1, 99))

    def trained(*arguments: object) -> object:
        for progress in module_train(*arguments):  # type: ignore[arg-type]
            assert next(steps) == progress.step
            if progress.step == when and when % 6:
                raise KeyboardInterrupt
            yield progress

    def killed(*arguments: Any) -> dict[str, Any]:
        if 6 * (len(arguments[-1]) + 1) == when:
            raise KeyboardInterrupt
        return original(*arguments)

    module_train = module.train
    with monkeypatch.context() as patched:
        patched.setattr(module, "train", trained)
        patched.setattr(module, "_evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            finetune(fresh(), EASY, CONFIG, tmp_path)
    said: list[str] = []
    finetune(fresh(), EASY, CONFIG, tmp_path, say=said.append)
    whole, resumed = (json.loads((folder / "metrics.json").read_text()) for folder in (finished[0], tmp_path))
    assert same(weights(finished[0]), weights(tmp_path))
    for name in ("epochs", "confusion", "best_epoch", "tokens", "steps"):
        assert whole[name] == resumed[name], name
    assert finetune(fresh(), EASY, CONFIG, tmp_path).was_finished


def test_seeds_differ_and_repeat(finished: tuple[Path, list[str]], tmp_path: Path) -> None:
    again = finetune(fresh(), EASY, CONFIG, tmp_path / "again").folder
    other = finetune(fresh(), EASY, replace(CONFIG, seed=1), tmp_path / "other").folder
    assert same(weights(finished[0]), weights(again))
    assert not same(weights(again), weights(other))


def test_a_frozen_encoder_stays_as_it_is(tmp_path: Path) -> None:
    model = fresh()
    model.encoder.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    finetune(model, EASY, CONFIG, tmp_path)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if name.startswith("head.")}


# A teacher


def test_a_teacher_is_listened_to_and_stays_as_it_is(learnt: Path, tmp_path: Path) -> None:
    teacher = SequenceClassifier.from_pretrained(learnt / "model")
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    wrong = [replace(example, label=1 - example.label) for example in EASY.train]
    only_the_teacher = replace(WITHOUT_DROPOUT, alpha_task=0.0, alpha_ce=1.0)
    run = finetune(fresh(1), replace(EASY, train=wrong), only_the_teacher, tmp_path, teacher=teacher)
    assert run.metrics["score"] > 0.9, "the labels are all wrong, the teacher is not"
    assert {"loss", "ce", "task"} <= run.log[0].keys()
    assert run.log[-1]["loss"] == pytest.approx(run.log[-1]["ce"])
    assert same(before, dict(teacher.state_dict()))


@pytest.mark.parametrize("head", [TokenClassifier, QuestionAnswering])
def test_every_head_learns_from_labels_and_teacher(head: type[TokenClassifier], tmp_path: Path) -> None:
    label = [0, 1, 0, 1, 1] if head is TokenClassifier else [1, 3]

    class Toy:
        name, id2label, model_class, decisive = "toy", ("a", "b"), head, ("right",)

        def features(self, rows: Sequence[int], tokenizer: WordPiece, max_length: int) -> list[Feature]:
            return [Feature([101, 2000 + row, 3000, 4000, 102], [0] * 5, label, row) for row in rows]

        def metrics(self, rows: object, features: Sequence[Feature], said: Sequence[Tensor]) -> dict[str, float]:
            axis = 1 if head is TokenClassifier else 0
            return {"right": sum(row.argmax(axis).tolist() == label for row in said) / len(said)}

    def model() -> TokenClassifier:
        torch.manual_seed(0)
        return head(ClassifierConfig(**asdict(TINY), id2label=("a", "b")))

    data = Dataset(Toy(), list(range(16)), {"validation": [1, 2]})
    first = finetune(model(), data, replace(CONFIG, epochs=8), tmp_path / "first")
    assert first.metrics["score"] == 1
    assert (first.metrics["confusion"] is None) == (head is QuestionAnswering)
    teacher = head.from_pretrained(first.folder / "model")
    second = finetune(model(), data, replace(CONFIG, epochs=8), tmp_path / "second", teacher=teacher)
    assert second.metrics["score"] == 1


def test_losses_weigh_teacher_and_labels() -> None:
    batch = collate([Feature([101, 5, 102], [0] * 3, 1, 0), Feature([101, 102], [0] * 2, 0, 1)], 0, SequenceClassifier)
    student, teacher = fresh(1), fresh(2)
    config = FinetuneConfig(alpha_ce=0.3, alpha_task=0.7, temperature=3.0)
    with torch.no_grad():
        terms = task_losses(GLUE["sst-2"], teacher, config)(student, batch)
        alone = task_losses(GLUE["sst-2"], None, config)(student, batch)
    assert terms["loss"].item() == pytest.approx(0.3 * terms["ce"].item() + 0.7 * terms["task"].item())
    assert alone["loss"].item() == terms["task"].item()
    assert isinstance(batch, TaskBatch)


# Bad input, and what is said of long texts


def test_cut_texts_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    run = finetune(fresh(), EASY, replace(CONFIG, epochs=1, max_length=6), tmp_path, say=said.append)
    assert run.metrics["cut"] == {"train": 48, "validation": 24}
    told = "train: 48 of 48 texts are longer than 6 tokens; 48 tokens were cut off."
    assert f"{told} A higher --max-length would keep more of them." in said


def test_no_greater_length_is_advised_where_the_model_reads_no_more(tmp_path: Path) -> None:
    said: list[str] = []
    model = fresh(config=replace(TINY, max_position_embeddings=6))
    finetune(model, EASY, replace(CONFIG, epochs=1, max_length=6), tmp_path, say=said.append)
    assert "train: 48 of 48 texts are longer than 6 tokens; 48 tokens were cut off." in said


def test_what_does_not_fit_is_refused(tmp_path: Path, tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match="needs a SequenceClassifier of similarity"):
        finetune(fresh(), Dataset(GLUE["sts-b"], [], {}), CONFIG, tmp_path)
    with pytest.raises(ValueError, match="max_length is 600, the model reads 512 tokens at most"):
        finetune(fresh(), EASY, replace(CONFIG, max_length=600), tmp_path)
    with pytest.raises(ValueError, match=r"The teacher is a TokenClassifier .* needs a SequenceClassifier"):
        finetune(fresh(), EASY, CONFIG, tmp_path, teacher=TokenClassifier(fresh().config))
    with pytest.raises(ValueError, match="knows 100 tokens"):
        finetune(fresh(config=replace(TINY, vocab_size=100)), EASY, CONFIG, tmp_path, tokenizer)
    with pytest.raises(ValueError, match=r"One step reads 64 .*--batch-size"):
        finetune(fresh(), EASY, replace(CONFIG, batch_size=64), tmp_path / "new")
    assert not (tmp_path / "new").exists(), "nothing is begun that cannot be done"


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (GLUE["sst-2"], ("NEGATIVE", "POSITIVE")),  # distilbert-base-uncased-finetuned-sst-2-english
        (Squad(), ("LABEL_0", "LABEL_1")),  # distilbert-base-uncased-distilled-squad
        (GLUE["sts-b"], ("LABEL_0",)),
    ],
)
def test_published_teachers_fit(task: Any, names: tuple[str, ...], tokenizer: WordPiece) -> None:
    teacher = task.model_class(ClassifierConfig(**vars(TINY), id2label=names))
    module._require_fit("teacher", teacher, task, tokenizer, CONFIG)


@pytest.mark.parametrize(
    ("names", "more", "parts"),
    [
        (("POSITIVE", "NEGATIVE"), {}, ["POSITIVE, NEGATIVE", "negative, positive"]),  # another order
        (("LABEL_0", "LABEL_1"), {}, ["id2label in its config.json"]),
        (("negative", "positive"), {"problem_type": "multi_label_classification"}, ["multi_label_classification"]),
    ],
)
def test_teachers_of_other_classes_do_not_fit(
    names: tuple[str, ...], more: dict[str, Any], parts: list[str], tokenizer: WordPiece
) -> None:
    teacher = SequenceClassifier(ClassifierConfig(**vars(TINY), id2label=names, **more))
    with pytest.raises(ValueError, match="teacher") as caught:
        module._require_fit("teacher", teacher, GLUE["sst-2"], tokenizer, CONFIG)
    assert all(part in str(caught.value) for part in parts)


def test_a_folder_with_another_run_is_refused(finished: tuple[Path, list[str]]) -> None:
    for model, data, config in (
        (fresh(1), EASY, CONFIG),
        (fresh(), replace(EASY, train=examples(50)), CONFIG),
        (fresh(), EASY, replace(CONFIG, epochs=2)),
    ):
        with pytest.raises(ValueError, match="holds a run with other settings"):
            finetune(model, data, config, finished[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"alpha_ce": 0.0, "alpha_task": 0.0}, "all 0"),
        ({"alpha_ce": -1.0}, "alpha_ce is -1"),
    ],
)
def test_bad_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FinetuneConfig(**wrong)


def test_settings_are_berts() -> None:
    config = FinetuneConfig()  # Devlin et al. (2019), appendix A.3
    assert config.betas == (0.9, 0.999)
    assert config.warmup_share == config.dropout == 0.1
    assert config.learning_rate in (5e-5, 3e-5, 2e-5)
    assert config.batch_size in (16, 32)
    assert config.epochs in (2, 3, 4)
    assert (config.temperature, config.alpha_ce, config.alpha_task) == (2.0, 0.5, 0.5)  # run_squad_w_distillation.py
    assert "mask_share" not in config.to_json()


# The command


def test_the_command_finetunes_records_and_distils_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tokenizer: WordPiece
) -> None:
    fresh().save_pretrained(tmp_path / "tiny")
    tokenizer.save(tmp_path / "tiny")
    data, results = str(data_folder() / "samples"), tmp_path / "results.json"
    results.write_text('{"machine": "some", "runs": []}')
    shared = ["--data", data, "--model", str(tmp_path / "tiny"), "--epochs", "1", "--precision", "fp32"]
    shared += ["--max-length", "24", "--results", str(results)]
    assert main(["finetune", "SST2", *shared, "--out", str(tmp_path / "one")]) == 0
    assert "sst-2, validation (epoch 1): accuracy 0." in capsys.readouterr().out
    teacher = str(tmp_path / "one" / "model")
    assert main(["finetune", "sst-2", *shared, "--teacher", teacher, "--out", str(tmp_path / "two")]) == 0
    assert main(["finetune", "sst-2", *shared, "--out", str(tmp_path / "one")]) == 0
    assert "was finished already" in capsys.readouterr().out
    table = json.loads(results.read_text())
    assert table["machine"] == "some"
    assert [run["settings"]["teacher"] for run in table["runs"]] == [teacher, ""], "one record a run, not two"
    stored = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert table["runs"][1]["score"] == stored["score"]


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "colla"]) == 2
    assert "There is no task 'colla': expected one of cola, sst-2" in capsys.readouterr().err
    assert main(["finetune", "cola", "--data", str(tmp_path)]) == 2
    assert "no CoLA/train.tsv" in capsys.readouterr().err
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no figures of runs"):
        record(tmp_path / "results.json", dict.fromkeys(RECORDED), {})


def test_bad_results_and_idle_flags_are_refused_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("[1, 2]")
    call = ["finetune", "sst-2", "--data", str(data_folder() / "samples"), "--out", str(tmp_path / "run")]
    assert main([*call, "--results", str(tmp_path / "results.json")]) == 2
    assert "holds no figures of runs" in capsys.readouterr().err
    for flag in ("--alpha-ce", "--alpha-task", "--temperature"):
        assert main([*call, flag, "1"]) == 2
        assert f"{flag} goes with --teacher" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_another_vocabulary_is_refused_though_it_has_as_many_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tokenizer: WordPiece
) -> None:
    for name in ("student", "teacher"):
        fresh().save_pretrained(tmp_path / name)
    tokenizer.save(tmp_path / "student")
    swapped = [*tokenizer.tokens]
    swapped[5000], swapped[6000] = swapped[6000], swapped[5000]
    (tmp_path / "teacher" / "vocab.txt").write_text("\n".join(swapped) + "\n", encoding="utf-8")
    call = ["finetune", "sst-2", "--data", str(data_folder() / "samples"), "--out", str(tmp_path / "run")]
    assert main([*call, "--model", str(tmp_path / "student"), "--teacher", str(tmp_path / "teacher")]) == 2
    assert "has another vocabulary than" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_tasks_go_by_several_spellings() -> None:
    sample = data_folder() / "samples"
    assert load("SST-2", sample).task is load("sst2", sample).task is GLUE["sst-2"]
    assert set(GLUE) <= set(loaders())
