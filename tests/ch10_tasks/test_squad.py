"""SQuAD's files, good and broken; the sample; a model that learns ten questions, from labels and from a teacher."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset as Table

import minidistil as md
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch08_training.settings import FinetuneConfig
from minidistil.ch10_tasks import squad
from minidistil.ch10_tasks.load import load
from minidistil.ch10_tasks.question_answers import answer
from minidistil.ch10_tasks.question_windows import Answer, Question, Window
from minidistil.ch10_tasks.squad import Squad, by_article, from_rows, load_squad, read_squad
from minidistil.ch10_tasks.tasks import Dataset, predict
from minidistil.cli.main import main
from minidistil.files import data_folder
from minidistil.runs.finetuning import finetune
from tests.ch10_tasks.command import finetuned

SAMPLE = data_folder() / "samples" / "questions.json"
CONTEXT = "Rollo led the Normans."


def article(**changes: Any) -> dict[str, Any]:
    """An article with one question; a change replaces an entry of the question."""
    row = {"id": "q1", "question": "Who led them?", "answers": [{"text": "Rollo", "answer_start": 0}]} | changes
    return {"title": "Normans", "paragraphs": [{"context": CONTEXT, "qas": [row]}]}


def written(folder: Path, content: object, name: str = "dev.json") -> Path:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder / name


def test_a_file_is_read_with_all_answers(tmp_path: Path) -> None:
    answers = [{"text": "Rollo", "answer_start": 0}, {"text": "the Normans", "answer_start": 10}]
    path = written(tmp_path, {"version": "1.1", "data": [article(answers=answers)]})
    assert read_squad(path) == [
        Question("q1", "Normans", "Who led them?", CONTEXT, (Answer("Rollo", 0), Answer("the Normans", 10)))
    ]


def test_questions_that_the_text_does_not_answer_are_left_out(tmp_path: Path) -> None:
    impossible = article(id="q2", is_impossible=True, answers=[])
    path = written(tmp_path, {"data": [article(is_impossible=False), impossible]})
    assert [question.id for question in read_squad(path)] == ["q1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected the content to be an object, as in SQuAD v1.1, got []"),
        ({"data": "text"}, "expected data to be a list, as in SQuAD v1.1, got 'text'"),
        ({"data": []}, "no question"),
        ({"data": [7]}, "expected data[0] to be an object"),
        ({"data": [{"title": "T"}]}, "expected data[0].paragraphs to be a list"),
        ({"data": [article(), article(id=None)]}, "expected data[1].paragraphs[0].qas[0].id to be a text"),
        ({"data": [article(answers=[{"text": "Rollo"}])]}, "answers[0].answer_start to be a whole number"),
        ({"data": [article(answers=[])]}, "question q1 has no answer"),
        ({"data": [article(answers=[{"text": "Rollo", "answer_start": 1}])]}, "'Rollo' should begin at character 1"),
        ({"data": [article(answers=[{"text": "Rollo", "answer_start": -22}])]}, "'Rollo' should begin"),
        ({"data": [article(answers=[{"text": "", "answer_start": 3}])]}, "'' should begin"),
        ({"data": [article(answers=[{"text": "Rollo", "answer_start": False}])]}, "answer_start to be a whole number"),
        ({"data": [article(is_impossible="false")]}, "qas[0].is_impossible to be true or false"),
        ({"data": [article(is_impossible=0)]}, "qas[0].is_impossible to be true or false"),
        ({"data": [article(), article()]}, "question q1: another question has the same id"),
    ],
)
def test_a_broken_file_is_explained(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dev\.json") as caught:
        read_squad(written(tmp_path, content))
    assert message in str(caught.value)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev\.json is not JSON"):
        read_squad(tmp_path / "dev.json")


def test_splits_from_a_folder_and_from_one_file(tmp_path: Path) -> None:
    titles = [{**article(id=f"q{number}"), "title": f"T{number}"} for number in range(7)]
    one = written(tmp_path, {"data": titles}, "all.json")
    (tmp_path / "._all.json").write_bytes(b"macOS")
    for place in (one, tmp_path):
        dataset = load_squad(place)
        assert [question.title for question in dataset.train] == [f"T{number}" for number in range(6)]
        assert [question.title for question in dataset.validation["validation"]] == ["T6"]
    written(tmp_path, {"data": titles[:2]}, "train-v1.1.json")
    written(tmp_path, {"data": titles[2:3]}, "dev-v1.1.json")
    dataset = load_squad(tmp_path)
    assert (len(dataset.train), len(dataset.validation["validation"])) == (2, 1)
    (tmp_path / "dev-v1.1.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"its JSON files: all.json, train-v1.1.json"):
        load_squad(tmp_path)
    with pytest.raises(ValueError, match="All 1 questions are about 'T0'"):
        by_article(read_squad(one)[:1])


def test_the_hub_has_the_same_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(squad, "HUB", str(tmp_path / "hub"))
    questions = read_squad(SAMPLE)
    rows: list[dict[str, Any]] = [
        vars(question) | {"answers": {
            "text": [text for text, _ in question.answers],
            "answer_start": [start for _, start in question.answers],
        }}
        for question in questions
    ]  # fmt: skip
    for split, part in (("train", rows[:50]), ("validation", rows[50:])):
        Table.from_list(part).to_parquet(tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet")
    dataset = load_squad()
    assert (dataset.train, dataset.validation) == (questions[:50], {"validation": questions[50:]})
    with pytest.raises(ValueError, match=r"hub, question md-01: the answer"):
        from_rows([rows[0] | {"answers": {"text": ["nonsense"], "answer_start": [0]}}])


def test_the_answers_of_the_sample_are_whole_words() -> None:
    questions = read_squad(SAMPLE)
    assert len(questions) == 60
    assert len({question.context for question in questions}) == 10
    for question in questions:
        ((text, start),) = question.answers
        before, after = question.context[:start][-1:], question.context[start + len(text) :][:1]
        assert not before.isalnum(), f"{question.id} begins inside a word"
        assert not after.isalnum(), f"{question.id} ends inside a word"


# Learning


TINY = ClassifierConfig(
    hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, id2label=Squad().id2label,
    dropout=0.0, attention_dropout=0.0, qa_dropout=0.0,
)  # fmt: skip
SETTINGS = FinetuneConfig(epochs=25, batch_size=5, learning_rate=3e-3, max_length=128, dropout=0.0, precision="fp32")


@pytest.fixture(scope="module")
def ten_questions() -> Dataset:
    ten = read_squad(SAMPLE)[::6]
    return Dataset(Squad(), ten, {"validation": ten})


@pytest.fixture(scope="module")
def learned(ten_questions: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that has memorised ten questions."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("squad")
    run = finetune(md.QuestionAnswering(TINY), ten_questions, SETTINGS, folder)
    assert run.metrics["score"] == run.metrics["metrics"]["validation"]["f1"]
    return folder


def test_a_tiny_model_learns_ten_questions(learned: Path, ten_questions: Dataset, tokenizer: WordPiece) -> None:
    metrics = json.loads((learned / "metrics.json").read_text(encoding="utf-8"))["metrics"]["validation"]
    assert metrics["exact_match"] >= 0.8
    assert metrics["f1"] >= metrics["exact_match"]
    model = md.QuestionAnswering.from_pretrained(learned / "model")
    task, examples = ten_questions.task, ten_questions.train
    features = task.features(examples, tokenizer, 128)
    found = task.metrics(examples, features, predict(model, features, tokenizer.pad_token_id))
    assert found == pytest.approx(metrics)
    answers = [answer(each.question, each.context, model, tokenizer)[0]["answer"] for each in examples]
    right = sum(text == each.answers[0].text for text, each in zip(answers, examples, strict=True))
    assert right >= 7


def test_a_student_learns_from_a_teacher_without_labels(
    learned: Path, ten_questions: Dataset, tmp_path: Path, tokenizer: WordPiece
) -> None:
    """The second distillation: the weight of the labels is 0, so only the teacher knows the answers."""
    teacher = md.QuestionAnswering.from_pretrained(learned / "model")
    settings = FinetuneConfig(**vars(SETTINGS) | {"alpha_ce": 1.0, "alpha_task": 0.0})
    run = finetune(md.QuestionAnswering(TINY), ten_questions, settings, tmp_path, teacher=teacher)
    assert run.metrics["metrics"]["validation"]["exact_match"] >= 0.7
    assert run.log[-1]["ce"] < run.log[0]["ce"] / 4


def test_the_command_runs_on_the_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = finetuned("squad", SAMPLE, tmp_path, "--max-length", "96")
    assert "squad, validation (epoch 1): exact_match 0." in capsys.readouterr().out
    assert metrics["examples"] == {"train": 48, "validation": 12}
    teacher = ("--teacher", str(tmp_path / "run" / "model"), "--out", str(tmp_path / "second"))
    finetuned("squad", SAMPLE, tmp_path, "--max-length", "96", *teacher)
    lines = (tmp_path / "second" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert {"ce", "task"} <= set(json.loads(lines[-1]))
    assert main(["finetune", "squad", "--data", str(tmp_path / "absent"), "--model", "minilm"]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_the_real_file_is_read_cut_into_windows_and_scored(outside_data: Path, tokenizer: WordPiece) -> None:
    dataset = load("squad", outside_data)
    questions = [*dataset.train, *dataset.validation["validation"]]
    assert len(questions) == 705  # of 1407: the file is of version 2.0, with questions that have no answer
    features = dataset.task.features(questions, tokenizer, 384)
    assert len(questions) < len(features) < 1.05 * len(questions)
    perfect = []
    for feature in features:
        assert isinstance(feature, Window)
        first, last = feature.label  # type: ignore[misc]
        logits = torch.zeros(len(feature.input_ids), 2)
        if last:
            logits[first, 0] = logits[last, 1] = 9
        perfect.append(logits)
    assert dataset.task.metrics(questions, features, perfect) == {"exact_match": 1.0, "f1": 1.0}
    nothing = dataset.task.metrics(questions, features, [torch.zeros_like(logits) for logits in perfect])
    assert nothing["exact_match"] < 0.02 < nothing["f1"] < 0.2
