"""The chapters at work: `minidistil tokenize` and `minidistil bench`."""

import json

import pytest
import torch
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


def test_attention_is_timed_three_ways_and_the_fused_one_keeps_less() -> None:
    seconds, kept = bench.compare_attention(128)
    assert seconds.keys() == kept.keys() == {"readable", "fused", "torch"}
    weights = 4 * 12 * 128 * 128 * 4 / 2**20  # MiB of the weights alone
    assert kept["readable"] > kept["fused"] + 0.7 * weights


def test_what_is_kept_is_counted_once_and_needs_a_gradient() -> None:
    vector = torch.ones(2**18, requires_grad=True)  # 1 MiB
    assert bench.kept_for_backward(lambda: vector * vector) == 1
    with pytest.raises(ValueError, match="no gradient"):
        bench.kept_for_backward(lambda: vector.detach() * 2)


def test_attention_that_differs_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.attention.join_heads", lambda heads: heads.flatten(1).unflatten(1, (16, 384)))
    with pytest.raises(RuntimeError, match="differ"):
        bench.compare_attention(16)
