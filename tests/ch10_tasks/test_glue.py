"""GLUE's files as published, the same examples from the hub, broken files, features and metrics."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import torch
from tokenizers import BertWordPieceTokenizer

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks import glue
from minidistil.ch10_tasks.glue import GLUE, PUBLISHED, Example, GlueTask, load_glue, read_tsv

# The first lines of the published files' columns, and a row of each task, with what it should become.
ROWS = {
    "cola": ("", "gj04\t0\t*\tThe car honked down the road.", Example("The car honked down the road.", None, 0)),
    "sst-2": ("sentence\tlabel", 'the " best " film \t1', Example('the " best " film ', None, 1)),
    "mrpc": (
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
        '1\t7\t8\tHe said "no.\tHe refused.',
        Example('He said "no.', "He refused.", 1),
    ),
    "sts-b": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        "0\tmain\tMSRvid\t2012\t1\tnone\tnone\tA plane.\tAn air plane.\t4.750",
        Example("A plane.", "An air plane.", 4.75),
    ),
    "qqp": ("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "1\t2\t3\tWhy?\tHow?\t0", Example("Why?", "How?", 0)),
    "mnli": (
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
        "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label",
        "0\t1\t1n\tfiction\t( a )\t( b )\tA\tB\tIt rains.\tIt is wet.\tneutral\tentailment",
        Example("It rains.", "It is wet.", 0),
    ),
    "qnli": ("index\tquestion\tsentence\tlabel", "0\tWho?\tShe did.\tnot_entailment", Example("Who?", "She did.", 1)),
    "rte": ("index\tsentence1\tsentence2\tlabel", "0\tRain.\tSun.\tnot_entailment", Example("Rain.", "Sun.", 1)),
    "wnli": ("index\tsentence1\tsentence2\tlabel", "0\tRain.\tWet.\t1", Example("Rain.", "Wet.", 1)),
}  # fmt: skip


def write(folder: Path, task: GlueTask, header: str, rows: list[str]) -> Path:
    place = folder / task.folder
    place.mkdir(parents=True)
    lines = [line for line in (header, *rows) if line]
    for name in ("train.tsv", *(files[0] for files in task.validation.values())):
        (place / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


@pytest.mark.parametrize("name", GLUE)
def test_every_task_is_read_from_its_published_columns(name: str, tmp_path: Path) -> None:
    header, row, example = ROWS[name]
    write(tmp_path, GLUE[name], header, [row, row])
    for folder in (tmp_path, tmp_path / GLUE[name].folder):
        dataset = load_glue(name, folder)
        assert dataset.train == [example, example]
        assert list(dataset.validation) == (["matched", "mismatched"] if name == "mnli" else ["validation"])
        assert all(rows == [example, example] for rows in dataset.validation.values())


def test_all_nine_tasks_have_their_official_metrics() -> None:
    # Wang et al. (2019), table 1
    official = {name: {"accuracy"} for name in ("sst-2", "mnli", "qnli", "rte", "wnli")}
    official |= {"cola": {"matthews"}, "sts-b": {"pearson", "spearman"}}
    official |= {"mrpc": {"accuracy", "f1"}, "qqp": {"accuracy", "f1"}}
    assert {name: set(task.decisive) for name, task in GLUE.items()} == official
    assert PUBLISHED.keys() == GLUE.keys()
    bert, distilbert = (sum(figures) / 9 for figures in zip(*PUBLISHED.values(), strict=True))
    assert (round(bert, 1), round(distilbert, 1)) == (79.5, 77.0)  # the macro scores published beside them


@pytest.mark.parametrize(
    ("name", "train", "dev"),
    [("cola", 8551, 1043), ("sst-2", 67349, 872), ("sts-b", 5749, 1500), ("mrpc", 4076, 1725)],
)
def test_the_real_files_are_read_whole(name: str, train: int, dev: int, outside_data: Path) -> None:
    dataset = load_glue(name, outside_data)
    assert (len(dataset.train), len(dataset.validation["validation"])) == (train, dev)
    for example in (*dataset.train, *dataset.validation["validation"]):
        assert example.text.strip()
        assert (example.pair is not None) == (name in ("sts-b", "mrpc"))
        assert 0 <= example.label <= (5 if name == "sts-b" else 1)


@pytest.mark.parametrize("name", ["sst-2", "mnli", "sts-b"])
def test_the_hub_gives_the_same_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, (_, _, example) = GLUE[name], ROWS[name]
    texts = dict(zip(task.hub_texts, (example.text, example.pair), strict=False))
    table = pyarrow.table({**{column: [text] for column, text in texts.items()}, "label": [example.label], "idx": [0]})
    splits = ["train", *("validation" if split == "validation" else f"validation_{split}" for split in task.validation)]
    folder = tmp_path / task.config
    folder.mkdir()
    for split in splits:
        pyarrow.parquet.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    listed = "".join(f"  - split: {split}\n    path: {task.config}/{split}-*\n" for split in splits)
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: {task.config}\n  data_files:\n{listed}---\n")
    monkeypatch.setattr(glue, "HUB", str(tmp_path))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    dataset = load_glue(name)
    assert dataset.train == [example]
    assert dataset.validation == {split: [example] for split in task.validation}


# Bad input


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no CoLA/train\.tsv in .*GLUE's layout"):
        load_glue("cola", tmp_path)
    header, row, _ = ROWS["sst-2"]
    (write(tmp_path, GLUE["sst-2"], header, [row]) / "dev.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"SST-2/dev\.tsv"):
        load_glue("sst-2", tmp_path)
    with pytest.raises(ValueError, match=r"no GLUE task 'squad': expected one of cola, sst-2"):
        load_glue("squad", tmp_path)


STSB = f"{ROWS['sts-b'][0]}\n0\ta\ta\ta\ta\ta\ta\tx\ty\t"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sst-2", "sentence\tclass\na\t1\n", "line 1: there is no column label among sentence, class"),
        ("sst-2", "", "line 1: there is no column sentence, label among none at all"),
        ("sst-2", "sentence\tlabel\n", "no example"),
        ("cola", "\n\n", "no example"),
        ("sst-2", "sentence\tlabel\na\t1\nb\n", "line 3: expected 2 columns, found 1"),
        ("sst-2", "sentence\tlabel\na\t1\tb\n", "line 2: expected 2 columns, found 3"),
        ("sst-2", "sentence\tlabel\na\t1\n\nb\t2\n", "line 4: the label is '2', expected one of 0, 1"),
        ("cola", "gj04\tyes\t\tText.\n", "line 1: the label is 'yes', expected one of 0, 1"),
        ("rte", f"{ROWS['rte'][0]}\n0\ta\tb\tmaybe\n", "line 2: .*'maybe', expected one of entailment"),
        *(
            ("sts-b", STSB + score, rf"line 2: the score is '{score}', .* 0 to 5")
            for score in ("very", "nan", "inf", "5.1", "-1")
        ),
    ],
)
def test_a_bad_file_is_named_with_the_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"train\.tsv.* {message}"):
        read_tsv(path, GLUE[name])


def test_line_ends_of_any_kind_and_separators_within_a_text(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_bytes("\ufeffsentence\tlabel\r\none\u2028line\t1\r\n".encode())
    assert read_tsv(path, GLUE["sst-2"]) == [Example("one\u2028line", None, 1)]


def test_lines_that_lack_columns_are_skipped_if_the_published_file_has_some(tmp_path: Path) -> None:
    header, row, example = ROWS["qqp"]
    write(tmp_path, GLUE["qqp"], header, [row, "5\t6\t7\tBroken?"])
    assert load_glue("qqp", tmp_path).train == [example]


# Features and metrics


def test_features_are_what_the_tokenizers_library_makes(minilm_folder: Path, tokenizer: WordPiece) -> None:
    official = BertWordPieceTokenizer(str(minilm_folder / "vocab.txt"))
    examples = [
        Example("A plane is taking off.", "An air plane took off, didn't it?", 1),
        Example("x " * 40, "y " * 9, 0),
    ]
    for example, feature in zip(examples, GLUE["mrpc"].features(examples, tokenizer, 24), strict=True):
        official.no_truncation()
        whole = official.encode(example.text, example.pair)
        official.enable_truncation(24, strategy="longest_first")
        expected = official.encode(example.text, example.pair)
        assert feature.input_ids == expected.ids
        assert feature.token_type_ids == expected.type_ids
        assert feature.cut == len(whole.ids) - len(expected.ids)
    assert [feature.example for feature in GLUE["mrpc"].features(examples, tokenizer, 24)] == [0, 1]


def test_a_text_that_just_fits_is_not_cut(tokenizer: WordPiece) -> None:
    examples = [Example("a b c", None, 1), Example("a b c d", None, 1)]
    assert [feature.cut for feature in GLUE["sst-2"].features(examples, tokenizer, 5)] == [0, 1]


def test_scores_become_metrics(tokenizer: WordPiece) -> None:
    examples = [Example("a", "b", label) for label in (1, 1, 0, 0)]
    predictions = [torch.tensor(row) for row in ([0.0, 2.0], [2.0, 0.0], [1.0, 0.0], [1.0, 0.0])]
    task = GLUE["mrpc"]
    found = task.metrics(examples, task.features(examples, tokenizer, 16), predictions)
    assert found == pytest.approx({"accuracy": 0.75, "f1": 2 / 3})
    numbers = [Example("a", "b", label) for label in (1.0, 2.0, 5.0)]
    task = GLUE["sts-b"]
    found = task.metrics(numbers, task.features(numbers, tokenizer, 16), [torch.tensor([x]) for x in (0.0, 3.0, 4.0)])
    assert found["spearman"] == pytest.approx(1)
    assert 0 < found["pearson"] < 1
