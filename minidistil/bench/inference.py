"""Inference, compared with transformers: the encoder at nine shapes, fill-mask from text to words, loading a model.

The two sides take turns, so that other load on the machine affects both, and a ratio is the median of the rounds' own
ratios. Both use the very same tensors, so that their place in memory cannot matter.

Letters in shapes: B sequences, L tokens, V vocabulary.
"""

import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import model_type, our_names
from minidistil.ch05_weights.weights import BareEncoder
from minidistil.parity.peers import FP32, largest_difference, require, without_progress_bars

SIDES = ("minidistil", "transformers")
Rounds = dict[str, list[float]]  # seconds of each way, one number for each round

DISTILBERT = EncoderConfig(num_hidden_layers=6, type_vocab_size=0)
SHAPES = [(batch, length) for batch in (1, 8, 32) for length in (16, 128, 512)]
SECONDS = 12.0  # for one line of a table, but at least ROUNDS rounds
ROUNDS = 5

SENTENCE = "If the file does not exist, an [MASK] is raised."
PARAGRAPH = (
    "Returns a list of all the names in the given folder, in no particular order. "
    "The second argument says whether names that begin with a dot are left out; the default is to keep them. "
    "A name that cannot be decoded is [MASK], as is one that another process removes at the same time. "
    "Where the folder itself is missing an error is raised, and its message tells which folder that was. "
    "Links are followed once, and a link that points to itself counts as a file with no content at all."
)


def table() -> Iterator[str]:
    """Three tables, each with the ratios that are the goal; ValueError if transformers is not installed."""
    require("transformers")
    threads = torch.get_num_threads()
    yield f"fp32 on the CPU, threads: {threads}. Ratio: transformers' / minidistil's; above 1, minidistil is better."
    yield from encoder_table(DISTILBERT, SHAPES)
    yield from fill_mask_table()
    yield from loading_table(DISTILBERT)


def encoder_table(config: EncoderConfig, shapes: Sequence[tuple[int, int]], seconds: float = SECONDS) -> Iterator[str]:
    """A line for each batch size and length; the weights are random, which takes the same time."""
    yield from _head("encoder, random weights")
    for batch, length in shapes:
        yield _line(f"{batch} x {length} tokens", compare_encoders(config, batch, length, seconds), 1.0)


def fill_mask_table(seconds: float = SECONDS) -> Iterator[str]:
    """A line for a sentence and one for a paragraph, with the offline teacher."""
    yield from _head("fill-mask, offline teacher")
    with tempfile.TemporaryDirectory() as folder:
        MaskedLM.from_pretrained("minilm").save_pretrained(folder)
        WordPiece.from_pretrained("minilm").save(folder)
        for name, text in (("a sentence", SENTENCE), ("a paragraph", PARAGRAPH)):
            yield _line(name, compare_fill_mask(Path(folder), text, seconds), 1.3)


def loading_table(config: EncoderConfig, rounds: int = ROUNDS) -> Iterator[str]:
    """A line for the time and one for the memory, which only Linux reports."""
    yield from _head("loading, then 8 tokens")
    seconds, mebibytes = compare_loading(config, rounds)
    yield _line("time", seconds, 1.0)
    quotient = mebibytes["transformers"] / mebibytes["minidistil"]
    both = "".join(f"{mebibytes[side]:>10.0f} MiB" for side in SIDES)
    note = "  only measured on Linux" if math.isnan(quotient) else _falls_short(quotient, 1.0)
    yield f"{'peak memory':<28}{both}{quotient:>8.2f}{1.0:>6.1f}{note}"


def _head(work: str) -> Iterator[str]:
    yield ""
    yield f"{work:<28}{'minidistil':>14}{'transformers':>14}{'ratio':>8}{'goal':>6}"


def _line(name: str, rounds: Rounds, goal: float) -> str:
    quotient = ratio(rounds, "transformers", "minidistil")
    times = "".join(f"{1000 * statistics.median(rounds[side]):>11.1f} ms" for side in SIDES)
    return f"{name:<28}{times}{quotient:>8.2f}{goal:>6.1f}{_falls_short(quotient, goal)}"


def _falls_short(quotient: float, goal: float) -> str:
    return "" if round(quotient, 2) >= goal else "  falls short"


def ratio(rounds: Rounds, slow: str, fast: str) -> float:
    """How many times as long one way takes as the other: the median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(rounds[slow], rounds[fast], strict=True))


def in_turns(ways: Mapping[str, Callable[[], Any]], seconds: float = SECONDS) -> Rounds:
    """Time several ways, one after the other in every round, after a warm-up; every other round in reverse order."""
    rounds: Rounds = {name: [] for name in ways}
    for way in ways.values():
        way()
    end = time.perf_counter() + seconds
    done = 0
    while done < ROUNDS or time.perf_counter() < end:
        for name in reversed(list(ways)) if done % 2 == 0 else ways:
            start = time.perf_counter()
            ways[name]()
            rounds[name].append(time.perf_counter() - start)
        done += 1
    return rounds


@torch.no_grad()
def compare_encoders(config: EncoderConfig, batch: int, length: int, seconds: float = SECONDS) -> Rounds:
    """Forward passes of a whole batch without padding; RuntimeError if the outputs differ."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    entries: dict[str, Any] = config.to_hugging_face("Model")
    reference = AutoModel.from_config(AutoConfig.for_model(**entries)).eval()
    model = BareEncoder(config).eval()
    names, tensors = our_names(model, model_type(config), prefix=False), reference.state_dict()
    model.load_state_dict({name: tensors[their] for their, name in names.items()}, assign=True)
    inputs = {"input_ids": torch.randint(1, config.vocab_size, (batch, length))}  # (B, L)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    _require_equal(model(**inputs).last_hidden_state, reference(**inputs).last_hidden_state)
    return in_turns({"minidistil": lambda: model(**inputs), "transformers": lambda: reference(**inputs)}, seconds)


def _require_equal(output: Tensor, expected: Tensor) -> None:
    if not largest_difference(output, expected) <= FP32:
        raise RuntimeError("The outputs of minidistil and transformers differ: a comparison of speed means nothing.")


def compare_fill_mask(folder: Path, text: str, seconds: float = SECONDS) -> Rounds:
    """From a text to its five words, with the model and vocabulary in a folder; transformers uses its pipeline.

    RuntimeError if the words or their scores differ.
    """
    from transformers import AutoTokenizer, pipeline

    with without_progress_bars():
        peer = pipeline("fill-mask", model=str(folder), tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu")
    model, tokenizer = MaskedLM.from_pretrained(folder), WordPiece.from_pretrained(folder)
    guesses, expected = fill_mask(text, model, tokenizer), peer(text)
    for name in ("token", "token_str", "sequence"):
        if [guess[name] for guess in guesses] != [guess[name] for guess in expected]:
            raise RuntimeError(f"The {name}s of minidistil and transformers differ.")
    _require_equal(*(torch.tensor([guess["score"] for guess in each]) for each in (guesses, expected)))
    ways = {"minidistil": lambda: fill_mask(text, model, tokenizer), "transformers": lambda: peer(text)}
    return in_turns(ways, seconds)


def compare_loading(config: EncoderConfig, rounds: int = ROUNDS) -> tuple[Rounds, dict[str, float]]:
    """Seconds, and MiB of peak memory (medians), to load a masked LM and run it on 8 tokens.

    Each time in a process of its own, after a small model: the time and memory of imports do not count.
    RuntimeError if the logits differ.
    """
    seconds: Rounds = {side: [] for side in SIDES}
    mebibytes: Rounds = {side: [] for side in SIDES}
    small = EncoderConfig(vocab_size=99, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    with tempfile.TemporaryDirectory() as folder:
        for name, each in (("small", small), ("model", config)):
            MaskedLM(each).save_pretrained(Path(folder, name))
        for _ in range(rounds):
            logits = []
            for side in SIDES:
                found = _load_elsewhere(side, Path(folder))
                seconds[side].append(found["seconds"])
                mebibytes[side].append(found["mebibytes"])
                logits.append(torch.tensor(found["logits"]))
            _require_equal(*logits)
    return seconds, {side: statistics.median(mebibytes[side]) for side in SIDES}


def _load_elsewhere(side: str, folder: Path) -> dict[str, Any]:
    code = f"from minidistil.bench.inference import load_once; load_once({side!r}, {str(folder)!r})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"Loading with {side} failed: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)


def load_once(side: str, folder: str) -> None:
    """Print, as JSON, the time and memory to load and run folder/model once, and some of its logits."""
    if side == "minidistil":
        load: Callable[[Path], Any] = MaskedLM.from_pretrained
    else:
        from transformers import AutoModelForMaskedLM

        load = AutoModelForMaskedLM.from_pretrained
    found = {}
    for name in ("small", "model"):
        before, start = process_memory("VmRSS"), time.perf_counter()
        with torch.no_grad():
            logits = load(Path(folder, name))(torch.arange(5, 13)[None]).logits  # (1, 8, V)
        found = {
            "seconds": time.perf_counter() - start,
            "mebibytes": process_memory("VmHWM") - before,
            "logits": logits[0, 0, :50].tolist(),
        }
    print(json.dumps(found))


def process_memory(entry: str) -> float:
    """MiB of this process's memory on Linux, now (VmRSS) or at its peak (VmHWM); NaN on other systems.

    getrusage would include the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(rf"{entry}:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) / 2**10 if found else math.nan
