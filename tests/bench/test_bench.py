"""`minidistil tokenize` and `minidistil bench`: each side's work is checked before it is timed."""

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

TINY = EncoderConfig(
    vocab_size=99, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, type_vocab_size=0
)


def test_tokenize_prints_the_official_tokens(capsys: pytest.CaptureFixture[str], official_tokenizer: Tokenizer) -> None:
    text = "Café naïveté 北京 [MASK]."
    assert main(["tokenize", text, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    official = official_tokenizer.encode(text)
    assert (printed["ids"], printed["tokens"]) == (official.ids, official.tokens)
    assert [tuple(pair) for pair in printed["offsets"]] == official.offsets
    assert main(["tokenize", text]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["7668", "cafe", "0-4", "'Café'"]
    assert len(lines) == len(official.ids)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["bench", "swimming"], "'swimming': expected one of tokenizer"),
        (["bench", "inference", "--backends", "fp32,abacus"], "['abacus']: expected some of fp32"),
        (["bench", "step", "--backends", "fp32"], "bench inference"),
        (["tokenize", "a", "--model", "/nowhere"], "'/nowhere'"),
    ],
)
def test_a_wrong_request_is_one_line(command: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1


def test_python_wins_where_words_repeat_and_rust_where_nothing_does() -> None:
    texts = ["the same few words over and over again, as in most text"] * 2_000
    tokens, seconds, official = bench.compare_tokenizers(texts, warm=False)
    assert tokens == 13 * 2_000
    assert official > 2 * seconds
    _, seconds, official = bench.compare_tokenizers(bench.random_strings(300), warm=False)
    assert seconds > official


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


def test_work_that_differs_is_not_timed(small_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_mask = inference.fill_mask
    monkeypatch.setattr(inference, "fill_mask", lambda *arguments: fill_mask(*arguments)[::-1])
    with pytest.raises(RuntimeError, match="differ"):
        inference.compare_fill_mask(small_teacher, inference.SENTENCE, seconds=0.0)
    monkeypatch.setattr("minidistil.ch01_wordpiece.wordpiece.WordPiece.ids", lambda self, text: [0])
    with pytest.raises(RuntimeError, match="differ"):
        bench.compare_tokenizers(["one"], warm=False)
    monkeypatch.setattr(
        "minidistil.ch04_encoder.encoder.Block.feed_forward",
        lambda self, hidden: self.contract(self.expand(hidden).relu()),
    )
    with pytest.raises(RuntimeError, match="differ"):
        inference.compare_encoders(TINY, batch=2, length=5, seconds=0.0)
    monkeypatch.setattr(
        "minidistil.ch03_attention.attention.join_heads", lambda heads: heads.flatten(1).unflatten(1, (16, 384))
    )
    with pytest.raises(RuntimeError, match="differ"):
        bench.compare_attention(16)


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert inference.ratio({"a": [1.0, 2.0, 1.0], "b": [3.0, 2.0, 50.0]}, "b", "a") == 3.0


def test_each_side_goes_first_in_every_other_round() -> None:
    order: list[str] = []
    inference.in_turns({each: lambda each=each: order.append(each) for each in "ab"}, seconds=0.0)  # type: ignore[misc]
    assert "".join(order) == "ab" + "baab" * (inference.ROUNDS // 2) + "ba" * (inference.ROUNDS % 2)


@pytest.fixture
def small_teacher(tmp_path: Path, tokenizer: WordPiece) -> Path:
    MaskedLM(replace(TINY, vocab_size=len(tokenizer), initializer_range=0.5)).save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", [inference.SENTENCE, inference.PARAGRAPH])
def test_fill_mask_is_compared_from_text_to_words(small_teacher: Path, text: str) -> None:
    rounds = inference.compare_fill_mask(small_teacher, text, seconds=0.0)
    assert {len(seconds) for seconds in rounds.values()} == {inference.ROUNDS}


def test_loading_is_measured_in_processes_of_their_own() -> None:
    size = 30_000 * 64 * 4 / 2**20
    seconds, mebibytes = inference.compare_loading(replace(TINY, vocab_size=30_000, hidden_size=64), rounds=1)
    assert {side: len(found) for side, found in seconds.items()} == dict.fromkeys(inference.SIDES, 1)
    if Path("/proc/self/status").is_file():
        assert all(found > 0.9 * size for found in mebibytes.values()), mebibytes


def test_the_tables_have_a_line_for_each_piece_of_work() -> None:
    lines = list(inference.encoder_table(TINY, [(1, 3), (2, 5)], seconds=0.0))
    assert [line[:12] for line in lines[2:]] == ["1 x 3 tokens", "2 x 5 tokens"]
    lines = list(inference.fill_mask_table(seconds=0.0))
    assert [line.split("  ")[0] for line in lines[2:]] == ["a sentence", "a paragraph"]
    for line in lines[2:]:
        ratio, goal = line.split(" ms")[2].split()[:2]
        assert float(ratio) > 0
        assert goal == "1.3"


def test_without_the_other_library_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name, package in (("inference", "transformers"), ("step", "transformers"), ("tokenizer", "tokenizers")):
        with pytest.raises(ValueError, match=f"pip install {package}"):
            next(bench.BENCHMARKS[name]())


def test_a_ratio_below_the_goal_falls_short() -> None:
    line = inference._line("8 tokens", {"minidistil": [0.002], "transformers": [0.001]}, 1.0)
    assert line.split() == ["8", "tokens", "2.0", "ms", "1.0", "ms", "0.50", "1.0", "falls", "short"]
    assert "falls" not in inference._line("8 tokens", {"minidistil": [0.001], "transformers": [0.001]}, 1.0)
