"""Chapter 1 at work: `minidistil tokenize` and `minidistil bench tokenizer`."""

import json

import pytest
from tokenizers import Tokenizer

from minidistil import bench
from minidistil.cli import main


def test_tokenize_prints_what_the_official_one_says(
    capsys: pytest.CaptureFixture[str], official_tokenizer: Tokenizer
) -> None:
    text = "Café naïveté 北京 [MASK]."
    assert main(["tokenize", text, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    theirs = official_tokenizer.encode(text)
    assert printed["ids"] == theirs.ids
    assert printed["tokens"] == theirs.tokens
    assert [tuple(pair) for pair in printed["offsets"]] == theirs.offsets
    assert main(["tokenize", text]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["7668", "cafe", "0-4", "'Café'"]
    assert len(lines) == len(theirs.ids)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["bench", "swimming"], "There is no benchmark 'swimming': expected one of tokenizer"),
        (["tokenize", "a", "--model", "/nowhere"], "Unknown model '/nowhere'"),
    ],
)
def test_a_wrong_request_is_one_sentence(command: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1


def test_the_benchmark_compares_equal_ids_and_python_wins_where_words_repeat() -> None:
    texts = ["the same few words over and over again, as in most text"] * 2_000
    tokens, ours, theirs = bench.compare_tokenizers(texts, warm=False)
    assert tokens == 13 * 2_000
    assert theirs > 2 * ours


def test_rust_wins_where_nothing_repeats() -> None:
    _, ours, theirs = bench.compare_tokenizers(bench.random_strings(300), warm=False)
    assert ours > theirs


def test_a_benchmark_of_different_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.wordpiece.WordPiece.ids", lambda self, text: [0])
    with pytest.raises(RuntimeError, match="differ"):
        bench.compare_tokenizers(["one"], warm=False)
