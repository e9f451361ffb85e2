"""The chapters at work: `minidistil tokenize` and `minidistil bench`."""

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from minidistil import bench
from minidistil.bench import inference
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.cli.main import main


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


def test_a_table_begins_with_its_day_and_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bench.BENCHMARKS, "step", lambda: iter(["the table"]))
    assert main(["bench", "step"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{datetime.date.today().isoformat()}, ")
    assert torch.cuda.is_available() or "CPU with" in first
    assert first.endswith(f"torch {torch.__version__}")
    assert second == "the table"


def test_a_benchmark_of_different_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidistil.ch01_wordpiece.wordpiece.WordPiece.ids", lambda self, text: [0])
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
    monkeypatch.setattr(
        "minidistil.ch03_attention.attention.join_heads", lambda heads: heads.flatten(1).unflatten(1, (16, 384))
    )
    with pytest.raises(RuntimeError, match="differ"):
        bench.compare_attention(16)


TINY_ENCODER = EncoderConfig(
    vocab_size=99, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, type_vocab_size=0
)


def test_both_encoders_take_turns_and_are_equal() -> None:
    rounds = inference.compare_encoders(TINY_ENCODER, batch=2, length=5, seconds=0.0)
    assert {side: len(seconds) for side, seconds in rounds.items()} == dict.fromkeys(inference.SIDES, inference.ROUNDS)
    assert inference.ratio_of(rounds) > 0


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    rounds = {"minidistil": [1.0, 2.0, 1.0], "transformers": [3.0, 2.0, 50.0]}
    assert inference.ratio_of(rounds) == 3.0


def test_each_side_goes_first_in_every_other_round() -> None:
    order: list[str] = []
    inference.take_turns(lambda: order.append("ours"), lambda: order.append("theirs"), seconds=0.0)
    assert order[:6] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert order.count("ours") == order.count("theirs") == inference.ROUNDS + 1


def test_encoders_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "minidistil.ch04_encoder.encoder.Block.feed_forward",
        lambda self, hidden: self.contract(self.expand(hidden).relu()),
    )
    with pytest.raises(RuntimeError, match="differ"):
        inference.compare_encoders(TINY_ENCODER, batch=2, length=5, seconds=0.0)


@pytest.fixture
def small_teacher(tmp_path: Path, tokenizer: WordPiece) -> Path:
    torch.manual_seed(0)
    MaskedLM(replace(TINY_ENCODER, vocab_size=len(tokenizer), initializer_range=0.5)).save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", [inference.SENTENCE, inference.PARAGRAPH])
def test_fill_mask_is_compared_from_text_to_words(small_teacher: Path, text: str) -> None:
    rounds = inference.compare_fill_mask(small_teacher, text, seconds=0.0)
    assert {len(seconds) for seconds in rounds.values()} == {inference.ROUNDS}


def test_other_words_are_not_timed(small_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = inference.fill_mask
    monkeypatch.setattr(inference, "fill_mask", lambda *arguments: original(*arguments)[::-1])
    with pytest.raises(RuntimeError, match="differ"):
        inference.compare_fill_mask(small_teacher, inference.SENTENCE, seconds=0.0)


def test_loading_is_measured_in_processes_of_their_own() -> None:
    size = 30_000 * 64 * 4 / 2**20
    seconds, mebibytes = inference.compare_loading(replace(TINY_ENCODER, vocab_size=30_000, hidden_size=64), rounds=1)
    assert {side: len(found) for side, found in seconds.items()} == dict.fromkeys(inference.SIDES, 1)
    if Path("/proc/self/status").is_file():
        assert all(found > 0.9 * size for found in mebibytes.values()), mebibytes


def test_the_tables_have_a_line_for_each_piece_of_work() -> None:
    lines = list(inference.encoder_table(TINY_ENCODER, [(1, 3), (2, 5)], seconds=0.0))
    assert [line[:12] for line in lines[2:]] == ["1 x 3 tokens", "2 x 5 tokens"]
    lines = list(inference.fill_mask_table(seconds=0.0))
    assert [line.split("  ")[0] for line in lines[2:]] == ["a sentence", "a paragraph"]
    for line in lines[2:]:
        ratio, goal = line.split(" ms")[2].split()[:2]
        assert float(ratio) > 0
        assert goal == "1.3"


def test_without_transformers_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install transformers"):
        next(inference.table())


def test_what_falls_short_is_said() -> None:
    line = inference._line("8 tokens", {"minidistil": [0.002], "transformers": [0.001]}, 1.0)
    assert line.split() == ["8", "tokens", "2.0", "ms", "1.0", "ms", "0.50", "1.0", "falls", "short"]
    line = inference._line("8 tokens", {"minidistil": [0.001], "transformers": [0.001]}, 1.0)
    assert "falls" not in line
