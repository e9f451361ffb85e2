"""The project's own student, `minilm-student`: what is stored of it, who can load it, and what says so."""

import json
from pathlib import Path

import pytest
import torch
import transformers

import minidistil as md
from minidistil.ch05_weights import weights
from minidistil.ch05_weights.weights import STUDENTS_LAYERS, apply_changes
from minidistil.cli.main import main
from minidistil.files import data_folder, sha256
from minidistil.hub.official import STUDENT
from minidistil.runs.own_student import WORD, earlier_legs, take_layers
from minidistil.runs.report import comparison_table

LAYERS = data_folder() / f"{STUDENTS_LAYERS}.safetensors"


def test_its_provenance_is_that_of_its_file_which_is_small() -> None:
    provenance = json.loads(LAYERS.with_suffix(".json").read_text(encoding="utf-8"))
    assert (provenance["bytes"], provenance["sha256"]) == (LAYERS.stat().st_size, sha256(LAYERS))
    assert LAYERS.stat().st_size < 6e6
    assert provenance["tokens"] == sum(run["tokens"] for run in provenance["runs"])


def test_its_words_are_its_teachers_and_its_layers_its_own() -> None:
    teacher, student = (md.MaskedLM.from_pretrained(name) for name in ("minilm", STUDENT))
    assert torch.equal(student.state_dict()[WORD], teacher.state_dict()[WORD])
    assert (student.config.num_hidden_layers, student.config.type_vocab_size) == (3, 0)
    untrained = md.student_of(teacher, (0, 1, 2)).state_dict()
    matrices = {name: each for name, each in student.state_dict().items() if each.dim() == 2}
    same = {name for name, each in matrices.items() if torch.equal(each, untrained[name])}
    assert same == {WORD, "head.word.weight"}


@pytest.mark.parametrize("kind", [md.Encoder, md.SentenceEncoder])
def test_every_class_knows_its_name(kind: type[md.Encoder | md.SentenceEncoder]) -> None:
    own = md.MaskedLM.from_pretrained(STUDENT).state_dict()
    encoder = kind.from_pretrained(STUDENT).state_dict()
    assert all(torch.equal(each, own[f"encoder.{name.removeprefix('encoder.')}"]) for name, each in encoder.items())


def test_a_classifier_starts_from_it_and_its_tokenizer_is_the_official_one() -> None:
    model = md.SequenceClassifier.with_fresh_head(STUDENT, ("bad", "good"))
    assert model.config.num_hidden_layers == 3
    assert md.WordPiece.from_pretrained(STUDENT).vocab == md.WordPiece.from_pretrained("minilm").vocab


def test_transformers_loads_it_and_agrees(tmp_path: Path) -> None:
    model = md.MaskedLM.from_pretrained(STUDENT)
    model.save_pretrained(tmp_path)
    ids = torch.randint(1000, 30000, (2, 12))
    with torch.no_grad():
        official = transformers.DistilBertForMaskedLM.from_pretrained(tmp_path).eval()(input_ids=ids).logits
        torch.testing.assert_close(model(ids).logits, official, atol=1e-4, rtol=0)


def test_rounding_moves_no_weight_by_more_than_half_a_step(tiny_teacher: md.MaskedLM) -> None:
    student = md.student_of(tiny_teacher, (0,))
    before = {name: parameter.detach().clone() for name, parameter in student.named_parameters()}
    own = take_layers(student, tiny_teacher)
    assert not any("word_embeddings" in name for name in own)
    largest = {name: each.abs().amax(-1, keepdim=True) for name, each in before.items()}
    for name, parameter in student.named_parameters():
        step = largest[name] / 127 if parameter.dim() == 2 else largest[name] * 2**-10
        assert ((parameter - before[name]).abs() <= step / 2 + 1e-7).all(), name
    assert len(apply_changes({}, own)) == len(before) - 1  # all but the words


def test_a_student_with_words_of_its_own_is_refused(tiny_teacher: md.MaskedLM) -> None:
    student = md.student_of(tiny_teacher, (0,))
    with torch.no_grad():
        student.encoder.embeddings.word.weight[7] += 1
    with pytest.raises(ValueError, match="--freeze-words"):
        take_layers(student, tiny_teacher)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), ValueError, r"layers\.safetensors is damaged"),
        (lambda path: path.unlink(), FileNotFoundError, r"layers\.safetensors is missing"),
    ],
    ids=["cut", "missing"],
)
def test_a_damaged_file_is_one_sentence(damage, error, message, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for source in [*LAYERS.parent.iterdir(), *data_folder().glob("minilm-masked-lm.*")]:
        target = tmp_path / source.relative_to(data_folder())
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    damage(tmp_path / f"{STUDENTS_LAYERS}.safetensors")
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    with pytest.raises(error, match=message):
        md.MaskedLM.from_pretrained(STUDENT)


def test_doctor_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(STUDENT)]
    assert line.split() == [STUDENT, "verified"]


def test_a_command_loads_it_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fill", "She drank a cup of [MASK].", "--model", STUDENT, "--top-k", "1"]) == 0
    assert "she drank a cup of" in capsys.readouterr().out


def test_a_report_has_a_column_for_it(
    tiny_teacher: md.MaskedLM, tiny_corpus: md.corpus.Corpus, tokenizer: md.WordPiece, tmp_path: Path
) -> None:
    text = md.corpus.Corpus("few", tiny_corpus.train[:20], [], tiny_corpus.test[:5])
    config = md.DistilConfig(steps=1, batch_size=2, max_length=16, precision="fp32", validate_every=None)
    student = md.student_of(tiny_teacher, (0,))
    run = md.distil(tiny_teacher, student, text, config, tmp_path / "run", tokenizer, beside=STUDENT)
    held_out = md.masked_text(md.corpus.sequences(text.test, tokenizer, 16), tokenizer)
    expected = md.score(md.MaskedLM.from_pretrained(STUDENT), held_out)
    other = run.metrics["beside"]
    assert (other["name"], other["masked_accuracy"]) == (STUDENT, pytest.approx(expected.accuracy))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in comparison_table(run.metrics).splitlines()]
    assert {len(row) for row in rows} == {6}
    assert rows[0][4] == STUDENT
    (accuracy,) = [row for row in rows if row[0] == "masked accuracy"]
    assert accuracy[4] == f"{expected.accuracy:.3f}"
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert report.count(f"* {STUDENT}: ") == 3  # a line for each sentence


def test_a_run_that_went_on_from_an_unknown_student_is_not_stored() -> None:
    assert earlier_legs("") == []
    assert sum(run["tokens"] for run in earlier_legs(STUDENT)) > 0
    with pytest.raises(ValueError, match=r"runs/a/model.*minilm-student"):
        earlier_legs("runs/a/model")


def test_a_model_that_cannot_stand_beside_is_refused_before_the_training(
    tiny_teacher: md.MaskedLM, tiny_corpus: md.corpus.Corpus, tokenizer: md.WordPiece, tmp_path: Path
) -> None:
    student = md.student_of(tiny_teacher, (0,))
    wrong: list[tuple[object, type[Exception], str]] = [
        ("no-such-model", ValueError, r"no-such-model.*minilm-student"),
        (tmp_path, TypeError, "beside .*Path.* str"),
        ("student", ValueError, "beside is 'student'"),
    ]
    for name, error, message in wrong:
        with pytest.raises(error, match=message):
            md.distil(tiny_teacher, student, tiny_corpus, out=tmp_path / "run", tokenizer=tokenizer, beside=name)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_student_is_trained_further_and_the_folder_keeps_its_name(
    tiny_teacher: md.MaskedLM, tiny_corpus: md.corpus.Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join([*tiny_corpus.train[:300], *tiny_corpus.test]), encoding="utf-8")
    teacher, first = tmp_path / "teacher", tmp_path / "first"
    tiny_teacher.save_pretrained(teacher)
    md.WordPiece.from_pretrained("minilm").save(teacher)
    command = ["distil", "--teacher", str(teacher), "--text", str(text), "--steps", "2", "--batch-size", "2"]
    command += ["--max-length", "16", "--precision", "fp32", "--freeze-words", "--out"]
    assert main([*command, str(first), "--layers", "0"]) == 0
    start = str(first / "model")
    assert main([*command, str(tmp_path / "second"), "--student", start]) == 0
    assert json.loads((tmp_path / "second" / "config.json").read_text(encoding="utf-8"))["start"] == start
    for name in ("first", "second"):
        word = md.MaskedLM.from_pretrained(tmp_path / name / "model").state_dict()[WORD]
        assert torch.equal(word, tiny_teacher.state_dict()[WORD])
    capsys.readouterr()
    assert main([*command, str(tmp_path / "second")]) == 2
    said = capsys.readouterr().err
    assert "start" in said
    assert start in said
    with pytest.raises(SystemExit):
        main([*command, str(tmp_path / "third"), "--student", start, "--layers", "0"])
    assert "--layers" in capsys.readouterr().err
